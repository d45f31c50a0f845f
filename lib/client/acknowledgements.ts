/**
 * Acknowledgements that are due are sent together: through a broker each of them wakes up all of its publishers.
 */

/** Who has something to acknowledge. */
interface Acknowledging {
  acknowledge(): void;
}

/**
 * They wait so long for others, short against the time in which a share of the credit is used up: as many milliseconds
 * as streams were acknowledged together the last time, within these bounds. A lone one of many publishers is not to wait.
 */
const LEAST_TOGETHER_MS = 5;
const MOST_TOGETHER_MS = 20;

export class Acknowledgements {
  readonly #due = new Set<Acknowledging>();
  /** Milliseconds from when it was set until the timer is over; Infinity when it is not set. */
  #in = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #togetherMs = LEAST_TOGETHER_MS;

  /** One that was asked for: with others that are. */
  soon(one: Acknowledging): void {
    this.within(one, this.#togetherMs);
  }

  /** One that may wait for `ms`. */
  within(one: Acknowledging, ms: number): void {
    this.#due.add(one);
    if (ms >= this.#in) return;
    this.#in = ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#in = Infinity;
      this.#togetherMs = Math.min(MOST_TOGETHER_MS, Math.max(LEAST_TOGETHER_MS, this.#due.size));
      for (const each of this.#due) each.acknowledge();
      this.#due.clear();
    }, ms);
  }

  /** None is sent any more by itself. */
  close(): void {
    clearTimeout(this.#timer);
    this.#in = -Infinity;
  }
}
