/**
 * Case 42: who was stopped past its session, lost its id to another and was continued, went on receiving under it, with
 * two warnings a second for ever.
 */
import assert from "node:assert/strict";
import { publisherPath, subscriberPath } from "../../lib/model/paths.ts";
import { delay } from "../harness/condition.ts";
import type { Pubsub } from "../harness/process.ts";
import { systemTest } from "../harness/system.ts";

const SHORT = ["--session-timeout", "1", "--address", "127.0.0.1"];

/** It ends by itself, with one line that says why. */
async function endsWithOneError(process: Pubsub, before: number, role: string): Promise<void> {
  assert.equal(await process.exit(15_000), 1);
  const said = process.stderr.slice(before).filter((line) => / (WARN|ERROR) |^pubsub:|belongs to/.test(line));
  const about = said.filter((line) => /belongs to another|in use|held by|acting primary/.test(line));
  assert.equal(about.length, 1, about.join("\n"));
  assert.match(about[0]!, new RegExp(`The id \\S+ belongs to another ${role} now`));
}

for (const role of ["subscriber", "publisher"] as const) {
  systemTest(`case 42: a ${role} whose id has become another's ends with one clear error`, async (system) => {
    await system.broker("--address", "127.0.0.1");
    const flags = ["--topics", "T", "--ownership", "shared", "--id", "x", "--indefinite", ...SHORT];
    const record = role === "subscriber" ? subscriberPath("x") : publisherPath("x");
    const first = system.start([role, ...flags]);
    await first.says(/registered in zone/);
    // An id that was never ours is waited for.
    await system.present(record);
    first.signal("SIGSTOP");
    const second = system.start([role, ...flags]);
    await second.says(/registered in zone/);
    await system.present(record);
    const before = first.stderr.length;
    first.signal("SIGCONT");
    await endsWithOneError(first, before, role);
    assert.ok(second.running);
    assert.equal(await second.interrupt(), 0);
  });
}

systemTest("case 42: a broker and a pool whose id has become another's end, too", async (system) => {
  const commands = [
    { role: "broker", args: ["broker", "--id", "b"], says: /standby of zone/ },
    { role: "backup pool", args: ["backup-pool", "--id", "k", "--warm", "0"], says: /up to \d+ zones here/ },
  ];
  for (const { role, args, says } of commands) {
    const first = system.start([...args, ...SHORT]);
    await first.says(says);
    first.signal("SIGSTOP");
    const second = system.start([...args, ...SHORT]);
    await second.says(says);
    const before = first.stderr.length;
    first.signal("SIGCONT");
    await endsWithOneError(first, before, role);
    assert.equal(await second.interrupt(), 0);
  }
});

systemTest("case 42: a newcomer waits for an id that is another's, and says so once", async (system) => {
  await system.broker("--address", "127.0.0.1");
  const flags = ["--topics", "T", "--ownership", "shared", "--id", "x", "--indefinite", ...SHORT];
  const first = system.start(["subscriber", ...flags]);
  await first.says(/registered in zone/);
  const second = system.start(["subscriber", ...flags]);
  await second.says(/waiting for id x, which is in use by another subscriber/);
  await delay(2500);
  assert.equal(second.stderr.filter((line) => /waiting for/.test(line)).length, 1);
  assert.equal(await first.interrupt(), 0);
  await second.says(/registered in zone/);
  assert.equal(await second.interrupt(), 0);
});
