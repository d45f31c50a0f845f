import assert from "node:assert/strict";
import { EpochCheck } from "../../../lib/stream/epoch_check.ts";

const TERM = 1n << 32n;
const near = { reachable: true, newest: 100n };
const away = { reachable: false, newest: 100n };

function read(check: EpochCheck, mzxid: bigint, now: number): bigint | undefined {
  assert.equal(check.due(now), true);
  check.begin();
  assert.equal(check.due(now), false, "one read at a time");
  return check.answered(mzxid, now);
}

Deno.test("case 27: an epoch is believed up to the ceiling, above it when it was read again", () => {
  const check = new EpochCheck({ highest: 0n });
  read(check, 50n, 0);
  assert.equal(check.wanting, false);
  assert.equal(check.judge(50n, near, 0), "believe");
  assert.equal(check.judge(60n, near, 0), "hold");
  check.begin();
  assert.equal(check.target, 60n);
  assert.equal(check.answered(60n, 0), undefined);
  assert.equal(check.judge(60n, near, 0), "believe");
  assert.equal(check.wanting, false);
});

Deno.test("case 27: above what was read an epoch is refused, and read again once a second while such come", () => {
  const check = new EpochCheck({ highest: 0n });
  read(check, 50n, 0);
  assert.equal(check.judge(1000n, near, 0), "hold");
  read(check, 50n, 0);
  assert.equal(check.judge(1000n, near, 1), "refuse");
  assert.equal(check.judge(51n, near, 1), "refuse", "perhaps an honest one: to be asked for again");
  assert.equal(check.due(999), false);
  read(check, 51n, 1000);
  assert.equal(check.judge(51n, near, 1000), "believe");
  assert.equal(check.due(5000), false, "no more came");
});

Deno.test("case 27: out of reach, two terms above the newest zxid are believed, and no lie makes room for another", () => {
  const check = new EpochCheck({ highest: 0n });
  read(check, 50n, 0);
  const most = 100n + 2n * TERM;
  assert.equal(check.judge(most, away, 0), "believe");
  check.fence.highest = most;
  assert.equal(check.judge(most + 1n, away, 0), "refuse");
});

Deno.test("case 27: what was believed wrongly is taken back, even if it is delivered later", () => {
  const check = new EpochCheck({ highest: 0n });
  read(check, 50n, 0);
  assert.equal(check.judge(200n, away, 0), "believe");
  assert.equal(check.doubtful, true);
  read(check, 60n, 0);
  check.fence.highest = 200n;
  assert.equal(read(check, 60n, 1000), 200n);
  assert.equal(check.fence.highest, 60n);
  assert.equal(check.wanting, false);
});

Deno.test("case 27: what was believed while a read was under way is not judged by its answer", () => {
  const check = new EpochCheck({ highest: 0n });
  check.begin();
  assert.equal(check.judge(200n, away, 0), "believe");
  check.fence.highest = 200n;
  assert.equal(check.answered(60n, 0), undefined, "the answer may be older than that epoch");
  assert.equal(read(check, 200n, 0), undefined);
  assert.equal(check.fence.highest, 200n);
  assert.equal(check.doubtful, false);
});

Deno.test("case 27: a read that fails is done again after a second", () => {
  const check = new EpochCheck({ highest: 0n });
  check.begin();
  check.failed(0);
  assert.equal(check.due(999), false);
  assert.equal(check.due(1000), true);
});
