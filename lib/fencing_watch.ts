/**
 * Notices a publisher whose every sample is dropped because a later owner of its topic had been heard: for a moment
 * that is a change of owner, for long it is a reason why no data comes. Pure: times are monotonic milliseconds.
 */

/** A change of owner is over by then. */
const PATIENCE_MS = 5000;

/** Looks at the counters of one stream. */
export class FencingWatch {
  #delivered = 0;
  #fenced = 0;
  #since: number | undefined;
  #told = false;

  /** Whether it is to be told now, once until something is delivered again. To be called now and then. */
  look({ delivered, fenced }: { delivered: number; fenced: number }, now: number): boolean {
    const more = fenced > this.#fenced;
    this.#fenced = fenced;
    if (delivered !== this.#delivered) {
      this.#delivered = delivered;
      this.#since = undefined;
      this.#told = false;
    } else if (more) {
      this.#since ??= now;
      if (!this.#told && now - this.#since >= PATIENCE_MS) return this.#told = true;
    }
    return false;
  }
}
