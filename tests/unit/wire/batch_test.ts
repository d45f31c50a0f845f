import assert from "node:assert/strict";
import fc from "fast-check";
import { FormatError } from "../../../lib/base/errors.ts";
import { decodeBatch, endMarkOf, Flag, HEADER_BYTES, type SampleBatch } from "../../../lib/wire/batch.ts";
import { BatchBuilder, encodeMark, encodeReplay } from "../../../lib/wire/batch_builder.ts";
import { keyLength, liveKey, replayKey } from "../../../lib/wire/key.ts";
import { id, mangled, sequence, topic, u32 } from "./arbitraries.ts";

const time = fc.double({ min: 0, max: 4e12, noNaN: true });
const payload = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 40 }));
const content = fc.record({
  topic,
  publisher: id,
  incarnation: u32,
  epoch: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  first: sequence,
  samples: fc.array(fc.record({ time, payload }), { minLength: 1, maxLength: 20, size: "max" }),
});
type Content = typeof content extends fc.Arbitrary<infer T> ? T : never;

const encoder = new TextEncoder();
const bytesOf = (payload: Uint8Array | string) =>
  typeof payload === "string" ? encoder.encode(payload) : new Uint8Array(payload);

function build({ topic, publisher, incarnation, epoch, first, samples }: Content): Uint8Array {
  const builder = new BatchBuilder(liveKey(topic, publisher));
  for (const { time, payload } of samples) builder.add(time, payload);
  return builder.finish({ incarnation, epoch, first });
}

function decoded(bytes: Uint8Array, stream: { topic: string; publisher: string }): SampleBatch {
  const batch = decodeBatch(bytes, keyLength(bytes), stream);
  if (batch instanceof FormatError) throw batch;
  return batch;
}

Deno.test("what is packed comes out again, number for number and byte for byte", () => {
  fc.assert(fc.property(content, (given) => {
    const batch = decoded(build(given), given);
    assert.equal(batch.count, given.samples.length);
    assert.equal(batch.nextSequence, given.first + given.samples.length);
    assert.equal(batch.incarnation, given.incarnation);
    batch.receiveTime = 5e12;
    assert.deepEqual(
      [...batch].map((sample) => ({ ...sample, payload: new Uint8Array(sample.payload) })),
      given.samples.map(({ time, payload }, i) => ({
        topic: given.topic,
        publisher: given.publisher,
        sequence: given.first + i,
        epoch: given.epoch,
        publishTime: time,
        receiveTime: 5e12,
        latencyMs: 5e12 - time,
        historical: false,
        payload: bytesOf(payload),
      })),
    );
  }));
});

Deno.test("visiting without objects shows the same samples", () => {
  fc.assert(fc.property(content, (given) => {
    const batch = decoded(build(given), given);
    const seen: unknown[] = [];
    batch.forEach((publishTime, start, end, sequence) => {
      seen.push({ publishTime, sequence, payload: batch.bytes.slice(start, end).toHex() });
    });
    assert.deepEqual(
      seen,
      [...batch].map(({ publishTime, sequence, payload }) => ({
        publishTime,
        sequence,
        payload: payload.toHex(),
      })),
    );
  }));
});

Deno.test("a batch cut anywhere gives the two parts, and nothing else changes", () => {
  fc.assert(fc.property(content, fc.nat(20), (given, cut) => {
    const batch = decoded(build(given), given);
    batch.receiveTime = 7;
    batch.historical = true;
    const at = cut % (batch.count + 1);
    const plain = (part: SampleBatch) => [...part].map((s) => ({ ...s, payload: s.payload.toHex() }));
    assert.deepEqual([...plain(batch.upTo(at)), ...plain(batch.without(at))], plain(batch));
    assert.equal(batch.upTo(at).byteLength + batch.without(at).byteLength, batch.byteLength);
  }));
});

