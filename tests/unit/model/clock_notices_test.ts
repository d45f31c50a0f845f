import assert from "node:assert/strict";
import { ClockNotices } from "../../../lib/model/clock_notices.ts";

const at = (offset: number, bound = 1) => ({ broker: "b", offset, bound });

/** Two looks, as one alone says nothing. */
function look(notices: ClockNotices, offset: number, now: number, bound = 1): string | undefined {
  assert.equal(notices.look(at(offset, bound), now - 1), undefined);
  return notices.look(at(offset, bound), now);
}

Deno.test("case 38: a clock that is off is said once, with how far, and once more when it is right again", () => {
  const notices = new ClockNotices();
  assert.equal(look(notices, 80, 10), undefined, "clocks in step");
  assert.equal(look(notices, 150, 10, 60), undefined, "or perhaps in step");
  assert.equal(
    look(notices, 3_600_000, 10),
    "the clock is 3600.000 s behind, give or take 0.001 s, by that of broker b: latencies are wrong by as much",
  );
  assert.equal(look(notices, 3_600_050, 100_000), undefined, "no news");
  assert.equal(look(notices, -7000, 59_000), undefined, "not more than once a minute");
  assert.match(look(notices, -7000, 60_010)!, /is 7\.000 s ahead, give or take/);
  assert.equal(look(notices, 2, 120_010), "the clock is right again, by that of broker b");
  for (const offset of [2, -90, 90]) assert.equal(look(notices, offset, 500_000), undefined);
  assert.match(look(notices, 141, 600_000)!, /0\.141 s behind/);
});

Deno.test("what two looks in a row do not agree on is not said: a machine slept between question and answer", () => {
  const notices = new ClockNotices();
  assert.equal(notices.look(at(0), 0), undefined);
  assert.equal(notices.look(at(7_200_000), 1000), undefined);
  assert.equal(notices.look(at(0), 2000), undefined);
  assert.equal(notices.look(at(7_200_000), 3000), undefined);
  assert.equal(notices.look(at(-500), 4000), undefined);
  assert.match(notices.look(at(-500), 5000)!, /ahead/);
});
