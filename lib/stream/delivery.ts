/**
 * Hands batches out to the user, whole, in pieces, or sample by sample, and tells what has been taken. Pure: time is
 * given.
 *
 * Guarantee: every sample of every batch once, in order, whatever ways of asking follow one another, and also when the
 * next one is asked for before the last has come. What was handed out counts as taken when more is asked for, or when
 * the loop is left; what was not is given to whoever asks next. The next batch is asked for when the one before has been
 * taken and another sample is wanted.
 *
 * A sample that is here costs one settled promise and no turn of a generator: a third of what that would.
 */
import { Loop } from "../base/loop.ts";
import type { Sample, SampleBatch } from "../wire/batch.ts";
import { PieceSize } from "./piece_size.ts";

/** What waits to be taken. */
interface Waiting {
  readonly batch: SampleBatch;
}

/** Who is told. */
export interface DeliveryHooks<Item> {
  /** It does not wait any more. */
  opened(item: Item): void;
  /** Samples of it were taken; `whole`: the last ones. */
  taken(item: Item, samples: SampleBatch, whole: boolean): void;
}

type Result<T> = IteratorResult<T, undefined>;
type Asking = { readonly left: boolean };

const END: Result<never> = { value: undefined, done: true };

export class Delivery<Item extends Waiting> {
  readonly #waiting: { next(): Promise<Result<Item>> };
  readonly #hooks: DeliveryHooks<Item>;
  readonly #now: () => number;
  readonly #pieces = new PieceSize();
  #item: Item | undefined;
  /** What of it is not taken. */
  #rest: SampleBatch | undefined;
  /** What of that is out: a piece, or the first samples of one. */
  #piece: SampleBatch | undefined;
  #samples: Iterator<Sample> | undefined;
  #handed = 0;
  #begun = 0;
  #advancing: Promise<unknown> | undefined;

  /** @param now monotonic milliseconds */
  constructor(
    waiting: { next(): Promise<Result<Item>> },
    hooks: DeliveryHooks<Item>,
    now: () => number,
  ) {
    this.#waiting = waiting;
    this.#hooks = hooks;
    this.#now = now;
  }

  /** The samples one at a time, for one loop. */
  samples(): AsyncIterableIterator<Sample, undefined> {
    return new Loop({ next: (loop) => this.#nextSample(loop), leave: () => this.#settle() });
  }

  /** The batches, or pieces of them for one who takes slowly, for one loop. */
  batches(): AsyncIterableIterator<SampleBatch, undefined> {
    return new Loop({ next: (loop) => this.#nextPiece(loop), leave: () => this.#settle() });
  }

  #nextSample(loop: Asking): Promise<Result<Sample>> {
    if (this.#advancing !== undefined) return this.#after(() => this.#nextSample(loop));
    const result = this.#samples?.next();
    if (result !== undefined && result.done !== true) {
      this.#handed++;
      return Promise.resolve(result);
    }
    return this.#advance(loop, (piece) => {
      this.#samples = piece[Symbol.iterator]();
      this.#handed = 1;
      return this.#samples.next() as Result<Sample>;
    });
  }

  #nextPiece(loop: Asking): Promise<Result<SampleBatch>> {
    if (this.#advancing !== undefined) return this.#after(() => this.#nextPiece(loop));
    return this.#advance(loop, (piece) => ({ value: piece, done: false }));
  }

  #after<T>(ask: () => Promise<T>): Promise<T> {
    return this.#advancing!.then(ask, ask);
  }

  #advance<T>(loop: Asking, hand: (piece: SampleBatch) => Result<T>): Promise<Result<T>> {
    const advancing = this.#open(loop).then((piece) => piece === undefined ? END : hand(piece))
      .finally(() => this.#advancing = undefined);
    this.#advancing = advancing;
    return advancing;
  }

  /** The next piece; none at the end, or for a loop that was left meanwhile. */
  async #open(loop: Asking): Promise<SampleBatch | undefined> {
    this.#settle();
    while (this.#rest === undefined || this.#rest.count === 0) {
      const { value: item } = await this.#waiting.next();
      if (item === undefined) return undefined;
      this.#item = item;
      this.#rest = item.batch;
      this.#hooks.opened(item);
    }
    if (loop.left) return undefined;
    const most = this.#pieces.samples;
    this.#begun = this.#now();
    return this.#piece = this.#rest.count > most ? this.#rest.upTo(most) : this.#rest;
  }

  /** What is out has been taken. */
  #settle(): void {
    const piece = this.#piece;
    if (piece === undefined) return;
    const count = this.#samples === undefined ? piece.count : this.#handed;
    const rest = this.#rest!;
    this.#samples = this.#piece = undefined;
    this.#rest = count < rest.count ? rest.without(count) : undefined;
    this.#pieces.took(count, this.#now() - this.#begun);
    this.#hooks.taken(this.#item!, count < piece.count ? piece.upTo(count) : piece, this.#rest === undefined);
  }
}