Deno.test("a builder starts anew after each message, also after one of many bytes", () => {
  const builder = new BatchBuilder(liveKey("A", "p"));
  for (const size of [10, 1_000_000, 0, 70_000, 3]) {
    builder.add(1, new Uint8Array(size).fill(size % 251));
    builder.add(2, "ü".repeat(size));
    assert.equal(builder.count, 2);
    const bytes = builder.finish({ incarnation: 1, epoch: 2n, first: 3 });
    const [one, two] = [...decoded(bytes, { topic: "A", publisher: "p" })];
    assert.deepEqual(new Uint8Array(one!.payload), new Uint8Array(size).fill(size % 251));
    assert.equal(new TextDecoder().decode(two!.payload), "ü".repeat(size));
    assert.equal(builder.count, 0);
    assert.equal(builder.length, keyLength(bytes) + HEADER_BYTES);
  }
});

Deno.test("messages stand one behind the other and are never written to again", () => {
  const sizes = fc.array(fc.array(fc.nat(2000), { minLength: 1, maxLength: 5 }), { maxLength: 200 });
  fc.assert(fc.property(sizes, (messages) => {
    const builder = new BatchBuilder(liveKey("A", "p"));
    const finished: Uint8Array[] = [];
    const copies: Uint8Array[] = [];
    let first = 1;
    for (const payloads of messages) {
      for (const size of payloads) builder.add(first, new Uint8Array(size).fill(first));
      assert.equal(builder.count, payloads.length);
      const message = builder.finish({ incarnation: 1, epoch: 2n, first });
      finished.push(message);
      copies.push(new Uint8Array(message));
      first += payloads.length;
    }
    finished.forEach((message, i) => assert.deepEqual(message, copies[i]));
    // Memory grows with what is published, not with the number of messages: a slab may be twice what its message needs,
    // and the next one, just begun, twice that.
    const slabs = new Set(finished.map(({ buffer }) => buffer));
    const held = [...slabs].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const needed = finished.reduce((sum, { length }) => sum + length, 0);
    assert.ok(held <= 6 * needed + 10_000, `${held} for ${needed}`);
  }));
});

Deno.test("samples sent again are the same under another key and header", () => {
  fc.assert(fc.property(content, id, u32, (given, subscriber, request) => {
    const batch = decoded(build(given), given);
    const key = replayKey(given.topic, given.publisher, subscriber);
    const { incarnation, epoch, firstSequence: first, count } = batch;
    const header = { flags: Flag.HISTORICAL, incarnation, epoch, first, count, request };
    const again = decoded(encodeReplay(key, header, batch.bytes.subarray(batch.offset)), given);
    assert.equal(again.request, request);
    assert.ok(again.historical);
    assert.deepEqual(
      [...again].map((s) => s.payload.toHex()),
      [...batch].map((s) => s.payload.toHex()),
    );
  }));
});

Deno.test("a mark tells the next number, an end mark also where the answer began and how often to acknowledge", () => {
  fc.assert(fc.property(content, sequence, u32, u32, (given, start, acknowledgeEvery, request) => {
    const { incarnation, epoch, first } = given;
    const key = liveKey(given.topic, given.publisher);
    const mark = decoded(encodeMark(key, { flags: Flag.ACKNOWLEDGE, incarnation, epoch, first }), given);
    assert.deepEqual([mark.count, mark.firstSequence, mark.flags], [0, first, Flag.ACKNOWLEDGE]);
    const end = encodeMark(key, { incarnation, epoch, first, request }, { start, acknowledgeEvery });
    const read = decoded(end, given);
    assert.deepEqual([read.count, read.request, read.flags], [0, request, Flag.END]);
    assert.deepEqual(endMarkOf(read), { start, acknowledgeEvery });
  }));
});

Deno.test("a header tells by how much the publisher's clock is off, to three digits; what is no number is none", () => {
  fc.assert(
    fc.property(content, fc.integer({ min: -100_000_000, max: 100_000_000 }), (given, clockOffset) => {
      const builder = new BatchBuilder(liveKey(given.topic, given.publisher));
      builder.add(1, "x");
      const { incarnation, epoch, first } = given;
      const bytes = builder.finish({ incarnation, epoch, first, clockOffset });
      const told = decoded(bytes, given);
      const right = Math.max(-65_504_000, Math.min(clockOffset, 65_504_000));
      assert.ok(Math.abs(told.clockOffset - right) <= Math.abs(right) / 1000 + 1, `${told.clockOffset}`);
      assert.equal(told.without(1).clockOffset, told.clockOffset);
      assert.equal(told.upTo(1).clockOffset, told.clockOffset);
      for (const none of [0x7c00, 0xfc00, 0x7e00]) {
        new DataView(bytes.buffer, bytes.byteOffset).setUint16(keyLength(bytes) + 2, none);
        assert.equal(decoded(bytes, given).clockOffset, 0);
      }
    }),
  );
});

