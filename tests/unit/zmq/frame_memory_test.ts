import assert from "node:assert/strict";
import { FrameMemory, SHARED_FRAME_BYTES } from "../../../lib/zmq/frame_memory.ts";

Deno.test("no byte of memory is handed out twice", () => {
  const memory = new FrameMemory();
  const sizes = [0, 1, 64, SHARED_FRAME_BYTES, 3000, 1, SHARED_FRAME_BYTES + 1, 100_000];
  const frames = Array.from(
    { length: 400 },
    (_, index) => memory.take(sizes[index % sizes.length] as number),
  );
  frames.forEach((frame, index) => frame.fill(index % 251));
  frames.forEach((frame, index) => {
    assert.equal(frame.length, sizes[index % sizes.length]);
    assert.ok(frame.every((byte) => byte === index % 251), `frame ${index} was overwritten`);
  });
});

Deno.test("memory that is given back is handed out again, if it fits, and a slab is not", () => {
  const memory = new FrameMemory();
  const big = memory.take(20_000);
  memory.giveBack(big);
  assert.notEqual(memory.take(20_001).buffer, big.buffer);
  assert.notEqual(memory.take(5000).buffer, big.buffer, "much too large");
  const again = memory.take(19_000);
  assert.equal(again.buffer, big.buffer);
  assert.equal(again.length, 19_000);
  assert.notEqual(memory.take(19_000).buffer, big.buffer, "once");
  const small = memory.take(100);
  memory.giveBack(small);
  assert.notEqual(memory.take(32 * 1024).buffer, small.buffer);
});

Deno.test("of what is given back little is kept", () => {
  const memory = new FrameMemory();
  const frames = Array.from({ length: 100 }, () => memory.take(100_000));
  for (const frame of frames) memory.giveBack(frame);
  const buffers = new Set(frames.map(({ buffer }) => buffer));
  const reused = Array.from({ length: 100 }, () => memory.take(100_000)).filter(({ buffer }) =>
    buffers.has(buffer)
  );
  assert.equal(reused.length, 41, "4 MiB");
});

Deno.test("a big frame does not keep a slab alive, and a small one at most 32 KiB", () => {
  const memory = new FrameMemory();
  assert.equal(memory.take(SHARED_FRAME_BYTES + 1).buffer.byteLength, SHARED_FRAME_BYTES + 1);
  assert.equal(memory.take(1).buffer.byteLength, 32 * 1024);
});
