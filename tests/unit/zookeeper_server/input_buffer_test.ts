import assert from "node:assert/strict";
import fc from "fast-check";
import { InputBuffer } from "../../../lib/zookeeper_server/input_buffer.ts";

/** Receive as much of `bytes` as there is room for; returns how many. */
function receive(input: InputBuffer, bytes: Uint8Array): number {
  const room = input.room();
  assert.ok(room.length > 0);
  const count = Math.min(room.length, bytes.length);
  room.set(bytes.subarray(0, count));
  input.received(count);
  return count;
}

Deno.test("Bytes come out as they came in, however they are received and handled", () => {
  const step = fc.record({ receive: fc.nat(1500), handle: fc.nat(1500) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const input = new InputBuffer();
    let [next, expected] = [0, 0];
    for (const { receive: count, handle } of steps) {
      const bytes = Uint8Array.from({ length: count }, (_, i) => next + i);
      next += count === 0 ? 0 : receive(input, bytes);
      for (let i = Math.min(handle, input.length); i > 0; i--) {
        assert.equal(input.bytes[input.start++], expected++ & 0xff);
      }
      assert.equal(input.length, next - expected);
    }
  }));
});

Deno.test("The buffer is never larger than a busy one, or twice what has arrived", () => {
  const input = new InputBuffer();
  let arrived = 0;
  while (arrived < 1_000_000) {
    arrived += receive(input, new Uint8Array(10_000));
    assert.ok(input.bytes.length <= Math.max(1024, 2 * arrived), `${input.bytes.length} for ${arrived}`);
  }
  input.start = input.end;
  input.room();
  assert.equal(input.bytes.length, 1 << 16);
});

Deno.test("A client that was busy and is quiet gives its buffer back", () => {
  const input = new InputBuffer();
  const small = input.bytes.length;
  receive(input, new Uint8Array(small));
  input.start = input.end;
  assert.equal(input.room().length, 1 << 16);
  for (let i = 0; i < 100; i++) {
    receive(input, new Uint8Array(12));
    input.start = input.end;
  }
  assert.equal(input.room().length, small);
});
