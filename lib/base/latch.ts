/**
 * A latch: one waiter, many setters. What was set while nobody waited is not lost, and many sets count as one, which
 * is what "something changed, look again" needs. Pure but for promises.
 */
export class Latch {
  #isSet = false;
  #wake: (() => void) | undefined;

  /** Let the waiter go, or the next one who comes. */
  readonly set = (): void => {
    this.#isSet = true;
    this.#wake?.();
  };

  /** Whether it is set and nobody has taken it yet. */
  get isSet(): boolean {
    return this.#isSet;
  }

  /** Forget what was set so far. */
  clear(): void {
    this.#isSet = false;
  }

  /** Resolves when the latch is set, and takes it; or when one of the signals aborts. Never rejects. */
  async wait(...signals: AbortSignal[]): Promise<void> {
    if (!this.#isSet && !signals.some((signal) => signal.aborted)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      for (const signal of signals) signal.addEventListener("abort", this.#onAbort);
      await promise;
      this.#wake = undefined;
      for (const signal of signals) signal.removeEventListener("abort", this.#onAbort);
    }
    this.#isSet = false;
  }

  readonly #onAbort = (): void => this.#wake?.();
}
