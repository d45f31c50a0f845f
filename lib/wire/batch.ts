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
import { freeMemory } from "../base/free_memory.ts";

/** Format version that this program writes and reads. */
export const VERSION = 1;
/** Bytes of the fixed header after the key. */
export const HEADER_BYTES = 32;
/** Bytes in front of every payload. */
export const SAMPLE_BYTES = 12;
const END_BYTES = 12;

/** Bits of the flags byte. */
export const Flag = { HISTORICAL: 1, END: 2, ACKNOWLEDGE: 4 } as const;
const ALL_FLAGS = 7;
const MAX_SEQUENCE_HIGH = 0x1fffff;
const HIGH = 2 ** 32;
/**
 * Memory for messages: the first slab of a stream, and the largest unless one message needs more. That is room for
 * one large message and below what the C library takes from the system each time anew.
 */
const FIRST_SLAB_BYTES = 480;
const LARGEST_SLAB_BYTES = 68 * 1024;
/** Slabs that were given back and are kept for the next messages. */
const SPARE_SLABS = 2;
const LARGEST_SPARE_BYTES = 256 * 1024;

const encoder = new TextEncoder();

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

function viewOf(bytes: Uint8Array): DataView {
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

/** The fields of a header that a writer chooses. */
export interface Header {
  flags?: number;
  incarnation: number;
  epoch: bigint;
  first: number;
  count: number;
  request?: number;
  /** By how many milliseconds the publisher's clock is behind its broker's; a day is told as 18 hours. */
  clockOffset?: number;
}

/** The largest number of seconds that has a place in a header. */
const LARGEST_FLOAT16 = 65_504;

function writeHeader(view: DataView, key: number, header: Omit<Header, "count">, count: number): void {
  view.setUint8(key, VERSION);
  view.setUint8(key + 1, header.flags ?? 0);
  const seconds = (header.clockOffset ?? 0) / 1000;
  if (seconds === 0) view.setUint16(key + 2, 0);
  else view.setFloat16(key + 2, Math.max(-LARGEST_FLOAT16, Math.min(seconds, LARGEST_FLOAT16)));
  view.setUint32(key + 4, header.incarnation);
  view.setBigUint64(key + 8, header.epoch);
  view.setUint32(key + 16, Math.floor(header.first / HIGH));
  view.setUint32(key + 20, header.first >>> 0);
  view.setUint32(key + 24, count);
  view.setUint32(key + 28, header.request ?? 0);
}

/** A message without samples: says what the next number is. With `end`, it ends the answer to a request. */
export function encodeMark(key: Uint8Array, header: Omit<Header, "count">, end?: EndMark): Uint8Array {
  const bytes = new Uint8Array(key.length + HEADER_BYTES + (end ? END_BYTES : 0));
  bytes.set(key);
  const flags = (header.flags ?? 0) | (end ? Flag.END : 0);
  writeHeader(viewOf(bytes), key.length, { ...header, flags }, 0);
  if (end) {
    const view = viewOf(bytes);
    const at = key.length + HEADER_BYTES;
    view.setUint32(at, Math.floor(end.start / HIGH));
    view.setUint32(at + 4, end.start >>> 0);
    view.setUint32(at + 8, end.acknowledgeEvery);
  }
  return bytes;
}

/** Samples `body` (as they stand in a batch) again, under another key and header. */
export function encodeReplay(key: Uint8Array, header: Header, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(key.length + HEADER_BYTES + body.length);
  bytes.set(key);
  writeHeader(viewOf(bytes), key.length, header, header.count);
  bytes.set(body, key.length + HEADER_BYTES);
  return bytes;
}

/**
 * Packs samples of one stream into messages. One is reused for all messages of a stream: they stand one behind the
 * other in slabs of memory, which grow with what is published. A finished message is not written to again, unless its
 * slab is given back.
 */
export class BatchBuilder {
  #slab: Uint8Array<ArrayBuffer>;
  #view: DataView;
  /** Where the message begins in the slab, and where it ends so far. */
  #base = 0;
  #end: number;
  #count = 0;
  /** Bytes of the message before: this one will need as many. */
  #usual = 0;
  readonly #spare: ArrayBuffer[] = [];
  readonly #key: Uint8Array;

  /** @param key the live key of the stream. */
  constructor(key: Uint8Array) {
    this.#key = key;
    this.#end = key.length + HEADER_BYTES;
    this.#slab = new Uint8Array(this.#end + FIRST_SLAB_BYTES);
    this.#view = viewOf(this.#slab);
  }

  /** Samples packed so far. */
  get count(): number {
    return this.#count;
  }
  /** Bytes of the message so far. */
  get length(): number {
    return this.#end - this.#base;
  }

  /** Append one sample. @param publishTime milliseconds since the epoch. */
  add(publishTime: number, payload: Uint8Array | string): void {
    let size: number;
    let at: number;
    if (typeof payload === "string") {
      // A UTF-16 unit becomes three bytes at most.
      at = this.#reserve(SAMPLE_BYTES + payload.length * 3);
      size = encoder.encodeInto(payload, this.#slab.subarray(at + SAMPLE_BYTES)).written;
    } else {
      size = payload.length;
      at = this.#reserve(SAMPLE_BYTES + size);
      this.#slab.set(payload, at + SAMPLE_BYTES);
    }
    this.#view.setFloat64(at, publishTime);
    this.#view.setUint32(at + 8, size);
    this.#end = at + SAMPLE_BYTES + size;
    this.#count++;
  }

  /** The finished message; the builder goes on with the next one. */
  finish(header: Omit<Header, "count">): Uint8Array {
    // There is room: without samples too.
    this.#reserve(0);
    this.#slab.set(this.#key, this.#base);
    writeHeader(this.#view, this.#base + this.#key.length, header, this.#count);
    const message = this.#slab.subarray(this.#base, this.#end);
    this.#usual = message.length;
    this.#base = this.#end;
    this.#end += this.#key.length + HEADER_BYTES;
    this.#count = 0;
    return message;
  }

  /** Nobody holds a message in this slab any more: it is written to again, or freed. */
  giveBack(slab: ArrayBufferLike): void {
    if (slab === this.#slab.buffer || !(slab instanceof ArrayBuffer)) return;
    const { byteLength } = slab;
    const isUseful = byteLength >= LARGEST_SLAB_BYTES && byteLength <= LARGEST_SPARE_BYTES;
    if (isUseful && this.#spare.length < SPARE_SLABS) this.#spare.push(slab);
    else freeMemory(slab);
  }

  /** Make room for so many bytes at the end of the message. @returns where they go. */
  #reserve(bytes: number): number {
    // A message that will not fit does not begin here: it would have to be copied.
    const end = this.#count === 0 ? Math.max(this.#end + bytes, this.#base + this.#usual) : this.#end + bytes;
    if (end > this.#slab.length) this.#moveOn(end - this.#base);
    return this.#end;
  }

  /** The message does not fit here: begin a slab that has room for so many bytes of it. */
  #moveOn(length: number): void {
    const message = this.#slab.subarray(this.#base, Math.min(this.#end, this.#slab.length));
    // A little more than the message before had, as its neighbours vary.
    const wanted = Math.max(Math.min(2 * this.#slab.length, LARGEST_SLAB_BYTES), this.#usual * 17 / 16);
    const size = Math.max(length, Math.ceil(wanted));
    const spare = this.#spare.pop();
    const fits = spare !== undefined && spare.byteLength >= size && spare.byteLength <= 2 * size;
    // Messages have become larger, or much smaller.
    if (spare !== undefined && !fits) freeMemory(spare);
    this.#slab = fits ? new Uint8Array(spare) : new Uint8Array(size);
    this.#view = viewOf(this.#slab);
    this.#slab.set(message);
    this.#end -= this.#base;
    this.#base = 0;
  }
}
