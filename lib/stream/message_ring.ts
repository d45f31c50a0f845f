/**
 * Messages of one stream in the order of their numbers, in columns: thousands of them are kept, and as many objects
 * would keep the garbage collector busy for milliseconds at a time. What is kept of a message is the memory that its
 * bytes stand in (shared with its neighbours) and some numbers. Pure.
 */
import { SampleBatch, type StreamName } from "../wire/batch.ts";

/** Numbers kept of each message. */
const FIRST = 0, NEXT = 1, OFFSET = 2, LENGTH = 3, BODY = 4, SUM = 5, INCARNATION = 6, COLUMNS = 7;
const LEAST = 16;

/** Batches at one end in, at the other end out. Indices go on counting: they are valid from `head` to `tail`. */
export class MessageRing {
  /** Index of the oldest message, and of the one after the newest. */
  head = 0;
  tail = 0;
  #numbers = new Float64Array(LEAST * COLUMNS);
  #epochs = new BigUint64Array(LEAST);
  #memory: (ArrayBufferLike | undefined)[] = new Array(LEAST);
  #stream: StreamName = { topic: "", publisher: "" };

  /** How many there are. */
  get size(): number {
    return this.tail - this.head;
  }

  /** Add the newest. @param sum a number to be kept with it. */
  push(batch: SampleBatch, sum: number): void {
    if (this.size === this.#memory.length) this.#resize(2 * this.size);
    const { bytes } = batch;
    const slot = this.tail++ % this.#memory.length;
    const numbers = this.#numbers;
    const at = slot * COLUMNS;
    numbers[at + FIRST] = batch.firstSequence;
    numbers[at + NEXT] = batch.nextSequence;
    numbers[at + OFFSET] = bytes.byteOffset;
    numbers[at + LENGTH] = bytes.length;
    numbers[at + BODY] = batch.offset;
    numbers[at + SUM] = sum;
    numbers[at + INCARNATION] = batch.incarnation;
    this.#epochs[slot] = batch.epoch;
    this.#memory[slot] = bytes.buffer;
    this.#stream = batch.stream;
  }

  /** Drop the oldest. */
  shift(): void {
    const slots = this.#memory.length;
    this.#memory[this.head++ % slots] = undefined;
    if (slots > LEAST && this.size < slots / 8) this.#resize(slots / 2);
  }

  /** Number of the first sample of a message. */
  first(index: number): number {
    return this.#number(index, FIRST);
  }
  /** The number after its last sample's. */
  next(index: number): number {
    return this.#number(index, NEXT);
  }
  /** Bytes of a message. */
  length(index: number): number {
    return this.#number(index, LENGTH);
  }
  /** The memory that a message stands in, shared with its neighbours. */
  memory(index: number): ArrayBufferLike | undefined {
    return this.#memory[index % this.#memory.length];
  }
  /** What was given with it. */
  sum(index: number): number {
    return this.#number(index, SUM);
  }

  /** A message as it was pushed. */
  batch(index: number): SampleBatch {
    const slot = index % this.#memory.length;
    const first = this.first(index);
    return new SampleBatch(
      this.#stream,
      this.#number(index, INCARNATION),
      this.#epochs[slot]!,
      0,
      0,
      first,
      this.next(index) - first,
      new Uint8Array(this.#memory[slot]!, this.#number(index, OFFSET), this.length(index)),
      this.#number(index, BODY),
    );
  }

  #number(index: number, column: number): number {
    return this.#numbers[index % this.#memory.length * COLUMNS + column]!;
  }

  #resize(slots: number): void {
    const numbers = new Float64Array(slots * COLUMNS);
    const epochs = new BigUint64Array(slots);
    const memory = new Array<ArrayBufferLike | undefined>(slots);
    const before = this.#memory.length;
    for (let index = this.head; index < this.tail; index++) {
      const from = index % before;
      const to = index % slots;
      numbers.set(this.#numbers.subarray(from * COLUMNS, (from + 1) * COLUMNS), to * COLUMNS);
      epochs[to] = this.#epochs[from]!;
      memory[to] = this.#memory[from];
    }
    this.#numbers = numbers;
    this.#epochs = epochs;
    this.#memory = memory;
  }
}
