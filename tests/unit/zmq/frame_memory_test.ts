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

Deno.test("memory that is given back is free at once, and a slab is not", () => {
  const memory = new FrameMemory();
  const big = memory.take(20_000);
  memory.giveBack(big);
  assert.equal(big.buffer.detached, true);
  assert.equal(big.length, 0);
  const small = memory.take(100);
  const neighbour = memory.take(100);
  memory.giveBack(small);
  assert.equal(neighbour.length, 100);
});

Deno.test("a big frame does not keep a slab alive, and a small one at most 32 KiB", () => {
  const memory = new FrameMemory();
  assert.equal(memory.take(SHARED_FRAME_BYTES + 1).buffer.byteLength, SHARED_FRAME_BYTES + 1);
  assert.equal(memory.take(1).buffer.byteLength, 32 * 1024);
});
