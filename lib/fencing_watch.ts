/**
 * Notices a publisher whose every sample is dropped because a later owner of its topic had been heard: for a moment
 * that is a change of owner, for long it is a reason why no data comes. Pure: times are monotonic milliseconds.
 */

/** Looks at the counters of one stream. */
export class FencingWatch {
  readonly #patienceMs: number;
  #delivered = 0;
  #fenced = 0;
  /** Since when they are dropped without a pause, and when the last one was. */
  #since = -Infinity;
  #last = -Infinity;
  #told = false;

  /** @param patienceMs a change of owner is over by then. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Whether it is to be told now, once until something is delivered again. To be called now and then. */
  look({ delivered, fenced }: { delivered: number; fenced: number }, now: number): boolean {
    const more = fenced > this.#fenced;
    this.#fenced = fenced;
    if (delivered !== this.#delivered) {
      this.#delivered = delivered;
      this.#last = -Infinity;
      this.#told = false;
    } else if (more) {
      if (now - this.#last > this.#patienceMs) this.#since = now;
      this.#last = now;
      if (!this.#told && now - this.#since >= this.#patienceMs) return this.#told = true;
    }
    return false;
  }
}
