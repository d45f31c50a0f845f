/**
 * What waits behind a hole in a stream: batches in the order of their numbers, as long as there is room. Pure.
 *
 * What is refused is not lost: it is missed later, and asked for again.
 */
import { costOf, type Room } from "./room.ts";
import type { SampleBatch } from "../wire/batch.ts";

/** Batches of one stream by number. */
export class Pending {
  #batches: SampleBatch[] = [];
  #head = 0;
  #bytes = 0;
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  /** Batches that wait. */
  get size(): number {
    return this.#batches.length - this.#head;
  }
  /** Bytes kept, what keeping them costs included. */
  get byteLength(): number {
    return this.#bytes;
  }
  /** The batch with the lowest number. */
  get first(): SampleBatch | undefined {
    return this.#batches[this.#head];
  }
  /** The lowest number that came live, not as an answer; 0 when there is none. */
  get firstLive(): number {
    for (let i = this.#head; i < this.#batches.length; i++) {
      const { request, firstSequence } = this.#batches[i]!;
      if (request === 0) return firstSequence;
    }
    return 0;
  }

  /** Keep a batch. @returns "known" when all of it is here already, "refused" when there is no room. */
  add(batch: SampleBatch): "kept" | "known" | "refused" {
    const at = this.#after(batch.firstSequence);
    if (at > this.#head && this.#batches[at - 1]!.nextSequence >= batch.nextSequence) return "known";
    const cost = costOf(batch);
    if (!this.#room.mayHold(cost, batch.request !== 0)) return "refused";
    if (at === this.#batches.length) this.#batches.push(batch);
    else this.#batches.splice(at, 0, batch);
    this.#bytes += cost;
    this.#room.hold(cost);
    return "kept";
  }

  /** Take the first batch away. */
  shift(): SampleBatch | undefined {
    const batch = this.#batches[this.#head];
    if (batch === undefined) return undefined;
    // The slot is released at once, the array is compacted now and then.
    this.#batches[this.#head++] = undefined as unknown as SampleBatch;
    if (this.#head > 64 && this.#head * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
    const cost = costOf(batch);
    this.#bytes -= cost;
    this.#room.hold(-cost);
    return batch;
  }

  /** Index of the first batch that begins after `sequence`. */
  #after(sequence: number): number {
    let low = this.#head;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#batches[middle]!.firstSequence <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
