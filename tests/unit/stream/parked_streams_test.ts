import assert from "node:assert/strict";
import { ParkedStreams } from "../../../lib/stream/parked_streams.ts";

const place = (next: number, incarnation = 1) => ({
  incarnation,
  next,
  fencedUpTo: 0,
  refusedUpTo: 0,
  givenUp: 0,
});

Deno.test("case 41: a place is remembered until its publisher is back, once, with the life that it is of", () => {
  const parked = new ParkedStreams();
  assert.equal(parked.park("a", place(5)), undefined);
  assert.equal(parked.take("a")?.next, 5);
  assert.equal(parked.take("a"), undefined);
  parked.park("a", place(6, 2));
  assert.equal(parked.take("a")?.incarnation, 2);
});

Deno.test("of too many places the one that was parked first is given up, and named", () => {
  const parked = new ParkedStreams(2);
  parked.park("a", place(1));
  parked.park("b", place(2));
  parked.park("a", place(3));
  assert.deepEqual(parked.park("c", place(4)), ["b", place(2)]);
  assert.equal(parked.take("a")?.next, 3);
});
