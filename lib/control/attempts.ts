/**
 * How long to wait before the next attempt to find a broker that serves us. Pure: time is a parameter, monotonic
 * milliseconds.
 *
 * Guarantee: attempts that fail begin at growing intervals. While there are zones that were not tried yet the interval
 * is short, but not for ever: however many zones there are that nobody serves, a client does not turn without a pause.
 */

const FIRST_MS = 20;
const LONGEST_MS = 1000;
/** So many attempts in a row may look at one zone after the other. */
const MOST_IN_A_ROW = 100;

/** The attempts of one client. */
export class Attempts {
  #begunAt = 0;
  #failures = 0;
  #inARow = 0;

  /** An attempt begins. */
  begins(now: number): void {
    this.#begunAt = now;
  }

  /** It has failed. @param others whether there are zones that were not tried. @returns how long to wait, at least 0. */
  failed(others: boolean, now: number): number {
    const next = others && ++this.#inARow < MOST_IN_A_ROW;
    const apart = next ? FIRST_MS : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(16, this.#failures++));
    return Math.max(0, this.#begunAt + apart - now);
  }

  /** It has not: the next failure is a first one. */
  succeeded(): void {
    this.#failures = this.#inARow = 0;
  }
}
