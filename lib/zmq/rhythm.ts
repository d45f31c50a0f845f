/**
 * Whether messages come so fast that waiting for the next one on this thread is worth it. Pure: time is a parameter,
 * monotonic milliseconds.
 *
 * A wait on another thread costs two changes of thread for every message, some tens of microseconds. A wait on this
 * one costs none but holds up everything else; so it is only done in small pieces, while messages come, and while
 * the event loop has nothing else to do.
 */

/** Messages that come more often than this are waited for here; after a longer pause no more. */
const GAP_MS = 2;
/** One wait on this thread: everything else is held up at most so long, microseconds. */
const WAIT_MICROSECONDS = 500;
/** A turn of the event loop that took longer did something: then it is to go on at once. */
const BUSY_TURN_MS = 0.05;

/** The rhythm of the messages of one process. */
export class Rhythm {
  #last = -Infinity;
  #fastUntil = -Infinity;

  /** Messages came. */
  beat(now: number): void {
    if (now - this.#last < GAP_MS) this.#fastUntil = now + GAP_MS;
    this.#last = now;
  }

  /** Whether to wait for the next messages on this thread. */
  fast(now: number): boolean {
    return now < this.#fastUntil;
  }

  /** How long that wait may be, microseconds. @param turnMs what the last turn of the event loop took. */
  wait(turnMs: number): number {
    return turnMs > BUSY_TURN_MS ? 0 : WAIT_MICROSECONDS;
  }
}
