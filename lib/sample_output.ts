/**
 * Encoded samples on their way to a slow reader: while one write is under way the next samples gather, and go out
 * together.
 *
 * Guarantee: bytes leave in the order they were added; at most `limit` bytes (and one batch) wait in memory, because
 * `add` then returns a promise to wait for. A failed write is thrown by the next `add` or `finish`, once.
 */
import { ByteBuffer } from "./byte_buffer.ts";
import type { EncodableBatch, SampleEncoder } from "./sample_encoder.ts";

/** Bytes of one write: small, so that a slow reader is seen to make progress. */
const PIECE = 16_384;

/** Writes samples through an encoder. */
export class SampleOutput {
  readonly #encode: SampleEncoder;
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #limit: number;
  readonly #buffer = new ByteBuffer();
  #writing: Promise<void> | undefined;
  #written = 0;
  #failure: { error: unknown } | undefined;

  constructor(encode: SampleEncoder, write: (bytes: Uint8Array) => Promise<void>, limit = 65_536) {
    this.#encode = encode;
    this.#write = write;
    this.#limit = limit;
  }

  /** Bytes that the reader has taken. */
  get written(): number {
    return this.#written;
  }

  /** Adds the first `count` samples of `batch`. A promise when the reader is behind: wait for it. */
  add(batch: EncodableBatch, count: number): Promise<void> | undefined {
    this.#throwFailure();
    this.#encode(batch, count, this.#buffer);
    this.#writing ??= this.#pump();
    return this.#buffer.length > this.#limit ? this.#room() : undefined;
  }

  /** Resolves when everything added has been written. */
  async finish(): Promise<void> {
    while (this.#writing) await this.#writing;
    this.#throwFailure();
  }

  async #room(): Promise<void> {
    while (this.#writing && this.#buffer.length > this.#limit) await this.#writing;
    this.#throwFailure();
  }

  /** Never rejects: the failure is kept for the caller's next step. */
  async #pump(): Promise<void> {
    // Start in the next microtask, so that batches delivered together are written together.
    await Promise.resolve();
    try {
      const bytes = this.#buffer.take();
      for (let at = 0; at < bytes.length; at += PIECE) {
        const piece = bytes.subarray(at, at + PIECE);
        await this.#write(piece);
        this.#written += piece.length;
      }
    } catch (error) {
      this.#failure = { error };
      this.#buffer.take();
    }
    this.#writing = this.#buffer.length > 0 ? this.#pump() : undefined;
  }

  #throwFailure(): void {
    const failure = this.#failure;
    if (!failure) return;
    this.#failure = undefined;
    throw failure.error;
  }
}
