/** Case 35: an owner that took over while a reader was away published its input to nobody and said that all was well. */
import assert from "node:assert/strict";
import { Lines } from "../harness/lines.ts";
import { type System, systemTest } from "../harness/system.ts";

/** Two publishers of a topic, one of which owns it, and a reader that is stopped when it has the first one's lines. */
async function succession(system: System, slowSubscriber: string, width = 0) {
  const short = ["--session-timeout", "2"];
  await system.broker();
  const reader = system.start(["subscriber", "-t", "A", "--raw", "--id", "reader", ...short]);
  await reader.says(/registered in zone/);
  const publish = ["publisher", "-t", "A", "--stdin", "--wait-for-subscribers", "1", ...short];
  const first = new Lines();
  const owner = system.start([...publish, "--id", "first"], { stdin: first.stream });
  await owner.says(/owns topic A/);
  const second = new Lines();
  const next = system.start([...publish, "--id", "next", "--slow-subscriber", slowSubscriber], {
    stdin: second.stream,
  });
  await next.says(/does not own topic A/);
  first.add(10);
  await reader.prints(10);
  first.end();
  assert.equal(await owner.exit(), 0);
  reader.signal("SIGSTOP");
  await system.absent("/shared_state/subscribers/reader");
  await next.says(/ owns topic A/);
  second.add(500, width);
  second.end();
  return { reader, next };
}

systemTest(
  "case 35: what the next owner publishes while the reader is away is delivered when it is back",
  async (system) => {
    const { reader, next } = await succession(system, "60");
    reader.signal("SIGCONT");
    assert.equal(await next.exit(), 0);
    await reader.prints(510);
    await reader.interrupt();
    assert.equal(reader.summary().lost, 0);
  },
);

systemTest(
  "case 35: a reader that is back too late is named by the publisher, and counts what it missed",
  async (system) => {
    const { reader, next } = await succession(system, "1", 80_000);
    assert.equal(await next.exit(), 1);
    assert.match(
      next.stderr.join("\n"),
      /ERROR .*next: reader has not acknowledged 500 samples of topic A \(1 to 500\)/,
    );
    reader.signal("SIGCONT");
    await reader.says(/lost samples \d+ to 500 of next on topic A/);
    await reader.interrupt();
    const { received, lost } = reader.summary();
    assert.equal(received + lost, 510);
    assert.ok(lost > 0, "what it missed is counted");
  },
);
