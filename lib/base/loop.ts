/**
 * One loop over something that outlives it: who leaves it, by `break` or by an error, may begin another one, which goes
 * on where this one has stopped. Pure.
 *
 * Guarantee: what is still asked for when the loop is left ends at once, and takes nothing.
 */

/** Somebody who has asked for the next item. */
export interface Ask<T> {
  /** The loop was left: it is answered already. */
  readonly left: boolean;
  /** What is answered is handed out at that moment. */
  answer(result: IteratorResult<T, undefined>): void;
  fail(error: unknown): void;
}

/** What is iterated over. */
export interface Iterated<T> {
  /** Answers at once, or later: in the order of asking, and nothing to who has left. */
  ask(ask: Ask<T>): void;
  /** The loop was left: what it was given last, it has taken. */
  leave(): void;
}

class OpenAsk<T> implements Ask<T> {
  constructor(
    readonly loop: Loop<T>,
    readonly open: Set<Ask<T>>,
    readonly resolve: (result: IteratorResult<T, undefined>) => void,
    readonly reject: (error: unknown) => void,
  ) {
    open.add(this);
  }

  get left(): boolean {
    return this.loop.left;
  }

  answer(result: IteratorResult<T, undefined>): void {
    this.open.delete(this);
    this.resolve(result);
  }

  fail(error: unknown): void {
    this.open.delete(this);
    this.reject(error);
  }
}

export class Loop<T> implements AsyncIterableIterator<T, undefined> {
  readonly #over: Iterated<T>;
  readonly #open = new Set<Ask<T>>();
  #left = false;

  constructor(over: Iterated<T>) {
    this.#over = over;
  }

  /** Whether nothing is wanted any more. */
  get left(): boolean {
    return this.#left;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#left) return Promise.resolve({ value: undefined, done: true });
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T, undefined>>();
    this.#over.ask(new OpenAsk(this, this.#open, resolve, reject));
    return promise;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#left) {
      this.#left = true;
      for (const ask of [...this.#open]) ask.answer({ value: undefined, done: true });
      this.#over.leave();
    }
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
