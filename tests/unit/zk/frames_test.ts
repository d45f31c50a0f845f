import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { FormatError } from "../../../lib/base/errors.ts";
import { FrameCutter, MAX_FRAME_BYTES } from "../../../lib/zk/frames.ts";

function frame(body: Uint8Array): Buffer {
  const buffer = Buffer.alloc(4 + body.length);
  buffer.writeInt32BE(body.length, 0);
  buffer.set(body, 4);
  return buffer;
}

Deno.test("frames come out whole and in order however the stream is cut", () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(bodies, cuts, (given, sizes) => {
    const frames = given.map(frame);
    const stream = Buffer.concat(frames);
    const cutter = new FrameCutter();
    const out: Buffer[] = [];
    for (let offset = 0, i = 0; offset < stream.length; i++) {
      const size = sizes[i % sizes.length]!;
      for (const one of cutter.push(stream.subarray(offset, offset + size))) out.push(Buffer.from(one));
      offset += size;
    }
    assert.deepEqual(out, frames);
  }));
});

Deno.test("a length that no server sends is refused before anything is gathered for it", () => {
  for (const size of [-1, -2_147_483_648, MAX_FRAME_BYTES + 1, 0x48545450 /* HTTP */]) {
    const head = Buffer.alloc(4);
    head.writeInt32BE(size, 0);
    assert.throws(() => [...new FrameCutter().push(head)], FormatError);
  }
});

Deno.test("who stops in the middle of a chunk finds the rest at the next one", () => {
  const cutter = new FrameCutter();
  const [a, b] = [frame(new Uint8Array([1])), frame(new Uint8Array([2]))];
  for (const one of cutter.push(Buffer.concat([a, b]))) {
    assert.deepEqual(Buffer.from(one), a);
    break;
  }
  assert.deepEqual([...cutter.push(Buffer.alloc(0))].map((one) => Buffer.from(one)), [b]);
});

Deno.test("ten thousand frames in one chunk cost no stack and little time", () => {
  const stream = Buffer.concat(Array.from({ length: 10_000 }, () => frame(new Uint8Array(20))));
  assert.equal([...new FrameCutter().push(stream)].length, 10_000);
});
