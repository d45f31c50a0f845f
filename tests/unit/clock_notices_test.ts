import assert from "node:assert/strict";
import { ClockNotices } from "../../lib/clock_notices.ts";

const at = (offset: number, bound = 1) => ({ broker: "b", offset, bound });

Deno.test("case 38: a clock that is off is said once, with how far, and once more when it is right again", () => {
  const notices = new ClockNotices();
  assert.equal(notices.look(at(80), 0), undefined, "clocks in step");
  assert.equal(notices.look(at(150, 60), 0), undefined, "or perhaps in step");
  assert.equal(
    notices.look(at(3_600_000), 0),
    "the clock is 3600.000 s behind, give or take 0.001 s, by that of broker b: latencies are wrong by as much",
  );
  assert.equal(notices.look(at(3_600_050), 100_000), undefined, "no news");
  assert.equal(notices.look(at(-7000), 59_000), undefined, "not more than once a minute");
  assert.match(notices.look(at(-7000), 60_000)!, /is 7\.000 s ahead, give or take/);
  assert.equal(notices.look(at(2), 120_000), "the clock is right again, by that of broker b");
  assert.equal(notices.look(at(2), 500_000), undefined);
});
