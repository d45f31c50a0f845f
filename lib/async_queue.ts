/**
 * A queue between a producer that never waits and one consumer with `for await`.
 *
 * Unbounded unless `limit` is given; then the oldest item makes room, so that events nobody reads cost nothing.
 */
export class AsyncQueue<T> implements AsyncIterableIterator<T, undefined> {
  #items: T[] = [];
  #head = 0;
  #waiter: ((result: IteratorResult<T, undefined>) => void) | undefined;
  #closed = false;
  readonly #limit: number;

  /** @param options.limit most items kept; the oldest one is dropped for a newer one. */
  constructor(options: { limit?: number } = {}) {
    this.#limit = options.limit ?? Infinity;
  }

  /** Items that wait. */
  get size(): number {
    return this.#items.length - this.#head;
  }
  get closed(): boolean {
    return this.#closed;
  }

  /** Add an item. Nothing happens after {@link close}. */
  push(item: T): void {
    if (this.#closed) return;
    if (this.#waiter) {
      const waiter = this.#waiter;
      this.#waiter = undefined;
      waiter({ value: item, done: false });
      return;
    }
    if (this.size >= this.#limit) this.#shift();
    this.#items.push(item);
  }

  /** The next item if there is one, without waiting. */
  take(): T | undefined {
    return this.size > 0 ? this.#shift() : undefined;
  }

  /** End the iteration once what is in the queue has been taken. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiter?.({ value: undefined, done: true });
    this.#waiter = undefined;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) return Promise.resolve({ value: this.#shift(), done: false });
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiter = resolve);
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    this.#items = [];
    this.#head = 0;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #shift(): T {
    const item = this.#items[this.#head]!;
    this.#items[this.#head++] = undefined as T;
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
