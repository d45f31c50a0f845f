/**
 * Places in streams whose publishers are out of sight: when the same life of a publisher is back, its stream goes on
 * where it stopped, however long that took. Bounded: of too many the one that was parked first is given up. Pure.
 */

/** A place in a stream. */
export interface Place {
  incarnation: number;
  /** The next number to deliver. */
  next: number;
  /** Numbers up to this one were fenced and may still come; below `next` when none were. */
  fencedUpTo: number;
  /** Numbers up to this one found no room and may still come; below `next` when none did. */
  refusedUpTo: number;
  /** Numbers below `next` that were given up, lost or fenced. */
  givenUp: number;
}

/** Places that are remembered. */
export const MAX_PARKED = 10_000;

/** Places by stream. */
export class ParkedStreams {
  readonly #places = new Map<string, Place>();
  readonly #limit: number;

  constructor(limit = MAX_PARKED) {
    this.#limit = limit;
  }

  /** Remember a place. @returns the one that was given up for it, and the key of its stream, if any. */
  park(key: string, place: Place): [string, Place] | undefined {
    this.#places.delete(key);
    this.#places.set(key, place);
    if (this.#places.size <= this.#limit) return undefined;
    const [oldest] = this.#places;
    this.#places.delete(oldest![0]);
    return oldest;
  }

  /** All places by the keys of their streams. */
  [Symbol.iterator](): MapIterator<[string, Place]> {
    return this.#places[Symbol.iterator]();
  }

  /** The place in the stream, of whichever life it is; it is not remembered any more. */
  take(key: string): Place | undefined {
    const place = this.#places.get(key);
    this.#places.delete(key);
    return place;
  }
}
