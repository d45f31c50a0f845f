/**
 * Encoded samples on their way to a slow reader: while one write is under way the next samples gather, and go out
 * together.
 *
 * Guarantee: bytes leave in the order they were added, and whoever adds is told when its samples have left. So who waits
 * for that before it takes the next batch has acknowledged nothing that the reader has not got, and keeps one batch in
 * memory. A failed write is thrown to whoever waits, and to everybody who adds or finishes from then on.
 */
import { ByteBuffer } from "./byte_buffer.ts";
import type { EncodableBatch, SampleEncoder } from "./sample_encoder.ts";

/** Bytes of one write: small, so that a slow reader is seen to make progress. */
const PIECE = 16_384;

/** Writes samples through an encoder. */
export class SampleOutput {
  readonly #encode: SampleEncoder;
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #buffer = new ByteBuffer();
  #writing: Promise<void> | undefined;
  #added = 0;
  #written = 0;
  #failure: { error: unknown } | undefined;

  constructor(encode: SampleEncoder, write: (bytes: Uint8Array) => Promise<void>) {
    this.#encode = encode;
    this.#write = write;
  }

  /** Bytes that the reader has taken. */
  get written(): number {
    return this.#written;
  }

  /** Adds the first `count` samples of `batch`, received by `subscriber`. Resolves when they have been written. */
  async add(batch: EncodableBatch, count: number, subscriber: string): Promise<void> {
    this.#throwFailure();
    const before = this.#buffer.length;
    this.#encode(batch, count, this.#buffer, subscriber);
    const end = this.#added += this.#buffer.length - before;
    this.#writing ??= this.#pump();
    while (this.#writing !== undefined && this.#written < end) await this.#writing;
    this.#throwFailure();
  }

  /** Resolves when everything added has been written. */
  async finish(): Promise<void> {
    while (this.#writing) await this.#writing;
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
    if (this.#failure) throw this.#failure.error;
  }
}
