import assert from "node:assert/strict";
import fc from "fast-check";
import { MessageRing } from "../../../lib/stream/message_ring.ts";
import type { SampleBatch } from "../../../lib/wire/batch.ts";
import { samples } from "./stream_fixture.ts";

Deno.test("messages come out as they went in, whatever was dropped before them", () => {
  const steps = fc.array(
    fc.record({
      push: fc.nat(40),
      shift: fc.nat(45),
      count: fc.integer({ min: 1, max: 4 }),
      epoch: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    }),
    { maxLength: 40 },
  );
  fc.assert(fc.property(steps, (steps) => {
    const ring = new MessageRing();
    const model: { batch: SampleBatch; sum: number }[] = [];
    let next = 1;
    let dropped = 0;
    for (const { push, shift, count, epoch } of steps) {
      for (let i = 0; i < push; i++) {
        const batch = samples(next, next + count - 1, { epoch, size: i });
        next += count;
        ring.push(batch, next * 1000);
        model.push({ batch, sum: next * 1000 });
      }
      for (let i = 0; i < Math.min(shift, model.length); i++) {
        ring.shift();
        model.shift();
        dropped++;
      }
      assert.equal(ring.size, model.length);
      assert.equal(ring.head, dropped);
      model.forEach(({ batch, sum }, i) => {
        const index = ring.head + i;
        assert.equal(ring.first(index), batch.firstSequence);
        assert.equal(ring.next(index), batch.nextSequence);
        assert.equal(ring.length(index), batch.bytes.length);
        assert.equal(ring.sum(index), sum);
      });
      for (const i of [0, model.length >> 1, model.length - 1]) {
        const kept = model[i];
        if (kept) assert.deepEqual(ring.batch(ring.head + i), kept.batch);
      }
    }
  }));
});

Deno.test("memory that messages stood in is let go with the last of them", () => {
  const ring = new MessageRing();
  for (let n = 1; n <= 100; n++) ring.push(samples(n, n), n);
  for (let n = 1; n <= 100; n++) ring.shift();
  assert.equal(ring.size, 0);
  // Numbers that come much later find their place too.
  ring.push(samples(2 ** 40, 2 ** 40), 7);
  assert.equal(ring.first(ring.head), 2 ** 40);
  assert.equal(ring.batch(ring.head).count, 1);
});
