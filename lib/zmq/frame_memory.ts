/**
 * Where received frames are put. Small ones share slabs, which is twice as fast as memory of their own; so whoever
 * keeps a small frame for long keeps its slab: copy it (`slice`) if that matters. The memory of a large frame that was
 * dropped can be given back: the collector takes tens of megabytes to notice what nobody holds. Pure.
 */
import { freeMemory } from "../base/free_memory.ts";

/** Frames up to this size (bytes) share slabs. */
export const SHARED_FRAME_BYTES = 4096;
const SLAB_BYTES = 32 * 1024;

/** Hands out memory for frames. */
export class FrameMemory {
  #slab = new ArrayBuffer(SLAB_BYTES);
  #used = 0;

  /** Memory for one frame, never handed out twice. Its content is undefined. */
  take(size: number): Uint8Array<ArrayBuffer> {
    if (size > SHARED_FRAME_BYTES) return new Uint8Array(size);
    if (this.#used + size > SLAB_BYTES) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const memory = new Uint8Array(this.#slab, this.#used, size);
    this.#used += size;
    return memory;
  }

  /** Nobody holds this frame any more: it is empty from now on, if it has memory of its own. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    // A slab has other frames in it.
    if (buffer.byteLength !== SLAB_BYTES) freeMemory(buffer);
  }
}
