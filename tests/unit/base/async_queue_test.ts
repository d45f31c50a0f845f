import assert from "node:assert/strict";
import fc from "fast-check";
import { AsyncQueue } from "../../../lib/base/async_queue.ts";

Deno.test("items come in order, those before the close too", async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  queue.push(2);
  const reading = (async () => {
    const seen: number[] = [];
    for await (const item of queue) seen.push(item);
    return seen;
  })();
  await Promise.resolve();
  queue.push(3);
  queue.close();
  queue.push(4);
  assert.deepEqual(await reading, [1, 2, 3]);
  assert.equal(queue.closed, true);
  assert.deepEqual(await queue.next(), { value: undefined, done: true });
});

Deno.test("with a limit the newest items stay", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(300), (limit, count) => {
    const queue = new AsyncQueue<number>({ limit });
    for (let i = 0; i < count; i++) {
      queue.push(i);
      assert.ok(queue.size <= limit);
    }
    const taken: number[] = [];
    for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item);
    assert.deepEqual(
      taken,
      Array.from({ length: Math.min(limit, count) }, (_, i) => count - taken.length + i),
    );
    assert.equal(queue.size, 0);
  }));
});

Deno.test("any mix of pushing and taking keeps the order and the size", () => {
  fc.assert(fc.property(fc.array(fc.boolean(), { maxLength: 500, size: "max" }), (steps) => {
    const queue = new AsyncQueue<number>();
    const expected: number[] = [];
    let next = 0;
    for (const push of steps) {
      if (push) {
        queue.push(next);
        expected.push(next++);
      } else assert.equal(queue.take(), expected.shift());
      assert.equal(queue.size, expected.length);
    }
  }));
});

Deno.test("several consumers share the items, and all of them end", async () => {
  const queue = new AsyncQueue<number>();
  const waiting = [queue.next(), queue.next(), queue.next()];
  queue.push(1);
  queue.push(2);
  queue.close();
  assert.deepEqual(await Promise.all(waiting), [
    { value: 1, done: false },
    { value: 2, done: false },
    { value: undefined, done: true },
  ]);
});

Deno.test("who leaves the loop ends the queue and lets go of its items", async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  queue.push(2);
  for await (const item of queue) {
    assert.equal(item, 1);
    break;
  }
  assert.equal(queue.closed, true);
  assert.equal(queue.size, 0);
});

Deno.test("a loop that is left leaves the queue, and the next one goes on", async () => {
  const queue = new AsyncQueue<number>();
  for (const item of [1, 2, 3]) queue.push(item);
  for await (const item of queue.loop()) if (item === 2) break;
  assert.equal(queue.closed, false);
  const seen: number[] = [];
  queue.close();
  for await (const item of queue.loop()) seen.push(item);
  assert.deepEqual(seen, [3]);
});

Deno.test("what comes for a loop that was left goes to the next one, before what comes later", async () => {
  const queue = new AsyncQueue<number>();
  const left = queue.loop();
  const late = left.next();
  await left.return!();
  queue.push(1);
  queue.push(2);
  assert.deepEqual(await late, { value: undefined, done: true });
  assert.deepEqual(await left.next(), { value: undefined, done: true });
  assert.deepEqual([queue.take(), queue.take()], [1, 2]);

  const other = queue.loop();
  const pending = other.next();
  const waiting = queue.next();
  await other.return!();
  queue.push(3);
  assert.equal((await pending).done, true);
  assert.equal((await waiting).value, 3);
});

Deno.test("loops that were left take nothing, and the next ones get everything in order", async () => {
  const queue = new AsyncQueue<string>();
  const left = queue.loop();
  const pending = left.next();
  await left.return!();
  assert.equal((await pending).done, true);
  const loop = queue.loop();
  const both = [loop.next(), loop.next()];
  queue.push("first");
  queue.push("second");
  assert.deepEqual((await Promise.all(both)).map(({ value }) => value), ["first", "second"]);
});
