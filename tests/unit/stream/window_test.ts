import assert from "node:assert/strict";
import fc from "fast-check";
import { Window } from "../../../lib/stream/window.ts";
import type { SampleBatch } from "../../../lib/wire/batch.ts";
import { decodeBatch } from "../../../lib/wire/batch.ts";
import { keyLength, replayKey } from "../../../lib/wire/key.ts";
import { INCARNATION, NAME, samples } from "./stream_fixture.ts";

const KEY = replayKey(NAME.topic, NAME.publisher, "s");

/** The numbers and payloads that a window gives out, with the messages they came in. */
function replayed(window: Window, from: number, to: number, historical = false) {
  const messages = [...window.replay(KEY, from, to, { request: 9, historical, epoch: 5n })].map((bytes) => {
    const batch = decodeBatch(bytes, keyLength(bytes), NAME);
    if (!("count" in batch)) throw batch;
    return batch;
  });
  return { messages, samples: messages.flatMap((batch) => [...batch]) };
}

const pushes = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 20 }),
    epoch: fc.constantFrom(1n, 1n, 1n, 2n),
    needed: fc.nat(60),
  }),
  { maxLength: 300, size: "max" },
);

Deno.test("a window keeps the history, what is needed and the repair buffer, and a message as a whole", () => {
  const bounds = fc.record({
    offered: fc.nat(50),
    repairSamples: fc.nat(50),
    repairBytes: fc.constantFrom(0, 3000, 1e9),
  });
  fc.assert(fc.property(bounds, pushes, (options, pushes) => {
    const window = new Window(options);
    const all: SampleBatch[] = [];
    let last = 0;
    let needed = 0;
    for (const { count, epoch, needed: behind } of pushes) {
      const batch = samples(last + 1, last + count, { epoch });
      all.push(batch);
      last += count;
      // What is needed never moves back.
      needed = Math.max(needed, last + 1 - behind);
      window.push(batch, needed);
      assert.equal(window.last, last);
      const kept = all.filter(({ firstSequence }) => firstSequence >= window.oldest);
      assert.equal(window.chunkCount, kept.length);
      assert.equal(window.byteLength, kept.reduce((sum, { bytes }) => sum + bytes.length, 0));
      assert.ok(window.oldest <= Math.max(1, last + 1 - options.offered), "the history is there");
      assert.ok(window.oldest <= Math.max(1, needed), "what is needed is there");
      // The oldest message is there for a reason.
      const first = kept[0];
      if (first) {
        const end = first.nextSequence - 1;
        const repaired = end >= last + 1 - options.repairSamples && window.byteLength <= options.repairBytes;
        assert.ok(end >= last + 1 - options.offered || end >= needed || repaired);
      }
    }
  }));
});

Deno.test("what is kept comes again as it was, and nothing else", () => {
  fc.assert(fc.property(pushes, fc.nat(2000), fc.nat(2000), fc.boolean(), (pushes, from, to, historical) => {
    const window = new Window({ offered: 30, repairSamples: 100 });
    for (const { count, epoch } of pushes) {
      window.push(samples(window.last + 1, window.last + count, { epoch }));
    }
    const answer = replayed(window, from, to, historical);
    const first = Math.max(from, window.oldest);
    const expected = Array.from(
      { length: Math.max(0, Math.min(to, window.last) + 1 - first) },
      (_, i) => first + i,
    );
    assert.deepEqual(answer.samples.map(({ sequence }) => sequence), expected);
    for (const { sequence, payload, epoch, publishTime } of answer.samples) {
      assert.equal(new TextDecoder().decode(payload), String(sequence));
      assert.equal(epoch, 5n, "the epoch of now");
      assert.equal(publishTime, sequence);
    }
    for (const batch of answer.messages) {
      assert.ok(batch.count > 0);
      assert.equal(batch.request, 9);
      assert.equal(batch.incarnation, INCARNATION);
      assert.equal(batch.historical, historical);
    }
    assert.ok(answer.messages.length <= 1, "small neighbours are packed together");
  }));
});

