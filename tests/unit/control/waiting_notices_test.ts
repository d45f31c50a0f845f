import assert from "node:assert/strict";
import { Allowance } from "../../../lib/base/allowance.ts";
import { Attempts } from "../../../lib/control/attempts.ts";
import { WaitingNotices } from "../../../lib/control/waiting_notices.ts";

Deno.test("what is waited for is said once, whatever takes turns with it", () => {
  const notices = new WaitingNotices();
  const said: string[] = [];
  for (let now = 0; now < 50_000; now += 250) {
    for (const reason of ["a", "b"]) if (notices.fresh(reason, now)) said.push(reason);
  }
  assert.deepEqual(said, ["a", "b"]);
  assert.equal(notices.fresh("a", 61_000), true, "later it is news again");
  assert.equal(notices.fresh("a", 200_000), false, "but not while it is the same");
  notices.over();
  assert.equal(notices.fresh("a", 200_001), true);
});

Deno.test("reasons that are new each time are not all said", () => {
  const notices = new WaitingNotices();
  let said = 0;
  for (let i = 0; i < 1000; i++) if (notices.fresh(`reason ${i}`, i)) said++;
  assert.equal(said, 8);
});

Deno.test("attempts that fail begin at growing intervals, and soon while there are others to try", () => {
  const attempts = new Attempts();
  const pauses = (others: boolean, count: number) =>
    Array.from({ length: count }, () => {
      attempts.begins(0);
      return attempts.failed(others, 0);
    });
  assert.deepEqual(pauses(false, 8), [20, 40, 80, 160, 320, 640, 1000, 1000]);
  attempts.succeeded();
  assert.equal(Math.max(...pauses(true, 99)), 20);
  assert.deepEqual(pauses(true, 7).at(-1), 1000, "however many there are");
  attempts.succeeded();
  attempts.begins(0);
  assert.equal(attempts.failed(false, 2000), 0, "one that took long needs no pause");
});

Deno.test("an allowance is so much at once, and so much a second", () => {
  const allowance = new Allowance({ burst: 10, perSecond: 5 });
  assert.equal(allowance.has(0), true);
  allowance.take(25);
  assert.deepEqual([allowance.has(0), allowance.has(3000), allowance.has(3001)], [false, false, true]);
  assert.equal(allowance.has(1e9), true);
  allowance.take(10);
  assert.equal(allowance.has(1e9), false, "no more than the burst is saved up");
});
