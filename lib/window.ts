/**
 * What a publisher keeps of one stream: the chunks (finished messages) that hold its last samples. Pure.
 *
 * Two things are kept with one mechanism. The *history* is the last `offered` samples, the only ones a joining
 * subscriber gets. The *repair buffer* is more of the same, bounded in samples and bytes, out of which gaps are
 * filled; and nothing that a subscriber we wait for has not acknowledged is ever dropped.
 */
import { encodeReplay, Flag, type Header, HEADER_BYTES, SampleBatch } from "./wire/batch.ts";

/** Bounds of a window. */
export interface WindowOptions {
  /** Samples of history offered to those who join. */
  offered: number;
  /** Samples kept for repair at least, while `repairBytes` allows. Default 65,536. */
  repairSamples?: number;
  /** Bytes kept for repair at most, beyond the history and what is unacknowledged. Default 16 MiB. */
  repairBytes?: number;
}

/** The last samples of one stream. */
export class Window {
  #chunks: SampleBatch[] = [];
  #head = 0;
  #bytes = 0;
  #last = 0;
  readonly offered: number;
  readonly #repairSamples: number;
  readonly #repairBytes: number;

  constructor(options: WindowOptions) {
    this.offered = options.offered;
    this.#repairSamples = options.repairSamples ?? 65_536;
    this.#repairBytes = options.repairBytes ?? 16 * 1024 * 1024;
  }

  /** Number of the newest sample, 0 when there was none. */
  get last(): number {
    return this.#last;
  }
  /** Lowest number still kept; `last + 1` when nothing is. */
  get oldest(): number {
    return this.#chunks[this.#head]?.firstSequence ?? this.#last + 1;
  }
  /** Bytes held. */
  get byteLength(): number {
    return this.#bytes;
  }
  /** Messages held. */
  get chunkCount(): number {
    return this.#chunks.length - this.#head;
  }

  /**
   * Keep a finished message.
   *
   * @param needed every sample from this number on is kept whatever the bounds say (unacknowledged).
   */
  push(batch: SampleBatch, needed = Infinity): void {
    this.#chunks.push(batch);
    this.#bytes += batch.bytes.length;
    this.#last = batch.nextSequence - 1;
    this.trim(needed);
  }

  /** Drop what no bound keeps. @param needed as in {@link push}. */
  trim(needed = Infinity): void {
    const history = this.#last + 1 - this.offered;
    const repair = this.#last + 1 - this.#repairSamples;
    while (this.#head < this.#chunks.length) {
      const batch = this.#chunks[this.#head]!;
      const next = batch.nextSequence;
      if (next > history || next > needed) break;
      if (next > repair && this.#bytes <= this.#repairBytes) break;
      this.#bytes -= batch.bytes.length;
      // The slot is released at once, the array is compacted now and then.
      this.#chunks[this.#head++] = undefined as unknown as SampleBatch;
    }
    if (this.#head > 64 && this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Bytes and messages that hold numbers above `acknowledged`. */
  after(acknowledged: number): { bytes: number; messages: number } {
    let bytes = 0;
    let messages = 0;
    for (let i = this.#chunks.length - 1; i >= this.#head; i--) {
      const batch = this.#chunks[i]!;
      if (batch.nextSequence - 1 <= acknowledged) break;
      bytes += batch.bytes.length;
      messages++;
    }
    return { bytes, messages };
  }

  /** First number of the history that a joiner who asks for `depth` samples gets. */
  historyFrom(depth: number): number {
    return Math.max(this.oldest, this.#last + 1 - Math.min(depth, this.offered));
  }

  /**
   * The kept samples `from` … `to` as messages under `key`, in order.
   *
   * @param answer which request this answers, and whether the samples are history to the one who asked.
   */
  *replay(
    key: Uint8Array,
    from: number,
    to: number,
    answer: { request: number; historical: boolean },
  ): Generator<Uint8Array> {
    for (let i = this.#find(from); i < this.#chunks.length; i++) {
      let batch = this.#chunks[i]!;
      if (batch.firstSequence > to) return;
      if (batch.firstSequence < from) batch = batch.without(from - batch.firstSequence);
      let end = batch.bytes.length;
      let count = batch.count;
      if (batch.nextSequence - 1 > to) {
        count = to + 1 - batch.firstSequence;
        end = batch.without(count).offset;
      }
      const header: Header = {
        flags: answer.historical ? Flag.HISTORICAL : 0,
        incarnation: batch.incarnation,
        epoch: batch.epoch,
        first: batch.firstSequence,
        count,
        request: answer.request,
      };
      yield encodeReplay(key, header, batch.bytes.subarray(batch.offset, end));
    }
  }

  /** Index of the chunk that holds `sequence`, or of the first one after it. */
  #find(sequence: number): number {
    let low = this.#head;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#chunks[middle]!.nextSequence <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A finished live message as the batch that a window keeps: no decoding, the writer knows what is in it. */
export function chunkOf(
  message: Uint8Array,
  key: number,
  header: Header,
  stream: { topic: string; publisher: string },
): SampleBatch {
  return new SampleBatch(
    stream,
    header.incarnation,
    header.epoch,
    0,
    0,
    header.first,
    header.count,
    message,
    key + HEADER_BYTES,
  );
}
