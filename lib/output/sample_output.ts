/**
 * Encoded samples on their way to a slow reader: while one write is under way the next samples gather, and go out
 * together.
 *
 * Guarantee: bytes leave in the order they were added, and whoever adds is told when its samples have left. So who waits
 * for that before it takes the next batch has acknowledged nothing that the reader has not got, and keeps one batch in
 * memory. A failed write is thrown to whoever waits for what it concerns, and to everybody who adds or finishes from
 * then on; what was added at once is written whole then, or its beginning is taken back, where that can be.
 */
import { ByteBuffer } from "../base/byte_buffer.ts";
import type { EncodableBatch, SampleEncoder } from "./sample_encoder.ts";

/** Bytes of one write: small, so that a slow reader is seen to make progress. */
const PIECE = 16_384;

/** Writes samples through an encoder. */
export class SampleOutput {
  readonly #encode: SampleEncoder;
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #takeBack: (count: number) => void;
  readonly #buffer = new ByteBuffer();
  #writing: Promise<void> | undefined;
  /** Bytes, and where each addition that is not written yet ends. */
  #added = 0;
  readonly #ends: number[] = [];
  /** Where the last one ends that is. */
  #whole = 0;
  #written = 0;
  #failure: { error: unknown } | undefined;

  /** @param takeBack removes so many bytes from the end of what was written, if that can be. */
  constructor(
    encode: SampleEncoder,
    write: (bytes: Uint8Array) => Promise<void>,
    takeBack: (count: number) => void = () => {},
  ) {
    this.#encode = encode;
    this.#write = write;
    this.#takeBack = takeBack;
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
    this.#ends.push(end);
    this.#writing ??= this.#pump();
    while (this.#writing !== undefined && this.#written < end) await this.#writing;
    if (this.#written < end) this.#throwFailure();
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
        while (this.#ends.length > 0 && this.#ends[0]! <= this.#written) this.#whole = this.#ends.shift()!;
      }
    } catch (error) {
      this.#failure = { error };
      if (this.#written > this.#whole) this.#takeBack(this.#written - this.#whole);
      this.#buffer.take();
    }
    this.#writing = this.#buffer.length > 0 ? this.#pump() : undefined;
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
