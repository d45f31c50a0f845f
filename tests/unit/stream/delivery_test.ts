import assert from "node:assert/strict";
import fc from "fast-check";
import { AsyncQueue } from "../../../lib/base/async_queue.ts";
import { Delivery } from "../../../lib/stream/delivery.ts";
import { chunkOf } from "../../../lib/stream/window.ts";
import type { SampleBatch } from "../../../lib/wire/batch.ts";
import { BatchBuilder } from "../../../lib/wire/batch_builder.ts";

const KEY = new TextEncoder().encode("A\0pub\0L");

function batch(first: number, count: number): SampleBatch {
  const builder = new BatchBuilder(KEY);
  for (let i = 0; i < count; i++) builder.add(1000 + i, `sample ${first + i}`);
  const header = { incarnation: 1, epoch: 1n, first, count };
  return chunkOf(builder.finish(header), KEY.length, header, { topic: "A", publisher: "pub" });
}

/** Batches of these sizes, numbered on, and what is told of them. `msASample` is how long each takes. */
function waiting(sizes: readonly number[], options: { msASample?: number; open?: boolean } = {}) {
  const queue = new AsyncQueue<{ batch: SampleBatch }>();
  let first = 1;
  for (const size of sizes) {
    queue.push({ batch: batch(first, size) });
    first += size;
  }
  if (!options.open) queue.close();
  const told: string[] = [];
  let now = 0;
  const delivery = new Delivery(queue, {
    opened: (item) => told.push(`opened ${item.batch.firstSequence}`),
    taken: (item, { firstSequence, count }, whole) => {
      assert.ok(firstSequence >= item.batch.firstSequence);
      told.push(`took ${firstSequence}–${firstSequence + count - 1}${whole ? "." : ""}`);
    },
  }, () => now += options.msASample ?? 0);
  return { queue, delivery, told };
}

const numbersOf = (batch: SampleBatch) => [...batch].map(({ sequence }) => sequence);

Deno.test("every sample of every batch comes once, in order", async () => {
  const { delivery, told } = waiting([3, 1, 250, 2]);
  const numbers: number[] = [];
  const decoder = new TextDecoder();
  for await (const { sequence, payload } of delivery.samples()) {
    assert.equal(decoder.decode(payload), `sample ${sequence}`);
    numbers.push(sequence);
  }
  assert.deepEqual(numbers, Array.from({ length: 256 }, (_, i) => i + 1));
  assert.equal(told.at(-1), "took 255–256.");
});

Deno.test("samples asked for before the last one has come, come in order too", async () => {
  const { delivery } = waiting([2, 2, 1]);
  const iterator = delivery.samples();
  const results = await Promise.all(Array.from({ length: 7 }, () => iterator.next()));
  assert.deepEqual(results.map(({ value }) => value?.sequence), [1, 2, 3, 4, 5, undefined, undefined]);
});

Deno.test("the next batch is opened only when a sample of it is wanted; asking for more says that the last was taken", async () => {
  const { delivery, told } = waiting([1, 2]);
  const iterator = delivery.samples();
  await iterator.next();
  assert.deepEqual(told, ["opened 1"]);
  await iterator.next();
  await iterator.next();
  assert.deepEqual(told, ["opened 1", "took 1–1.", "opened 2"]);
  await iterator.next();
  assert.deepEqual(told, ["opened 1", "took 1–1.", "opened 2", "took 2–3."]);
});

Deno.test("who leaves in the middle of a batch has taken what was handed out; the next loop goes on there", async () => {
  const { delivery, told } = waiting([5, 2]);
  // The first piece is one sample.
  for await (const { sequence } of delivery.samples()) if (sequence === 3) break;
  assert.deepEqual(told, ["opened 1", "took 1–1", "took 2–3"]);
  const numbers: number[] = [];
  for await (const { sequence } of delivery.samples()) numbers.push(sequence);
  assert.deepEqual(numbers, [4, 5, 6, 7]);
  assert.deepEqual(told.slice(3), ["took 4–5.", "opened 6", "took 6–7."]);
});

Deno.test("whoever fails in a loop leaves it, too", async () => {
  const { delivery } = waiting([3]);
  await assert.rejects(
    async () => {
      for await (const _ of delivery.samples()) throw new Error("mine");
    },
    /mine/,
  );
  assert.equal((await delivery.samples().next()).value?.sequence, 2);
});

Deno.test("samples and batches go on where the other has stopped, left or not", async () => {
  const { delivery, told } = waiting([6, 1]);
  const samples = delivery.samples();
  assert.equal((await samples.next()).value?.sequence, 1);
  assert.equal((await samples.next()).value?.sequence, 2);
  const batches = delivery.batches();
  assert.deepEqual(numbersOf((await batches.next()).value!), [3, 4, 5, 6]);
  await batches.return!();
  assert.deepEqual(told, ["opened 1", "took 1–1", "took 2–2", "took 3–6."]);
  assert.equal((await batches.next()).done, true);
  assert.equal((await samples.next()).value?.sequence, 7);
  assert.equal((await samples.next()).done, true);
});

