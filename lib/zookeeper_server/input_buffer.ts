/**
 * The bytes a connection has received and not handled: a window in a buffer that is reused.
 *
 * It begins small, because most connections are idle; it grows to what a busy client sends, never beyond twice
 * what has arrived, so a length field that lies costs nothing; and it shrinks when the client has become quiet.
 * Pure.
 */

/** What an idle connection has. */
const SMALL_BYTES = 512;
/** What a busy connection has; more only while a longer frame arrives. */
export const BUSY_BYTES = 1 << 16;
/** So many small reads in a row, and a busy connection's buffer is given back. */
const QUIET_READS = 64;

export class InputBuffer {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(SMALL_BYTES);
  /** What is not handled lies in `bytes[start, end)`. */
  start = 0;
  end = 0;
  #quietReads = 0;

  /** How many bytes are not handled. */
  get length(): number {
    return this.end - this.start;
  }

  /** Where the next bytes can be received: a view that is never empty. */
  room(): Uint8Array<ArrayBuffer> {
    if (this.start === this.end) this.#restart();
    else if (this.end === this.bytes.length) this.#extend();
    return this.bytes.subarray(this.end);
  }

  /** `count` bytes were received into {@link room}. */
  received(count: number): void {
    this.end += count;
    this.#quietReads = count < SMALL_BYTES ? this.#quietReads + 1 : 0;
  }

  /** Nothing is left: begin at the front, in a buffer of the right size. */
  #restart(): void {
    const size = this.bytes.length;
    const wanted = size > BUSY_BYTES || this.end === size
      ? BUSY_BYTES
      : this.#quietReads > QUIET_READS
      ? SMALL_BYTES
      : size;
    if (wanted !== size) this.bytes = new Uint8Array(wanted);
    this.start = this.end = 0;
  }

  /** The buffer is full, and its end is a frame that is not complete: move it to the front, or grow. */
  #extend(): void {
    const pending = this.length;
    if (pending > this.bytes.length / 2) {
      const grown = new Uint8Array(this.bytes.length * 2);
      grown.set(this.bytes.subarray(this.start, this.end));
      this.bytes = grown;
    } else {
      this.bytes.copyWithin(0, this.start, this.end);
    }
    this.start = 0;
    this.end = pending;
  }
}
