/**
 * What a publisher keeps of one stream: the chunks (finished messages) that hold its last samples. Pure.
 *
 * Two things are kept with one mechanism. The *history* is the last `offered` samples, the only ones a joining
 * subscriber gets. The *repair buffer* is more of the same, bounded in samples and bytes, out of which gaps are
 * filled; and nothing that a subscriber we wait for has not acknowledged is ever dropped.
 */
import { MessageRing } from "./message_ring.ts";
import { Flag, HEADER_BYTES, SampleBatch } from "../wire/batch.ts";
import { encodeReplay, type Header } from "../wire/batch_builder.ts";

/** Small chunks are packed together up to this size when they are sent again. */
const REPLAY_BYTES = 64 * 1024;
/** What keeping a message costs besides its bytes: its columns, which may be half empty. */
const CHUNK_BYTES = 128;

/** Bounds of a window. */
export interface WindowOptions {
  /** Samples of history offered to those who join. */
  offered: number;
  /** Samples kept at least, while `repairBytes` allows. Default 65,536. */
  repairSamples?: number | undefined;
  /** Bytes up to which more than the history and what is unacknowledged is kept. Default 16 MiB. */
  repairBytes?: number | undefined;
  /** Told of memory in which no message that is kept stands any more. */
  released?: ((memory: ArrayBufferLike) => void) | undefined;
}

/** The last samples of one stream. */
export class Window {
  /** With each chunk the bytes of all messages ever kept, up to and with it. */
  readonly #chunks = new MessageRing();
  #pushed = 0;
  #dropped = 0;
  #last = 0;
  readonly offered: number;
  readonly #repairSamples: number;
  readonly #repairBytes: number;
  readonly #released: ((memory: ArrayBufferLike) => void) | undefined;

  constructor(options: WindowOptions) {
    this.offered = options.offered;
    this.#repairSamples = options.repairSamples ?? 65_536;
    this.#repairBytes = options.repairBytes ?? 16 * 1024 * 1024;
    this.#released = options.released;
  }

  /** Number of the newest sample, 0 when there was none. */
  get last(): number {
    return this.#last;
  }
  /** Lowest number still kept; `last + 1` when nothing is. */
  get oldest(): number {
    return this.#chunks.size > 0 ? this.#chunks.first(this.#chunks.head) : this.#last + 1;
  }
  /** Bytes held. */
  get byteLength(): number {
    return this.#pushed - this.#dropped;
  }
  /** Messages held. */
  get chunkCount(): number {
    return this.#chunks.size;
  }

  /**
   * Keep a finished message.
   *
   * @param needed every sample from this number on is kept whatever the bounds say (unacknowledged).
   */
  push(batch: SampleBatch, needed = Infinity): void {
    this.#pushed += batch.bytes.length;
    this.#chunks.push(batch, this.#pushed);
    this.#last = batch.nextSequence - 1;
    this.trim(needed);
  }

  /** Drop what no bound keeps. @param needed as in {@link push}. */
  trim(needed = Infinity): void {
    const history = this.#last + 1 - this.offered;
    const repair = this.#last + 1 - this.#repairSamples;
    const chunks = this.#chunks;
    while (chunks.size > 0) {
      const next = chunks.next(chunks.head);
      if (next > history || next > needed) break;
      if (next > repair && this.byteLength + chunks.size * CHUNK_BYTES <= this.#repairBytes) break;
      this.#dropped += chunks.length(chunks.head);
      const memory = chunks.memory(chunks.head)!;
      chunks.shift();
      if (chunks.size === 0 || chunks.memory(chunks.head) !== memory) this.#released?.(memory);
    }
  }

  /** Bytes and messages that hold numbers above `acknowledged`. */
  after(acknowledged: number): { bytes: number; messages: number } {
    const chunks = this.#chunks;
    const first = this.#find(acknowledged + 1);
    const before = first === chunks.head ? this.#dropped : chunks.sum(first - 1);
    return { bytes: this.#pushed - before, messages: chunks.tail - first };
  }

  /**
   * First number of the history that a joiner who asks for `depth` samples gets.
   *
   * @param base the last number that is history to the joiner.
   */
  historyFrom(depth: number, base = this.#last): number {
    return Math.max(this.oldest, base + 1 - Math.min(depth, this.offered));
  }

  /**
   * The kept samples `from` … `to` as messages under `key`, in order; small neighbours are packed together.
   *
   * The window may move between two messages: what it has dropped then is left out.
   *
   * @param answer which request this answers, whether the samples are history to the one who asked, and the last epoch
   * in which the publisher owned the topic: whoever takes it for the owner takes all of its stream.
   */
  *replay(
    key: Uint8Array,
    from: number,
    to: number,
    answer: {
      readonly request: number;
      readonly historical: boolean;
      readonly epoch: bigint;
      readonly clockOffset?: number;
    },
  ): Generator<Uint8Array> {
    let parts: SampleBatch[] = [];
    let bytes = 0;
    const pack = () => {
      const [first] = parts as [SampleBatch];
      const body = concatenate(parts.map((part) => part.bytes.subarray(part.offset)), bytes);
      const header: Header = {
        flags: answer.historical ? Flag.HISTORICAL : 0,
        incarnation: first.incarnation,
        epoch: answer.epoch,
        first: first.firstSequence,
        count: parts.reduce((count, part) => count + part.count, 0),
        request: answer.request,
        clockOffset: answer.clockOffset ?? 0,
      };
      parts = [];
      bytes = 0;
      return encodeReplay(key, header, body);
    };
    // Nothing of the window is held while the caller has a message: what is dropped meanwhile is written to again.
    for (let next = from;;) {
      for (let i = this.#find(next); i < this.#chunks.tail; i++) {
        const batch = between(this.#chunks.batch(i), next, to);
        const isNext = parts.length === 0 || batch.firstSequence === next;
        if (batch.count === 0 || !isNext) break;
        if (parts.length > 0 && bytes + batch.byteLength > REPLAY_BYTES) break;
        parts.push(batch);
        bytes += batch.byteLength;
        next = batch.nextSequence;
      }
      if (parts.length === 0) return;
      yield pack();
    }
  }

  /** Index of the chunk that holds `sequence`, or of the first one after it. */
  #find(sequence: number): number {
    let low = this.#chunks.head;
    let high = this.#chunks.tail;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#chunks.next(middle) <= sequence) low = middle + 1;
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

/** The samples of `batch` that are numbered `from` … `to`; perhaps none. */
function between(batch: SampleBatch, from: number, to: number): SampleBatch {
  const rest = from > batch.firstSequence ? batch.without(from - batch.firstSequence) : batch;
  const count = Math.max(0, Math.min(rest.count, to + 1 - rest.firstSequence));
  if (count === rest.count) return rest;
  return rest.upTo(count);
}

function concatenate(parts: Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
