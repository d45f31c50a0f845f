import assert from "node:assert/strict";
import { BrokerClock } from "../../../lib/model/broker_clock.ts";

/** A keep-alive whose answer takes `rtt`, with both clocks as they are. */
function ask(clock: BrokerClock, at: number, rtt: number, ahead: number, wall = 1e12): void {
  clock.asked(at);
  assert.ok(clock.answered("b", at, wall + at + rtt / 2 + ahead, at + rtt, wall + at + rtt));
}

Deno.test("the best answer is kept while the clocks stay as they are", () => {
  const clock = new BrokerClock();
  ask(clock, 0, 1, 250);
  ask(clock, 1000, 40, 250);
  assert.deepEqual(clock.estimate, { broker: "b", offset: 250, bound: 0.5 });
});

Deno.test("a clock that is set here or there is seen by the next answer, good or bad", () => {
  const clock = new BrokerClock();
  ask(clock, 0, 1, 250);
  ask(clock, 1000, 40, 250 - 3_600_000);
  assert.deepEqual(clock.estimate, { broker: "b", offset: 250 - 3_600_000, bound: 20 });
});
