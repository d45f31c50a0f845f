/**
 * Bytes into lines, split at line feeds only: nothing is decoded, a carriage return stays part of its line. Pure.
 *
 * Guarantee: the lines joined with line feeds are the input; an empty line is a line; a last line without a line
 * feed is one too. Lines are views of the chunks pushed in (copies only where a line spans chunks), so a chunk must
 * not be written to afterwards. A line longer than `maxBytes` is refused instead of gathered for ever.
 */
import { FormatError } from "./errors.ts";

const LINE_FEED = 10;

/** Splits a stream of chunks. */
export class LineSplitter {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #pending = 0;
  #lines = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that `chunk` completes. */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      lines.push(this.#complete(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return lines;
  }

  /** The last line, when the input does not end with a line feed. */
  end(): Uint8Array | undefined {
    return this.#pending > 0 ? this.#complete(new Uint8Array(0)) : undefined;
  }

  #complete(rest: Uint8Array): Uint8Array {
    this.#check(this.#pending + rest.length);
    this.#lines++;
    if (this.#pending === 0) return rest;
    const line = new Uint8Array(this.#pending + rest.length);
    let at = 0;
    for (const piece of this.#pieces) {
      line.set(piece, at);
      at += piece.length;
    }
    line.set(rest, at);
    this.#pieces = [];
    this.#pending = 0;
    return line;
  }

  #keep(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#pending += piece.length;
    this.#check(this.#pending);
  }

  #check(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    throw new FormatError(`line ${this.#lines + 1} of the input is longer than ${this.#maxBytes} bytes`);
  }
}
