/** What of a stream came and found no room: it may still come, and is asked for when there is some. Pure. */
import { costOf, type Room } from "./room.ts";
import type { SampleBatch } from "../wire/batch.ts";

export class Refused {
  readonly #room: Room;
  /** What is below this number, and not below the next one to deliver, found no room. */
  #to = 0;
  /** Bytes of a sample that found none, about. */
  #sampleBytes = 1;

  constructor(room: Room) {
    this.#room = room;
  }

  /** The first number above all of it. */
  get to(): number {
    return this.#to;
  }

  /** There is no room for these. @param next the next number to deliver */
  add(batch: SampleBatch, next: number): void {
    const { count, nextSequence } = batch;
    if (next >= this.#to && nextSequence > next) this.#room.short++;
    this.#to = Math.max(this.#to, nextSequence);
    this.#sampleBytes = costOf(batch) / count;
  }

  /** The next number to deliver is another one. */
  goOn(from: number, to: number): void {
    if (from < this.#to && to >= this.#to) this.#room.short--;
  }

  /** None of it is wanted any more. */
  forget(next: number): void {
    if (next < this.#to) this.#room.short--;
    this.#to = 0;
  }

  /**
   * The last number to ask for.
   *
   * @param next the first one
   * @param wanted the last one that is wanted, 0: all that there is
   * @param behind the first one that is here, Infinity: none
   */
  thatFits(next: number, wanted: number, behind: number): number {
    if (next >= this.#to) return wanted;
    const last = wanted === 0 ? Infinity : Math.max(wanted, this.#to - 1);
    const fits = next + Math.floor(this.#room.share / this.#sampleBytes) - 1;
    return Math.max(next, Math.min(last, behind - 1, fits));
  }
}
