/**
 * The one message format of the data plane: a key, a header, samples packed one after the other, in one frame.
 *
 * ```
 * key                see key.ts
 * version        u8  1
 * flags          u8  1 historical, 2 end of a request, 4 please acknowledge: this message once it is taken; without
 *                    samples everything below this number
 * clock          f16 by how many seconds the publisher's clock is behind its broker's, if they differ by much, else 0
 * incarnation    u32
 * epoch          u64 fencing token of the topic's ownership, 0 when shared
 * first sequence u64 number of the first sample; in a message without samples: the next number; in the end mark
 *                    of a join: the first number that is not history
 * count          u32
 * request        u32 which request this answers, 0 when live
 * then per sample: publish time f64 (milliseconds since the epoch), length u32, payload
 * with flag 2: number that the answer starts at u64, acknowledge every n samples u32 (0: none wanted)
 * ```
 *
 * All numbers are big-endian. The decoder is total: any bytes give a batch or a `FormatError` that is returned,
 * not thrown, and nothing larger than the input is allocated.
 */
import { FormatError } from "../base/errors.ts";

/** Format version that this program writes and reads. */
export const VERSION = 1;
/** Bytes of the fixed header after the key. */
export const HEADER_BYTES = 32;
/** Bytes in front of every payload. */
export const SAMPLE_BYTES = 12;
/** Bytes after the header of an end mark. */
export const END_BYTES = 12;

/** Bits of the flags byte. */
export const Flag = { HISTORICAL: 1, END: 2, ACKNOWLEDGE: 4 } as const;
const ALL_FLAGS = 7;
const MAX_SEQUENCE_HIGH = 0x1fffff;
/** Numbers of 64 bits are written as two of 32. */
export const HIGH = 2 ** 32;
/** One sample as a subscriber gets it. */
export interface Sample {
  /** What it is about. */
  topic: string;
  /** Id of the publisher. */
  publisher: string;
  /** Number within the stream: 1, 2, 3 … */
  sequence: number;
  /** Fencing token of the topic's ownership when it was published; 0 with shared ownership. */
  epoch: bigint;
  /** Milliseconds since the epoch, microsecond resolution, by the publisher's clock. */
  publishTime: number;
  /** Milliseconds since the epoch, microsecond resolution, by the subscriber's clock. */
  receiveTime: number;
  /** `receiveTime - publishTime`. */
  latencyMs: number;
  /** Whether it was published before the subscriber joined. */
  historical: boolean;
  /** A view into the received message: valid as long as it is kept, shared with its neighbours. */
  payload: Uint8Array;
}

/** What a stream is called by the one who reads it. */
export interface StreamName {
  /** Its topic. */
  readonly topic: string;
  /** Id of its publisher. */
  readonly publisher: string;
}

/** Consecutive samples of one stream with one epoch, decoded in place. */
export class SampleBatch implements Iterable<Sample> {
  /** Milliseconds since the epoch when the message was taken from its socket. */
  receiveTime = 0;
  /** The same moment in monotonic milliseconds, for durations: the clock may be set. */
  receivedAt = 0;
  /** Whether the samples were published before the subscriber joined. */
  historical: boolean;
  /** By how many milliseconds the publisher's clock is behind its broker's, to three digits; 0 if they agree. */
  clockOffset = 0;

  /**
   * Samples of a message that was decoded.
   *
   * @param stream whose samples they are
   * @param incarnation tells the starts of a publisher apart
   * @param epoch fencing token of the topic's ownership
   * @param flags bits of {@link Flag}
   * @param request the request that it answers, 0 when it is live
   * @param firstSequence number of the first sample
   * @param count samples
   * @param bytes the whole message
   * @param offset where the samples begin in it
   */
  constructor(
    readonly stream: StreamName,
    readonly incarnation: number,
    readonly epoch: bigint,
    readonly flags: number,
    readonly request: number,
    readonly firstSequence: number,
    readonly count: number,
    readonly bytes: Uint8Array,
    readonly offset: number,
  ) {
    this.historical = (flags & Flag.HISTORICAL) !== 0;
  }

  /** What the samples are about. */
  get topic(): string {
    return this.stream.topic;
  }
  /** Id of their publisher. */
  get publisher(): string {
    return this.stream.publisher;
  }
  /** The number after the last sample's. */
  get nextSequence(): number {
    return this.firstSequence + this.count;
  }
  /** Bytes of the samples, their time and length included. */
  get byteLength(): number {
    return this.bytes.length - this.offset;
  }

  /** The same batch without its first `skip` samples. */
  without(skip: number): SampleBatch {
    const view = viewOf(this.bytes);
    let at = this.offset;
    for (let i = 0; i < skip; i++) at += SAMPLE_BYTES + view.getUint32(at + 8);
    const rest = new SampleBatch(
      this.stream,
      this.incarnation,
      this.epoch,
      this.flags,
      this.request,
      this.firstSequence + skip,
      this.count - skip,
      this.bytes,
      at,
    );
    rest.receiveTime = this.receiveTime;
    rest.receivedAt = this.receivedAt;
    rest.historical = this.historical;
    rest.clockOffset = this.clockOffset;
    return rest;
  }

