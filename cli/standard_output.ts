/**
 * Standard output, written in order and never blocking the process: a slow reader delays its writer, not the
 * heartbeats beside it.
 *
 * What gathers while a write is under way goes out in one. When the reader is gone (broken pipe) `onReaderGone` is
 * told once and everything later is dropped in silence. Any other failure, a full disk for instance, rejects the
 * writes that it concerns; of a line or bytes that were queued at once, all is there then, or nothing where the end of
 * what was written can be taken back.
 */
import { PubsubError, reasonOf } from "../lib/base/errors.ts";

interface Pending {
  readonly bytes: Uint8Array;
  resolve(): void;
  reject(error: unknown): void;
}

const encoder = new TextEncoder();

/** An ordered writer. */
export class StandardOutput {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  readonly #takeBack: (count: number) => void;
  readonly #onReaderGone: () => void;
  #pending: Pending[] = [];
  #pumping: Promise<void> | undefined;
  #gone = false;
  #failure: { error: unknown } | undefined;

  /** @param takeBack removes so many bytes from the end of what was written, if that can be. */
  constructor(
    write: (bytes: Uint8Array) => Promise<number>,
    onReaderGone: () => void,
    takeBack: (count: number) => void = () => {},
  ) {
    this.#write = write;
    this.#onReaderGone = onReaderGone;
    this.#takeBack = takeBack;
  }

  /** Queues one line. A failure is thrown by `flush`. */
  out(line: string): void {
    this.outBytes(encoder.encode(line + "\n")).catch((error) => this.#failure ??= { error });
  }

  /** Queues bytes; resolves when the reader has taken them. They must not be changed before that. */
  outBytes(bytes: Uint8Array): Promise<void> {
    if (this.#gone || bytes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#pending.push({ bytes, resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  /** Resolves when everything queued is written; rejects when a line could not be. */
  async flush(): Promise<void> {
    while (this.#pumping) await this.#pumping;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }

  async #pump(): Promise<void> {
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#pending;
      this.#pending = [];
      let at = 0;
      try {
        const bytes = joined(group);
        while (at < bytes.length) at += await this.#write(bytes.subarray(at));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) {
          const failure = new PubsubError(`cannot write standard output: ${reasonOf(error)}`, {
            cause: error,
          });
          const whole = wholeItems(group, at);
          const length = whole.reduce((sum, { bytes }) => sum + bytes.length, 0);
          if (at > length) this.#takeBack(at - length);
          for (const item of whole) item.resolve();
          for (const item of group.slice(whole.length)) item.reject(failure);
          continue;
        }
        this.#gone = true;
        group.push(...this.#pending);
        this.#pending = [];
        this.#onReaderGone();
      }
      for (const item of group) item.resolve();
    }
    this.#pumping = undefined;
  }
}

/** Those at the beginning of `group` that so many bytes hold whole. */
function wholeItems(group: readonly Pending[], bytes: number): readonly Pending[] {
  let end = 0;
  const first = group.findIndex((item) => (end += item.bytes.length) > bytes);
  return first < 0 ? group : group.slice(0, first);
}

function joined(group: readonly Pending[]): Uint8Array {
  if (group.length === 1) return group[0]!.bytes;
  const bytes = new Uint8Array(group.reduce((sum, item) => sum + item.bytes.length, 0));
  let at = 0;
  for (const item of group) {
    bytes.set(item.bytes, at);
    at += item.bytes.length;
  }
  return bytes;
}