Deno.test("what comes for a loop that was left is kept for the next one", async () => {
  const { queue, delivery, told } = waiting([], { open: true });
  const first = delivery.batches();
  const late = first.next();
  await first.return!();
  const second = delivery.samples();
  const next = second.next();
  queue.push({ batch: batch(1, 2) });
  assert.equal((await late).done, true);
  assert.equal((await next).value?.sequence, 1);
  assert.deepEqual(told, ["opened 1"]);
});

Deno.test("who takes slowly gets pieces, and each is told of", async () => {
  const { delivery, told } = waiting([5], { msASample: 100 });
  const sizes: number[] = [];
  for await (const piece of delivery.batches()) sizes.push(piece.count);
  assert.deepEqual(sizes, [1, 2, 2]);
  assert.deepEqual(told, ["opened 1", "took 1–1", "took 2–3", "took 4–5."]);
});

Deno.test("a batch without samples is passed over", async () => {
  const { delivery } = waiting([0, 1]);
  assert.equal((await delivery.samples().next()).value?.sequence, 1);
});

Deno.test("any way of asking and leaving hands out every sample once, and tells of each once", async () => {
  const way = fc.record({
    kind: fc.constantFrom("samples", "batches"),
    times: fc.integer({ min: 1, max: 5 }),
    leave: fc.boolean(),
  });
  await fc.assert(fc.asyncProperty(
    fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 8 }),
    fc.array(way, { maxLength: 12 }),
    fc.constantFrom(0, 60, 300),
    async (sizes, ways, msASample) => {
      const { delivery, told } = waiting(sizes, { msASample });
      const numbers: number[] = [];
      for (const { kind, times, leave } of [...ways, { kind: "batches", times: 1000, leave: false }]) {
        const loop = kind === "samples" ? delivery.samples() : delivery.batches();
        for (let i = 0; i < times; i++) {
          const { value } = await loop.next();
          if (value === undefined) break;
          numbers.push(..."sequence" in value ? [value.sequence] : numbersOf(value));
        }
        if (leave) await loop.return!();
      }
      const all = sizes.reduce((sum, size) => sum + size, 0);
      assert.deepEqual(numbers, Array.from({ length: all }, (_, i) => i + 1));
      const taken = told.flatMap((line) => {
        const [, from, to] = /^took (\d+)–(\d+)/.exec(line) ?? [];
        return from === undefined ? [] : Array.from({ length: +to! - +from + 1 }, (_, i) => +from + i);
      });
      assert.deepEqual(taken, numbers);
      assert.equal(told.filter((line) => line.endsWith(".")).length, sizes.length);
    },
  ));
});

Deno.test("a failure in what is told is the reader's, and the next one asks again", async () => {
  const queue = new AsyncQueue<{ batch: SampleBatch }>();
  queue.push({ batch: batch(1, 1) });
  queue.push({ batch: batch(2, 1) });
  let failing = true;
  const taken = () => {
    if (failing) throw new Error("broken");
  };
  const delivery = new Delivery(queue, { opened() {}, taken }, () => 0);
  const loop = delivery.samples();
  await loop.next();
  const [broken, next] = [loop.next(), loop.next()];
  await assert.rejects(broken, /broken/);
  failing = false;
  assert.equal((await next).value?.sequence, 2);
});

Deno.test("what is asked for is answered in the order of asking, whatever comes when and whoever leaves meanwhile", async () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("ask" as const),
      kind: fc.constantFrom("samples", "batches"),
      times: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ do: fc.constant("push" as const), count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constantFrom("leave" as const, "rest" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { queue, delivery } = waiting([], { open: true });
      let loop: AsyncIterableIterator<unknown, undefined> | undefined, kind = "";
      let pushed = 0;
      const asked: Promise<IteratorResult<unknown, undefined>>[] = [];
      const settled: number[] = [];
      for (const one of steps) {
        if (one.do === "push") {
          queue.push({ batch: batch(pushed + 1, one.count) });
          pushed += one.count;
        } else if (one.do === "ask") {
          if (loop !== undefined && kind !== one.kind) await loop.return!();
          if (kind !== one.kind) loop = undefined;
          kind = one.kind;
          loop ??= kind === "samples" ? delivery.samples() : delivery.batches();
          for (let i = 0; i < one.times; i++) {
            const at = asked.length;
            asked.push(loop.next());
            void asked[at]!.then(({ done }) => done || settled.push(at));
          }
        } else if (one.do === "leave") {
          if (loop !== undefined) await loop.return!();
          loop = undefined;
        } else await new Promise((resolve) => setTimeout(resolve, 0));
      }
      queue.close();
      const numbers = (await Promise.all(asked)).flatMap(({ value }) =>
        value === undefined
          ? []
          : "sequence" in (value as object)
          ? [(value as { sequence: number }).sequence]
          : numbersOf(value as SampleBatch)
      );
      for await (const { sequence } of delivery.samples()) numbers.push(sequence);
      assert.deepEqual(numbers, Array.from({ length: pushed }, (_, i) => i + 1));
      assert.deepEqual(settled, settled.toSorted((a, b) => a - b));
    }),
    { numRuns: 300 },
  );
});

Deno.test("what is still asked for when a loop is left ends at once", async () => {
  const { delivery } = waiting([], { open: true });
  for (const loop of [delivery.samples(), delivery.batches()]) {
    const pending = [loop.next(), loop.next()];
    await loop.return!();
    assert.deepEqual((await Promise.all(pending)).map(({ done }) => done), [true, true]);
  }
});
