/** Case 21: a parent that had made standard output non-blocking ended us: `Resource temporarily unavailable`. */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { Lines } from "../harness/lines.ts";
import { systemTest } from "../harness/system.ts";

const LINES = 60_000;
/** Makes its standard streams non-blocking, then becomes what it is to run. */
const NON_BLOCKING = [
  "python3",
  "-c",
  "import os, sys\nfor fd in (0, 1, 2): os.set_blocking(fd, False)\nos.execvp(sys.argv[1], sys.argv[1:])",
];

systemTest("case 21: non-blocking standard streams are waited for", async (system) => {
  await system.broker();
  const subscriber = system.start(["subscriber", "-t", "A", "--raw", "-m", String(LINES)], {
    within: NON_BLOCKING,
    slowReader: 30_000,
  });
  await subscriber.says(/registered in zone/);
  const lines = new Lines();
  const publisher = system.start(["publisher", "-t", "A", "--stdin", "--wait-for-subscribers", "1"], {
    within: NON_BLOCKING,
    stdin: lines.stream,
  });
  // It has nothing to read for a while.
  await publisher.says(/owns topic A/);
  lines.add(LINES);
  lines.end();
  assert.equal(await publisher.exit(), 0, publisher.stderr.join("\n"));
  assert.equal(await subscriber.exit(), 0, subscriber.stderr.join("\n"));
  await until("all lines are taken", () => subscriber.taken === LINES);
  assert.ok(subscriber.inOrder);
  assert.equal(subscriber.summary().lost, 0);
});
