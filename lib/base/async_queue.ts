import { type Ask, Loop } from "./loop.ts";

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
  #waiters: Pick<Ask<T>, "answer" | "left">[] = [];
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
    if (waiter) return waiter.answer({ value: item, done: false });
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
    for (const waiter of this.#waiters.splice(0)) waiter.answer({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) return Promise.resolve({ value: this.#shift(), done: false });
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    return new Promise((answer) => this.#waiters.push({ answer, left: false }));
  }

  /** A loop that may be left without an end to the queue. */
  loop(): AsyncIterableIterator<T, undefined> {
    return new Loop<T>({
      ask: (ask) => {
        if (this.size > 0) return ask.answer({ value: this.#shift(), done: false });
        if (this.#closed) return ask.answer({ value: undefined, done: true });
        this.#waiters.push(ask);
      },
      leave: () => {
        this.#waiters = this.#waiters.filter(({ left }) => !left);
      },
    });
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
