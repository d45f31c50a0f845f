/**
 * A sample of the benchmark: its payload says where it belongs, so that whoever receives it can prove that every
 * sample came, unchanged and in order. The same bytes whatever system carries them. Pure.
 *
 * ```
 * source     u32  number of the publisher, from 0; the top bit marks its last sample
 * sequence   u32  number of the sample, from 0
 * intended   f64  milliseconds since the epoch when the schedule wanted it sent; 0 without a schedule
 * sent       f64  milliseconds since the epoch when it was handed to the system
 * filling    the byte sequence >> 8 & 255, repeated
 * check      u32  sequence XOR 0x5bd1e995, the last four bytes
 * ```
 *
 * Little-endian, as the machines are that run it. The filling is written once per 256 samples; a short one is read
 * completely, of a long one 16 words or more, other ones in each sample: so that making and checking samples stays
 * cheap beside carrying them.
 */

/** The smallest payload. */
export const MIN_PAYLOAD_BYTES = 28;
/** Where the filling begins. */
export const FILLING = 24;
const LAST = 0x8000_0000;
const CHECK = 0x5bd1e995;

/** Samples that share one block of memory, and one filling. */
const BLOCK_SAMPLES = 256;

/**
 * Makes the payloads of one publisher: each in the same bytes, or for systems that keep what they are given, each in
 * bytes of its own (cut out of blocks, since small arrays are costly to make).
 */
export class SampleWriter {
  /** The sample made last. */
  bytes: Uint8Array<ArrayBuffer>;
  readonly #size: number;
  readonly #own: boolean;
  #source: number;
  #block: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #sequence = 0;

  constructor(source: number, size: number, options: { own?: boolean } = {}) {
    this.#own = options.own ?? false;
    this.#block = new Uint8Array(this.#own ? size * BLOCK_SAMPLES : size);
    this.#view = new DataView(this.#block.buffer);
    this.bytes = this.#block.subarray(0, size);
    this.#source = source;
    this.#size = size;
  }

  /** Samples made so far. */
  get count(): number {
    return this.#sequence;
  }

  /** Make the next sample. @returns {@link bytes}. */
  next(intended: number, sent: number): Uint8Array<ArrayBuffer> {
    const sequence = this.#sequence++;
    const size = this.#size;
    const place = sequence % BLOCK_SAMPLES;
    if (place === 0) this.#fill(sequence);
    let at = 0;
    if (this.#own) {
      at = place * size;
      this.bytes = new Uint8Array(this.#block.buffer, at, size);
    }
    const view = this.#view;
    view.setUint32(at, this.#source, true);
    view.setUint32(at + 4, sequence, true);
    view.setFloat64(at + 8, intended, true);
    view.setFloat64(at + 16, sent, true);
    view.setUint32(at + size - 4, sequence ^ CHECK, true);
    return this.bytes;
  }

  #fill(sequence: number): void {
    if (this.#own && sequence > 0) {
      this.#block = new Uint8Array(this.#block.length);
      this.#view = new DataView(this.#block.buffer);
    }
    this.#block.fill(sequence >>> 8);
  }

  /** The next sample is the last one. */
  last(): void {
    this.#source = (this.#source | LAST) >>> 0;
  }
}

/** What was wrong with the samples of one subscriber. All 0 when every sample came once, in order, unchanged. */
export interface Faults {
  /** Numbers that never came. */
  missing: number;
  /** Samples that came a second time or after a later one. */
  repeated: number;
  /** Samples whose size, source or content is not what was sent. */
  corrupt: number;
}

/** Checks the samples of all publishers at one subscriber. */
export class SampleReader {
  readonly faults: Faults = { missing: 0, repeated: 0, corrupt: 0 };
  /** Samples that were as they should be. */
  received = 0;
  /** Publishers whose last sample has come. */
  finished = 0;
  /** Milliseconds since the epoch in the sample checked last. */
  intended = 0;
  sent = 0;
  readonly #size: number;
  readonly #next: Uint32Array;
  /** Of so many words of the filling one is read. */
  readonly #step: number;

  /** @param sources how many publishers there are. @param size bytes of a payload. */
  constructor(sources: number, size: number) {
    this.#size = size;
    this.#next = new Uint32Array(sources);
    this.#step = Math.max(1, size >>> 6);
  }

  /** Check the payload from `start` to `end` of what `view` shows. @returns whether it counts. */
  check(view: DataView, start: number, end: number): boolean {
    const size = this.#size;
    if (end - start !== size) return this.#corrupt();
    const first = view.getUint32(start, true);
    const source = (first & ~LAST) >>> 0;
    const sequence = view.getUint32(start + 4, true);
    const expected = this.#next[source];
    if (expected === undefined || view.getUint32(end - 4, true) !== (sequence ^ CHECK) >>> 0) {
      return this.#corrupt();
    }
    if (!this.#isFilled(view, start, end, sequence)) return this.#corrupt();
    if (sequence !== expected) {
      if (sequence < expected) {
        this.faults.repeated++;
        return false;
      }
      this.faults.missing += sequence - expected;
    }
    this.#next[source] = sequence + 1;
    this.received++;
    this.intended = view.getFloat64(start + 8, true);
    this.sent = view.getFloat64(start + 16, true);
    if (first >= LAST) this.finished++;
    return true;
  }

  #isFilled(view: DataView, start: number, end: number, sequence: number): boolean {
    const byte = sequence >>> 8 & 255;
    const word = Math.imul(byte, 0x01010101);
    const step = this.#step;
    let at = start + FILLING + 4 * (sequence % step);
    for (const last = end - 8; at <= last; at += 4 * step) if (view.getInt32(at, true) !== word) return false;
    // What is left of a filling that is not whole words.
    for (at = end - 4 - (end - start) % 4; at < end - 4; at++) if (view.getUint8(at) !== byte) return false;
    return true;
  }

  #corrupt(): false {
    this.faults.corrupt++;
    return false;
  }
}
