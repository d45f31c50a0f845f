/**
 * How much of something others may have: so much at once, so much a second after that (a token bucket). Pure: time is a
 * parameter, monotonic milliseconds.
 */
export class Allowance {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #at: number | undefined;

  /** @param burst what may be had at once. */
  constructor({ burst, perSecond }: { burst: number; perSecond: number }) {
    this.#burst = this.#left = burst;
    this.#perSecond = perSecond;
  }

  /** Whether there is anything left. */
  has(now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + (now - (this.#at ?? now)) * this.#perSecond / 1000);
    this.#at = now;
    return this.#left > 0;
  }

  /** Take it, also when it is more than is left: the next ones wait for that. */
  take(amount: number): void {
    this.#left -= amount;
  }
}
