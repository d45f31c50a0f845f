/**
 * Room for what a subscriber holds: what its user has not taken, and what waits behind holes, over all streams. Pure.
 *
 * What finds no room is not kept and not lost: it stays a hole, which is asked for when there is room again, in pieces
 * that fit. As long as there is none nothing is asked for, so nobody sends again what would not be kept again.
 *
 * Guarantee: at most the limit is held, and one message more; and whatever waits behind holes, what the user waits for
 * finds room when nothing else is there for it to take.
 */

const MIB = 1024 * 1024;
/** Above what publishers have under way by our credit, as each may exceed it by what it is packing. */
const LIMIT_BYTES = 24 * MIB;
/** What holding a message costs besides its bytes. */
const MESSAGE_BYTES = 512;

/** Bytes that holding a message costs. */
export function costOf({ bytes }: { bytes: Uint8Array }): number {
  return bytes.length + MESSAGE_BYTES;
}

/** Bytes held, of all streams of a subscriber. */
export class Room {
  /** Streams of which something found no room, and has not come again. */
  short = 0;
  /** Whether somebody wants to ask, and has to wait until {@link mayAsk} is true. */
  wanted = false;
  readonly #limit: number;
  #queued = 0;
  #held = 0;

  /** @param limit bytes */
  constructor(limit = LIMIT_BYTES) {
    this.#limit = limit;
  }

  /** Bytes held. */
  get used(): number {
    return this.#queued + this.#held;
  }
  /** Whether something may be asked for: half of the room is left, or the user has nothing to take. */
  get mayAsk(): boolean {
    return this.#queued === 0 || this.used <= this.#limit / 2;
  }
  /** Bytes that a stream of which something found no room may ask for. */
  get share(): number {
    return Math.max(0, this.#limit - this.used) / Math.max(1, this.short);
  }

  /** Whether a message may be given to the user. */
  mayQueue(bytes: number): boolean {
    return this.#queued === 0 || this.used + bytes <= this.#limit;
  }

  /**
   * Whether a message may wait.
   *
   * @param isNext whether nothing before it is to be asked for still: it is of an answer, or behind no hole. Of those
   * more may wait.
   */
  mayHold(bytes: number, isNext: boolean): boolean {
    return this.used + bytes <= this.#limit * (isNext ? 0.9 : 0.7);
  }

  /** Given to the user; taken by him when negative. */
  queue(bytes: number): void {
    this.#queued += bytes;
  }

  /** Kept behind a hole; taken from there when negative. */
  hold(bytes: number): void {
    this.#held += bytes;
  }
}
