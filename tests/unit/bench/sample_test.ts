import assert from "node:assert/strict";
import { MIN_PAYLOAD_BYTES, SampleReader, SampleWriter } from "../../../lib/bench/sample.ts";

/** The samples of one publisher, each in bytes of its own. */
function samples(count: number, size = 64, source = 0): Uint8Array[] {
  const writer = new SampleWriter(source, size);
  return Array.from({ length: count }, (_, i) => {
    if (i === count - 1) writer.last();
    return writer.next(1000 + i, 2000 + i).slice();
  });
}

function check(reader: SampleReader, payload: Uint8Array): boolean {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return reader.check(view, 0, payload.length);
}

const COMPLETE = { missing: 0, repeated: 0, corrupt: 0 };

Deno.test("samples read as they were written are complete, in every size", () => {
  for (const size of [MIN_PAYLOAD_BYTES, 29, 64, 1024]) {
    const reader = new SampleReader(1, size);
    for (const payload of samples(1000, size)) assert.ok(check(reader, payload));
    assert.deepEqual(reader.faults, COMPLETE);
    assert.equal(reader.received, 1000);
    assert.equal(reader.finished, 1);
    assert.equal(reader.intended, 1999);
    assert.equal(reader.sent, 2999);
  }
});

Deno.test("a writer whose samples are kept gives each its own bytes, the same ones", () => {
  const kept = new SampleWriter(3, 64, { own: true });
  const reused = new SampleWriter(3, 64);
  const all: Uint8Array[] = [];
  for (let i = 0; i < 1000; i++) all.push(kept.next(i, i));
  for (const payload of all) assert.deepEqual(payload, reused.next(reused.count, reused.count));
});

Deno.test("what is left out is missing", () => {
  const reader = new SampleReader(1, 64);
  samples(100).forEach((payload, i) => {
    if (i < 10 || i >= 15) check(reader, payload);
  });
  assert.deepEqual(reader.faults, { ...COMPLETE, missing: 5 });
  assert.equal(reader.received, 95);
});

Deno.test("what comes twice, or after a later one, is repeated and does not count", () => {
  const reader = new SampleReader(1, 64);
  const [first, second, third] = samples(3) as [Uint8Array, Uint8Array, Uint8Array];
  assert.ok(check(reader, first));
  assert.ok(!check(reader, first));
  assert.ok(check(reader, third));
  assert.ok(!check(reader, second));
  assert.deepEqual(reader.faults, { missing: 1, repeated: 2, corrupt: 0 });
  assert.equal(reader.received, 2);
});

Deno.test("a changed length, source, number, check or filling is found", () => {
  const changes: [string, (payload: Uint8Array) => Uint8Array][] = [
    ["one byte less", (payload) => payload.subarray(0, 63)],
    ["an unknown source", (payload) => (payload[0] = 9, payload)],
    ["another number", (payload) => (payload[4]! ^= 1, payload)],
    ["another check", (payload) => (payload[63]! ^= 1, payload)],
    ["another filling", (payload) => (payload[24]! ^= 1, payload)],
  ];
  for (const [what, change] of changes) {
    const reader = new SampleReader(1, 64);
    assert.ok(!check(reader, change(samples(1)[0]!)), what);
    assert.deepEqual(reader.faults, { ...COMPLETE, corrupt: 1 }, what);
  }
});

Deno.test("a byte changed anywhere in a short sample is found at once", () => {
  for (const size of [64, 67, 127]) {
    for (let place = 24; place < size - 4; place++) {
      const reader = new SampleReader(1, size);
      const [payload] = samples(1, size) as [Uint8Array];
      payload[place]! ^= 0x55;
      assert.ok(!check(reader, payload), `byte ${place} of ${size}`);
    }
  }
});

Deno.test("a byte changed at the same place of long samples is found in one of sixteen at least", () => {
  for (let place = 24; place < 1020; place++) {
    const reader = new SampleReader(1, 1024);
    for (const payload of samples(64, 1024)) {
      payload[place]! ^= 0x55;
      check(reader, payload);
    }
    assert.ok(reader.faults.corrupt >= 4, `byte ${place}: ${reader.faults.corrupt}`);
  }
});

Deno.test("publishers are told apart, and have all finished when each has", () => {
  const reader = new SampleReader(2, 64);
  for (const payload of samples(10, 64, 0)) check(reader, payload);
  assert.equal(reader.finished, 1);
  for (const payload of samples(10, 64, 1)) check(reader, payload);
  assert.equal(reader.finished, 2);
  assert.deepEqual(reader.faults, COMPLETE);
});
