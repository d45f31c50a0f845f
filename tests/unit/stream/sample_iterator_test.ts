import assert from "node:assert/strict";
import { SampleIterator } from "../../../lib/stream/sample_iterator.ts";
import { BatchBuilder, type SampleBatch } from "../../../lib/wire/batch.ts";
import { chunkOf } from "../../../lib/stream/window.ts";

const KEY = new TextEncoder().encode("A\0pub\0L");

function batch(first: number, count: number): SampleBatch {
  const builder = new BatchBuilder(KEY);
  for (let i = 0; i < count; i++) builder.add(1000 + i, `sample ${first + i}`);
  const header = { incarnation: 1, epoch: 1n, first, count };
  return chunkOf(builder.finish(header), KEY.length, header, { topic: "A", publisher: "pub" });
}

/** Batches of these sizes, numbered on; says how many were asked for and whether it was left. */
function source(sizes: number[]) {
  const seen = { asked: 0, left: false };
  async function* batches(): AsyncGenerator<SampleBatch> {
    let first = 1;
    try {
      for (const size of sizes) {
        seen.asked++;
        await Promise.resolve();
        yield batch(first, size);
        first += size;
      }
    } finally {
      seen.left = true;
    }
  }
  return { seen, batches: batches() };
}

Deno.test("every sample of every batch comes once, in order", async () => {
  const { batches, seen } = source([3, 1, 250, 2]);
  const numbers: number[] = [];
  const decoder = new TextDecoder();
  for await (const { sequence, payload } of new SampleIterator(batches)) {
    assert.equal(decoder.decode(payload), `sample ${sequence}`);
    numbers.push(sequence);
  }
  assert.deepEqual(numbers, Array.from({ length: 256 }, (_, i) => i + 1));
  assert.equal(seen.left, true);
});

Deno.test("samples asked for before the last one has come, come in order too", async () => {
  const { batches } = source([2, 2, 1]);
  const iterator = new SampleIterator(batches);
  const results = await Promise.all(Array.from({ length: 7 }, () => iterator.next()));
  assert.deepEqual(results.map(({ value }) => value?.sequence), [1, 2, 3, 4, 5, undefined, undefined]);
});

Deno.test("the next batch is asked for only when a sample of it is wanted", async () => {
  const { batches, seen } = source([2, 2]);
  const iterator = new SampleIterator(batches);
  await iterator.next();
  await iterator.next();
  assert.equal(seen.asked, 1);
  await iterator.next();
  assert.equal(seen.asked, 2);
});

Deno.test("leaving the loop leaves the batches, in the middle of one", async () => {
  const { batches, seen } = source([5, 5]);
  for await (const { sequence } of new SampleIterator(batches)) if (sequence === 2) break;
  assert.deepEqual(seen, { asked: 1, left: true });
});

Deno.test("a failure of the batches is the reader's", async () => {
  async function* batches(): AsyncGenerator<SampleBatch> {
    yield batch(1, 1);
    throw await Promise.resolve(new Error("broken"));
  }
  const iterator = new SampleIterator(batches());
  assert.equal((await iterator.next()).value?.sequence, 1);
  await assert.rejects(iterator.next(), /broken/);
});
