/**
 * Standard error, a line at a time, in order.
 *
 * A line is written before the call comes back. Where standard error is non-blocking and full, what is left waits in
 * memory and is written as soon as there is room: no line is cut, none breaks into another, nobody is held up. At most
 * {@link WAITING} bytes wait; what comes after that is left out, and how much that was is said when there is room again.
 * When standard error is closed there is nobody left to tell.
 */
import { patiently } from "../lib/base/patience.ts";

/** A pipe takes as many bytes whole or not at all (PIPE_BUF): where it is full, nothing is written without our knowing. */
const PIECE = 4096;
/** Bytes that wait for a reader, at most. */
const WAITING = 1_048_576;

const encoder = new TextEncoder();

/** What is written to. */
export interface ErrorStream {
  writeSync(bytes: Uint8Array): number;
  write(bytes: Uint8Array): Promise<number>;
}

/** The lines on their way. */
export class StandardError {
  readonly #stream: ErrorStream;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #leftOut = 0;
  #pumping: Promise<void> | undefined;

  constructor(stream: ErrorStream) {
    this.#stream = stream;
  }

  /** Writes one line, now or as soon as there is room. Never throws. */
  line(line: string): void {
    const bytes = encoder.encode(line + "\n");
    if (this.#pumping) return this.#wait(bytes);
    let at = 0;
    try {
      while (at < bytes.length) at += this.#stream.writeSync(bytes.subarray(at, at + PIECE));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) return;
      this.#wait(bytes.subarray(at));
      this.#pumping = this.#pump();
    }
  }

  /** Resolves when nothing waits. */
  async flush(): Promise<void> {
    await this.#pumping;
  }

  #wait(bytes: Uint8Array): void {
    if (this.#bytes + bytes.length > WAITING) {
      this.#leftOut++;
      return;
    }
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
  }

  async #pump(): Promise<void> {
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
        const bytes = next;
        for (let at = 0; at < bytes.length;) {
          at += await patiently(() => this.#stream.write(bytes.subarray(at, at + PIECE)));
        }
        this.#bytes -= bytes.length;
        if (this.#waiting.length > 0 || this.#leftOut === 0) continue;
        const count = this.#leftOut;
        this.#leftOut = 0;
        this.#wait(encoder.encode(`${count} lines are left out: standard error was not read\n`));
      }
    } catch {
      this.#waiting = [];
    }
    this.#bytes = 0;
    this.#pumping = undefined;
  }
}
