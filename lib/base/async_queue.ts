import { Loop } from "./loop.ts";

/** Events of an object that are kept for who reads them later. */
export const EVENTS_KEPT = 1000;

/**
 * A queue between a producer that never waits and a consumer with `for await`.
 *
 * Unbounded unless `limit` is given; then the oldest item makes room, so that events nobody reads cost nothing. Of
 * several consumers each item goes to one, to the one that has waited longest; all of them end at `close()`. Who leaves
 * a loop over the queue itself ends it; a {@link AsyncQueue.loop} may be left and followed by another one.
 */
export class AsyncQueue<T> implements AsyncIterableIterator<T, undefined> {
  #items: T[] = [];
  #head = 0;
  #waiters: ((result: IteratorResult<T, undefined>) => void)[] = [];
  #closed = false;
  readonly #limit: number;

  /** @param options.limit most items kept, at least 1; the oldest one is dropped for a newer one. */
  constructor(options: { limit?: number } = {}) {
    this.#limit = Math.max(1, options.limit ?? Infinity);
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
    const waiter = this.#waiters.shift();
    if (waiter) return waiter({ value: item, done: false });
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
    for (const waiter of this.#waiters.splice(0)) waiter({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) return Promise.resolve({ value: this.#shift(), done: false });
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** A loop that may be left without an end to the queue. */
  loop(): AsyncIterableIterator<T, undefined> {
    return new Loop<T>({
      next: async (loop) => {
        const result = await this.next();
        if (!loop.left) return result;
        if (result.done !== true) this.#putBack(result.value);
        return { value: undefined, done: true };
      },
      leave: () => {},
    });
  }

  /** To the front. */
  #putBack(item: T): void {
    const waiter = this.#waiters.shift();
    if (waiter) return waiter({ value: item, done: false });
    this.#items = [item, ...this.#items.slice(this.#head)];
    this.#head = 0;
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