Deno.test("large messages are not packed together", () => {
  const window = new Window({ offered: 10 });
  for (let n = 1; n <= 10; n++) window.push(samples(n, n, { size: 30_000 }));
  const { messages } = replayed(window, 1, 10);
  assert.deepEqual(messages.map(({ count }) => count), [2, 2, 2, 2, 2]);
});

Deno.test("bytes and messages above an acknowledged number are counted as they are", () => {
  fc.assert(fc.property(pushes, fc.nat(2000), (pushes, acknowledged) => {
    const window = new Window({ offered: 3, repairSamples: 40 });
    const all: SampleBatch[] = [];
    for (const { count } of pushes) {
      all.push(samples(window.last + 1, window.last + count));
      window.push(all.at(-1)!);
    }
    const after = all.filter((batch) =>
      batch.firstSequence >= window.oldest && batch.nextSequence - 1 > acknowledged
    );
    assert.deepEqual(window.after(acknowledged), {
      bytes: after.reduce((sum, { bytes }) => sum + bytes.length, 0),
      messages: after.length,
    });
  }));
});

Deno.test("history is what is requested, offered and there, whichever is least", () => {
  const window = new Window({ offered: 5 });
  assert.equal(window.historyFrom(5), 1);
  for (let n = 1; n <= 3; n++) window.push(samples(n, n));
  assert.equal(window.historyFrom(5), 1);
  assert.equal(window.historyFrom(2), 2);
  assert.equal(window.historyFrom(0), 4);
  for (let n = 4; n <= 20; n++) window.push(samples(n, n));
  assert.equal(window.historyFrom(5), 16);
  assert.equal(window.historyFrom(100), 16);
  assert.equal(window.historyFrom(2, 10), 9, "for one who has the live samples from 11 on");
});

Deno.test("many small messages cost what they cost: the bound counts more than their payloads", () => {
  const window = new Window({ offered: 1, repairBytes: 1 << 20 });
  for (let n = 1; n <= 20_000; n++) window.push(samples(n, n));
  assert.ok(window.chunkCount * 128 + window.byteLength <= 1 << 20);
  assert.ok(window.chunkCount > 1000);
});

Deno.test("an answer that is taken slowly is right in what it brings: the window may move, its memory be written to", () => {
  const written: ArrayBufferLike[] = [];
  const released = (memory: ArrayBufferLike) => {
    new Uint8Array(memory).fill(0xff);
    written.push(memory);
  };
  const window = new Window({ offered: 0, repairSamples: 4, repairBytes: 1e9, released });
  for (let n = 1; n <= 4; n++) window.push(samples(n, n, { size: 40_000 }));
  const answer = window.replay(KEY, 1, 100, { request: 9, historical: false, epoch: 5n });
  const got: string[] = [];
  for (let n = 5;; n++) {
    const { done, value } = answer.next();
    if (done) break;
    const batch = decodeBatch(value, keyLength(value), NAME);
    if (!("count" in batch)) throw batch;
    for (const { sequence, payload } of batch) {
      got.push(`${sequence}=${new TextDecoder().decode(payload).trim()}`);
    }
    if (n <= 6) window.push(samples(n, n, { size: 40_000 }));
  }
  assert.ok(written.length >= 2);
  assert.deepEqual(got, ["1=1", "2=2", "3=3", "4=4", "5=5", "6=6"]);
  const late = window.replay(KEY, 3, 6, { request: 9, historical: false, epoch: 5n });
  late.next();
  for (let n = 7; n <= 9; n++) window.push(samples(n, n, { size: 40_000 }));
  const bytes = late.next().value!;
  const batch = decodeBatch(bytes, keyLength(bytes), NAME);
  if (!("count" in batch)) throw batch;
  assert.equal(batch.firstSequence, 6, "what was dropped is a hole");
});
