import assert from "node:assert/strict";
import fc from "fast-check";
import { Pending } from "../../../lib/stream/pending.ts";
import { Room } from "../../../lib/stream/room.ts";
import { samples } from "./stream_fixture.ts";

const batches = fc.array(
  fc.record({
    first: fc.integer({ min: 1, max: 100 }),
    count: fc.integer({ min: 1, max: 9 }),
    request: fc.nat(2),
  }),
  { maxLength: 100, size: "max" },
);

Deno.test("batches come out in the order of their numbers, and none is kept that adds nothing to its neighbour", () => {
  fc.assert(fc.property(batches, (given) => {
    const pending = new Pending(new Room());
    const kept = new Set<number>();
    for (const { first, count, request } of given) {
      const result = pending.add(samples(first, first + count - 1, { request }));
      assert.notEqual(result, "refused");
      for (let n = first; n < first + count; n++) {
        if (result === "known") assert.ok(kept.has(n));
        kept.add(n);
      }
    }
    const live = given.filter(({ request }) => request === 0).map(({ first }) => first);
    if (pending.firstLive > 0) assert.ok(live.includes(pending.firstLive));
    const out = new Set<number>();
    let before = 0;
    for (let batch = pending.shift(); batch !== undefined; batch = pending.shift()) {
      assert.ok(batch.firstSequence >= before);
      before = batch.firstSequence;
      for (const { sequence } of batch) out.add(sequence);
    }
    assert.deepEqual([...out].sort(), [...kept].sort());
    assert.equal(pending.byteLength, 0);
    assert.equal(pending.size, 0);
    assert.equal(pending.first, undefined);
    assert.equal(pending.firstLive, 0);
  }));
});

Deno.test("the same batch once more, or a part of it, is known", () => {
  const pending = new Pending(new Room());
  assert.equal(pending.add(samples(3, 6)), "kept");
  assert.equal(pending.add(samples(3, 6)), "known");
  assert.equal(pending.add(samples(4, 6, { request: 1 })), "known");
  assert.equal(pending.add(samples(4, 7)), "kept");
  assert.equal(pending.add(samples(2, 6)), "kept");
  assert.equal(pending.size, 3);
});

Deno.test("memory is bounded over all streams: live batches are refused first, answers find a little more room", () => {
  const room = new Room(100_000);
  const [pending, other] = [new Pending(room), new Pending(room)];
  let n = 2;
  while (pending.add(samples(n, n)) === "kept") n++;
  assert.equal(pending.byteLength, room.used);
  assert.ok(room.used > 69_000 && room.used <= 70_000);
  assert.equal(other.add(samples(n, n)), "refused");
  while (other.add(samples(n, n, { request: 1 })) === "kept") n++;
  assert.ok(room.used > 89_000 && room.used <= 90_000);
  // Empty payloads count, too: a batch costs memory whatever is in it.
  assert.ok(pending.size < 200);
  pending.shift();
  pending.shift();
  assert.equal(other.add(samples(n, n, { request: 1 })), "kept", "there is room again");
});
