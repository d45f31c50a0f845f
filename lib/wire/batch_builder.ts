/**
 * Writing what `batch.ts` reads: messages of samples, answers and marks.
 *
 * Guarantee: a builder's memory is used again when it fits, and freed at once when it does not.
 */
import { freeMemory } from "../base/free_memory.ts";
import { END_BYTES, type EndMark, Flag, HEADER_BYTES, HIGH, SAMPLE_BYTES, VERSION, viewOf } from "./batch.ts";

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
