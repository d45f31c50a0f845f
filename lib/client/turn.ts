/**
 * Natural batching: the first sample of an idle moment goes out at the end of the current task step (a
 * microtask), those that follow in the same turn of the event loop go out together at the turn's end. No timer,
 * so nothing is delayed at a low rate.
 */
// The global function is loaded when it is first named, and microtasks run meanwhile: not in the middle of a turn.
import "node:timers";

/** Calls `flush` once soon after the first {@link Turn.touch} of a turn, and once at the turn's end. */
export class Turn {
  #open = false;
  #waiters: (() => void)[] = [];
  readonly #flush: () => void;
  readonly #begin: () => void;

  /** @param begin called at the first touch of a turn, before anything is flushed. */
  constructor(flush: () => void, begin: () => void) {
    this.#flush = flush;
    this.#begin = begin;
  }

  /** Something is about to be added. */
  touch(): void {
    if (this.#open) return;
    this.#open = true;
    this.#begin();
    queueMicrotask(this.#flush);
    setImmediate(() => {
      this.#open = false;
      this.#flush();
      const waiters = this.#waiters;
      this.#waiters = [];
      for (const waiter of waiters) waiter();
    });
  }

  /** Resolves when the turn is over: sockets and timers have had theirs. */
  ended(): Promise<void> {
    this.touch();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}
