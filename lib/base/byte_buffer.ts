/**
 * Bytes that grow at the end: what the output encoders write into. Pure.
 *
 * `take()` hands the bytes out without copying and starts a new buffer of the size last needed; nothing that was
 * handed out is ever written to again.
 */
const encoder = new TextEncoder();

/** A growing run of bytes. */
export class ByteBuffer {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(initialCapacity = 16_384) {
    this.#bytes = new Uint8Array(Math.max(64, initialCapacity));
  }

  /** Bytes written since the last `take()`. */
  get length(): number {
    return this.#length;
  }

  /** Appends text as UTF-8. */
  text(text: string): void {
    this.#ensure(text.length * 3);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#length));
    this.#length += written;
  }

  /** Appends one byte. */
  byte(value: number): void {
    this.#ensure(1);
    this.#bytes[this.#length++] = value;
  }

  /** Appends a copy of `bytes`. */
  bytes(bytes: Uint8Array): void {
    this.#ensure(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Everything written so far, and starts again from nothing. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(Math.min(Math.max(1024, this.#length * 2), 1 << 20));
    this.#length = 0;
    return taken;
  }

  #ensure(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
