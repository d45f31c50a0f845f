/**
 * What a client does in the background: a task that fails makes the client fail, unless it is leaving anyway.
 */

/** The background tasks of one client. */
export class Background {
  readonly #leaving: AbortSignal;
  readonly #tasks = new Set<Promise<void>>();
  readonly #failed = Promise.withResolvers<never>();

  /** @param leaving once it is aborted, failures no longer count. */
  constructor(leaving: AbortSignal) {
    this.#leaving = leaving;
    this.#failed.promise.catch(() => {});
  }

  /** Rejects with the first failure; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** A task that ends with the client. */
  own(task: Promise<unknown>): void {
    const owned = task.then(() => {}, (error) => {
      if (!this.#leaving.aborted) this.#failed.reject(error);
    }).finally(() => this.#tasks.delete(owned));
    this.#tasks.add(owned);
  }

  /**
   * Start the client: `body` waits for each of its steps by `step`, which rejects at once when `signal` is aborted or
   * the client fails, so that no step is taken after that.
   */
  async start(
    signal: AbortSignal | undefined,
    body: (step: <T>(promise: Promise<T>) => Promise<T>) => Promise<void>,
  ): Promise<void> {
    signal?.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => {});
    const abort = () => aborted.reject(signal!.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await body((promise) => Promise.race([promise, aborted.promise, this.failed]));
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Resolves when none of the tasks runs any more. */
  async ended(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }
}
