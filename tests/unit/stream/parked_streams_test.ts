import assert from "node:assert/strict";
import { ParkedStreams } from "../../../lib/stream/parked_streams.ts";

const place = (next: number, incarnation = 1) => ({
  incarnation,
  next,
  fencedUpTo: 0,
  refusedUpTo: 0,
  givenUp: 0,
});

Deno.test("case 41: a place is remembered until that life of the publisher is back, once", () => {
  const parked = new ParkedStreams();
  assert.equal(parked.park("a", place(5)), undefined);
  assert.equal(parked.take("a", 1)?.next, 5);
  assert.equal(parked.take("a", 1), undefined);
  parked.park("a", place(6));
  assert.equal(parked.take("a", 2), undefined, "another life begins anew");
  assert.equal(parked.take("a", 1), undefined, "and the one before does not come back");
});

Deno.test("of too many places the one that was parked first is given up, and named", () => {
  const parked = new ParkedStreams(2);
  parked.park("a", place(1));
  parked.park("b", place(2));
  parked.park("a", place(3));
  assert.equal(parked.park("c", place(4)), "b");
  assert.equal(parked.take("a", 1)?.next, 3);
});
