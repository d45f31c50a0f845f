import assert from "node:assert/strict";
import { Refused } from "../../../lib/stream/refused.ts";
import { costOf, Room } from "../../../lib/stream/room.ts";
import { samples } from "./stream_fixture.ts";

Deno.test("A room is short of one stream however much of it found no room, until that has come or is not wanted", () => {
  const room = new Room();
  const refused = new Refused(room);
  refused.add(samples(5, 6, {}), 3);
  refused.add(samples(9, 9, {}), 3);
  assert.equal(refused.to, 10);
  assert.equal(room.short, 1);
  refused.goOn(3, 9);
  assert.equal(room.short, 1);
  refused.goOn(9, 12);
  assert.equal(room.short, 0);
  refused.add(samples(20, 20, {}), 12);
  refused.forget(12);
  assert.deepEqual([room.short, refused.to], [0, 0]);
});

Deno.test("Asked for is what fits into the room, up to what is here already; at least one number", () => {
  const batch = samples(8, 8, { size: 1000 });
  const room = new Room(100 * costOf(batch));
  const refused = new Refused(room);
  assert.equal(refused.thatFits(3, 5, Infinity), 5, "nothing was refused");
  refused.add(batch, 3);
  const fits = 2 + Math.floor(room.share / costOf(batch));
  assert(fits < 1000 && fits > 8);
  assert.equal(refused.thatFits(3, 0, Infinity), fits, "all there is");
  assert.equal(refused.thatFits(3, 5, Infinity), 8, "what was refused at least");
  assert.equal(refused.thatFits(3, 0, 7), 6, "what is here from 7 on");
  room.queue(1e9);
  assert.equal(refused.thatFits(3, 0, Infinity), 3);
});
