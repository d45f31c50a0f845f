/**
 * Whether a publisher can have got as far as a message of its stream says. Pure: time is a parameter.
 *
 * A number far ahead makes a stream wait for what never comes, or count it as lost. The bound is generous: nobody
 * publishes a hundred million samples a second, and who was out of sight for long may be behind by as many as were
 * published meanwhile. What is refused is not passed over: an honest message is admitted later.
 */

/** Nobody gets as far: at a million samples a second it takes 71 years. */
const MOST_EVER = 2 ** 51;
/** Ahead of what we have got, whenever that was. */
const AHEAD = 2 ** 30;
/** And so many more for each millisecond since we first looked at the stream. */
const AHEAD_A_SECOND = 100_000_000;

/** The check of one stream. */
export class NumberCheck {
  #base = 0;
  #since = 0;
  #refused = 0;

  /** Messages refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * @param nextSequence the number after the message's last one.
   * @param next the next number that the stream is to deliver; 0 when it has not joined.
   */
  admits(nextSequence: number, next: number, now: number): boolean {
    if (this.#base === 0 && next > 0) {
      this.#base = next;
      this.#since = now;
    }
    if (next > 0 && nextSequence - next <= AHEAD) return true;
    const most = next === 0 ? MOST_EVER : this.#base + AHEAD + (now - this.#since) / 1000 * AHEAD_A_SECOND;
    if (nextSequence <= Math.min(most, MOST_EVER)) return true;
    this.#refused++;
    return false;
  }
}
