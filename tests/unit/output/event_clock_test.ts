import assert from "node:assert/strict";
import fc from "fast-check";
import { EventClock } from "../../../lib/output/event_clock.ts";

Deno.test("the first event is due at once, the next ones on a grid that late wake-ups do not shift", () => {
  const clock = new EventClock(10, 1000);
  assert.equal(clock.wait(1000), 0);
  clock.take(1000);
  assert.equal(clock.wait(1000), 10);
  clock.take(1013); // woken 3 ms late
  assert.equal(clock.wait(1013), 7);
});

Deno.test("a rate faster than the timer is kept by catching up", () => {
  const clock = new EventClock(0.1, 0);
  let events = 0;
  for (let now = 0; now <= 1000; now++) {
    while (clock.wait(now) === 0) {
      clock.take(now);
      events++;
    }
  }
  assert.ok(events >= 9_990 && events <= 10_011, `${events} events in a second at 10,000/s`);
});

Deno.test("a source that was held up for long does not make up for it in a burst", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 5000, max: 100_000 }),
      (interval, held) => {
        const clock = new EventClock(interval, 0);
        clock.take(0);
        let burst = 0;
        while (clock.wait(held) === 0) {
          clock.take(held);
          burst++;
        }
        assert.ok(burst <= 2 + 100 / interval, `${burst} events at once`);
      },
    ),
  );
});
