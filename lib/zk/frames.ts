/**
 * Cuts a byte stream into ZooKeeper's frames: a length of four bytes, then that many bytes. Pure.
 *
 * Guarantees: bytes may come one by one or many frames at once; nothing is copied but a frame that came in pieces;
 * a length that no server sends is an error, before anything is allocated for it.
 */
import { Buffer } from "node:buffer";
import { FormatError } from "../base/errors.ts";

/** The largest reply we accept: a list of some hundred thousand children. */
export const MAX_FRAME_BYTES = 64 << 20;

export class FrameCutter {
  #parts: Buffer[] = [];
  #bytes = 0;
  /** How many bytes there must be before looking again is of use. */
  #wanted = 4;

  /**
   * The whole frames, length included, that `chunk` completes.
   *
   * @throws {FormatError} on a length that cannot be; the stream is of no use then.
   */
  *push(chunk: Buffer): Generator<Buffer, void, void> {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wanted) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#bytes);
    let offset = 0;
    this.#wanted = 4;
    while (bytes.length - offset >= 4) {
      const size = bytes.readInt32BE(offset);
      if (size < 0 || size > MAX_FRAME_BYTES) {
        throw new FormatError(`A frame of ${size} bytes: this is not a ZooKeeper server`);
      }
      if (bytes.length - offset < size + 4) {
        this.#wanted = size + 4;
        break;
      }
      const frame = bytes.subarray(offset, offset + size + 4);
      offset += size + 4;
      this.#keep(bytes, offset); // before the frame is used: its user may stop reading here
      yield frame;
    }
    this.#keep(bytes, offset);
  }

  #keep(bytes: Buffer, offset: number): void {
    this.#parts = offset === bytes.length ? [] : [bytes.subarray(offset)];
    this.#bytes = bytes.length - offset;
  }
}
