/**
 * Where received frames are put. Small ones share slabs, which is twice as fast as memory of their own; so whoever
 * keeps a small frame for long keeps its slab: copy it (`slice`) if that matters. The memory of a large frame that was
 * dropped can be given back: the collector takes tens of megabytes to notice what nobody holds. Pure.
 */

/** Frames up to this size (bytes) share slabs. */
export const SHARED_FRAME_BYTES = 4096;
const SLAB_BYTES = 32 * 1024;
/** So much that was given back is kept at most. */
const SPARE_BYTES = 4 * 1024 * 1024;
/** So many pieces of it are looked at for one that fits. */
const LOOKS = 4;

/** Hands out memory for frames. */
export class FrameMemory {
  #slab = new ArrayBuffer(SLAB_BYTES);
  #used = 0;
  readonly #spare: ArrayBuffer[] = [];
  #spareBytes = 0;

  /** Memory for one frame, never handed out twice. Its content is undefined. */
  take(size: number): Uint8Array<ArrayBuffer> {
    if (size > SHARED_FRAME_BYTES) return this.#takeSpare(size) ?? new Uint8Array(size);
    if (this.#used + size > SLAB_BYTES) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const memory = new Uint8Array(this.#slab, this.#used, size);
    this.#used += size;
    return memory;
  }

  /** Nobody holds this frame any more: its memory may be handed out again, if it has some of its own. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    const { byteLength } = buffer;
    // A slab has other frames in it.
    if (byteLength === SLAB_BYTES || this.#spareBytes + byteLength > SPARE_BYTES) return;
    this.#spare.push(buffer);
    this.#spareBytes += byteLength;
  }

  /** Memory that was given back and fits well. */
  #takeSpare(size: number): Uint8Array<ArrayBuffer> | undefined {
    for (let i = this.#spare.length - 1, end = Math.max(0, i + 1 - LOOKS); i >= end; i--) {
      const buffer = this.#spare[i]!;
      if (buffer.byteLength < size || buffer.byteLength > 2 * size) continue;
      this.#spare.splice(i, 1);
      this.#spareBytes -= buffer.byteLength;
      return new Uint8Array(buffer, 0, size);
    }
    return undefined;
  }
}