/** Whatever can be read is within the bytes, and reading it needs no memory that grows with what it claims. */
function readAll(bytes: Uint8Array, key: number): void {
  const batch = decodeBatch(bytes, key, { topic: "A", publisher: "p" });
  if (batch instanceof FormatError) {
    assert.ok(batch.message.length < 200 && !batch.message.includes("\n"));
    return;
  }
  assert.ok(batch.count <= bytes.length / 12);
  assert.ok(Number.isSafeInteger(batch.firstSequence) && batch.firstSequence >= 1);
  assert.ok(Number.isSafeInteger(batch.nextSequence));
  if (batch.flags & Flag.END) {
    const { start } = endMarkOf(batch);
    assert.ok(Number.isSafeInteger(start) && start >= 1);
    return;
  }
  let total = 0;
  for (const { payload } of batch) {
    assert.equal(payload.buffer, bytes.buffer, "a view, not a copy");
    total += payload.length + 12;
  }
  assert.equal(total, batch.byteLength);
  assert.equal(batch.without(batch.count).byteLength, 0);
}

Deno.test("any bytes are a batch or a reason why not, never an exception and never more than the input", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(40), (bytes, key) => readAll(bytes, key)),
    { numRuns: 2000 },
  );
});

Deno.test("a message with some bytes changed, missing or added is a batch or a reason why not", () => {
  const whole = fc.oneof(
    content.map(build),
    content.map(({ topic, publisher, incarnation, epoch, first }) =>
      encodeMark(liveKey(topic, publisher), { incarnation, epoch, first }, {
        start: first,
        acknowledgeEvery: 1,
      })
    ),
  );
  fc.assert(
    fc.property(mangled(whole), (bytes) => readAll(bytes, keyLength(bytes))),
    { numRuns: 5000 },
  );
});

Deno.test("each rule of the header has its own reason", () => {
  const key = liveKey("A", "p");
  const at = key.length;
  const builder = new BatchBuilder(key);
  builder.add(1, "abc");
  const good = builder.finish({ incarnation: 1, epoch: 0n, first: 1 });
  const reason = (change: (view: DataView, bytes: Uint8Array) => void, from = good) => {
    const bytes = from.slice();
    change(new DataView(bytes.buffer), bytes);
    const batch = decodeBatch(bytes, at, { topic: "A", publisher: "p" });
    assert.ok(batch instanceof FormatError);
    return batch.message;
  };
  assert.match(reason((view) => view.setUint8(at, 2)), /format version 2, must be 1/);
  assert.match(reason((view) => view.setUint8(at + 1, 8)), /unknown flags 8/);
  assert.match(reason((view) => view.setUint32(at + 16, 0x200000)), /above 2\^53 - 1/);
  assert.match(
    reason((view) => {
      view.setUint32(at + 16, 0x1fffff);
      view.setUint32(at + 20, 0xffffffff);
    }),
    /above 2\^53 - 1/,
  );
  assert.match(reason((view) => view.setUint32(at + 20, 0)), /sequence number 0/);
  assert.match(reason((view) => view.setUint32(at + 24, 0xffffffff)), /claims 4294967295 samples/);
  assert.match(reason((view) => view.setUint32(at + 24, 0)), /its contents need/);
  assert.match(reason((view) => view.setUint32(at + HEADER_BYTES + 8, 0xffffffff)), /its contents need/);
  assert.match(reason((view) => view.setUint8(at + 1, Flag.END)), /End mark carries samples/);
  const end = encodeMark(key, { incarnation: 1, epoch: 0n, first: 1 }, { start: 1, acknowledgeEvery: 0 });
  assert.match(reason((view) => view.setUint32(at + HEADER_BYTES + 4, 0), end), /starts at a number/);
  assert.match(reason((view) => view.setUint32(at + HEADER_BYTES, 0xffffffff), end), /starts at a number/);
});