  /** The same batch up to its first `count` samples. */
  upTo(count: number): SampleBatch {
    const { stream, incarnation, epoch, flags, request, firstSequence, offset } = this;
    const bytes = this.bytes.subarray(0, this.without(count).offset);
    const head = new SampleBatch(
      stream,
      incarnation,
      epoch,
      flags,
      request,
      firstSequence,
      count,
      bytes,
      offset,
    );
    head.receiveTime = this.receiveTime;
    head.receivedAt = this.receivedAt;
    head.historical = this.historical;
    head.clockOffset = this.clockOffset;
    return head;
  }

  /**
   * Call `visit` for every sample without making an object of it.
   *
   * @param visit gets the publish time and where the payload stands in `bytes`.
   */
  forEach(visit: (publishTime: number, start: number, end: number, sequence: number) => void): void {
    const view = viewOf(this.bytes);
    let at = this.offset;
    for (let i = 0; i < this.count; i++) {
      const time = view.getFloat64(at);
      const start = at + SAMPLE_BYTES;
      at = start + view.getUint32(at + 8);
      visit(time, start, at, this.firstSequence + i);
    }
  }

  /** The samples, each an object. */
  *[Symbol.iterator](): Generator<Sample> {
    const { bytes, topic, publisher, epoch, receiveTime, historical } = this;
    const view = viewOf(bytes);
    let at = this.offset;
    for (let i = 0; i < this.count; i++) {
      const publishTime = view.getFloat64(at);
      const length = view.getUint32(at + 8);
      at += SAMPLE_BYTES;
      yield {
        topic,
        publisher,
        sequence: this.firstSequence + i,
        epoch,
        publishTime,
        receiveTime,
        latencyMs: receiveTime - publishTime,
        historical,
        payload: new Uint8Array(bytes.buffer, bytes.byteOffset + at, length),
      };
      at += length;
    }
  }
}

/** What an end mark says besides the header. */
export interface EndMark {
  /** The first number of the answer: what was asked for below it is no longer kept. */
  start: number;
  /** Acknowledge at least every so many samples; 0 when the publisher does not wait for anybody. */
  acknowledgeEvery: number;
}

/** A view of all of it. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Read a message whose key has `key` bytes.
 *
 * @returns the batch, or the reason why these bytes are none. Never throws.
 */
export function decodeBatch(bytes: Uint8Array, key: number, stream: StreamName): SampleBatch | FormatError {
  const body = key + HEADER_BYTES;
  if (bytes.length < body) {
    return new FormatError(`Message of ${bytes.length} bytes is shorter than its header`);
  }
  const view = viewOf(bytes);
  const version = bytes[key]!;
  if (version !== VERSION) {
    return new FormatError(`Message has format version ${version}, must be ${VERSION}`);
  }
  const flags = bytes[key + 1]!;
  if (flags & ~ALL_FLAGS) return new FormatError(`Message has unknown flags ${flags}`);
  const high = view.getUint32(key + 16);
  if (high > MAX_SEQUENCE_HIGH) return new FormatError("Message has a sequence number above 2^53 - 1");
  const first = high * HIGH + view.getUint32(key + 20);
  if (first < 1) return new FormatError("Message has sequence number 0, must be at least 1");
  const count = view.getUint32(key + 24);
  if (first + count > Number.MAX_SAFE_INTEGER) {
    return new FormatError("Message has a sequence number above 2^53 - 1");
  }
  let at = body;
  if (flags & Flag.END) {
    if (count !== 0) return new FormatError("End mark carries samples");
    at += END_BYTES;
    if (at === bytes.length) {
      const startHigh = view.getUint32(body);
      if (startHigh > MAX_SEQUENCE_HIGH || (startHigh === 0 && view.getUint32(body + 4) === 0)) {
        return new FormatError("End mark starts at a number that is not 1 to 2^53 - 1");
      }
    }
  } else {
    if (count > (bytes.length - body) / SAMPLE_BYTES) {
      return new FormatError(`Message of ${bytes.length} bytes claims ${count} samples`);
    }
    for (let i = 0; i < count; i++) {
      if (at + SAMPLE_BYTES > bytes.length) {
        return new FormatError(`Message ends inside sample ${i + 1} of ${count}`);
      }
      at += SAMPLE_BYTES + view.getUint32(at + 8);
    }
  }
  if (at !== bytes.length) {
    return new FormatError(`Message has ${bytes.length} bytes, its contents need ${at}`);
  }
  const batch = new SampleBatch(
    stream,
    view.getUint32(key + 4),
    view.getBigUint64(key + 8),
    flags,
    view.getUint32(key + 28),
    first,
    count,
    bytes,
    body,
  );
  if (view.getUint16(key + 2) !== 0) {
    const seconds = view.getFloat16(key + 2);
    if (Number.isFinite(seconds)) batch.clockOffset = seconds * 1000;
  }
  return batch;
}

/** What an end mark (a batch with `Flag.END`, as {@link decodeBatch} gave it) says. */
export function endMarkOf(batch: SampleBatch): EndMark {
  const view = viewOf(batch.bytes);
  return {
    start: view.getUint32(batch.offset) * HIGH + view.getUint32(batch.offset + 4),
    acknowledgeEvery: view.getUint32(batch.offset + 8),
  };
}
