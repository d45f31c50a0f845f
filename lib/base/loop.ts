/**
 * One loop over something that outlives it: who leaves it, by `break` or by an error, may begin another one, which goes
 * on where this one has stopped. Pure.
 */

/** What is iterated over. */
export interface Iterated<T> {
  /**
   * The next item.
   *
   * @param loop who asks: when it was left by the time that an item comes, the item is kept for the next one.
   */
  next(loop: { readonly left: boolean }): Promise<IteratorResult<T, undefined>>;
  /** The loop was left: what it was given last, it has taken. */
  leave(): void;
}

export class Loop<T> implements AsyncIterableIterator<T, undefined> {
  readonly #over: Iterated<T>;
  left = false;

  constructor(over: Iterated<T>) {
    this.#over = over;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.left ? Promise.resolve({ value: undefined, done: true }) : this.#over.next(this);
  }

  return(): Promise<IteratorResult<T, undefined>> {
    if (!this.left) {
      this.left = true;
      this.#over.leave();
    }
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
