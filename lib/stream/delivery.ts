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
import { type Ask, type Iterated, Loop } from "../base/loop.ts";
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
  /** Those who have asked, in their order: each tells whether it has got its answer. */
  readonly #asks: (() => boolean)[] = [];
  /** What came after it was asked for: one item, or none. */
  readonly #came: Item[] = [];
  #fetching = false;
  #ended = false;

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
    return new SampleLoop(
      { ask: (ask) => this.#ask(ask, () => this.#sample()), leave: () => this.#settle() },
      this,
    );
  }

  /** The batches, or pieces of them for one who takes slowly, for one loop. */
  batches(): AsyncIterableIterator<SampleBatch, undefined> {
    return new Loop({ ask: (ask) => this.#ask(ask, () => this.#next()), leave: () => this.#settle() });
  }

  /** A sample that is here, if one is and nobody has asked before. */
  ready(): IteratorYieldResult<Sample> | undefined {
    if (this.#asks.length > 0) return undefined;
    const result = this.#samples?.next();
    if (result === undefined || result.done === true) return undefined;
    this.#handed++;
    return result;
  }

  #ask<T>(ask: Ask<T>, take: () => T | undefined): void {
    this.#asks.push(() => {
      if (ask.left) return true;
      try {
        const value = take();
        if (value !== undefined) ask.answer({ value, done: false });
        else if (this.#ended) ask.answer({ value: undefined, done: true });
        else return false;
      } catch (error) {
        ask.fail(error);
      }
      return true;
    });
    if (this.#asks.length === 1) this.#answer();
  }

  /** Answer who has asked, one after the other, as far as there is something. */
  #answer(): void {
    while (this.#asks.length > 0 && this.#asks[0]!()) this.#asks.shift();
    if (this.#asks.length === 0 || this.#fetching) return;
    this.#fetching = true;
    void this.#waiting.next().then(({ value: item }) => {
      this.#fetching = false;
      if (item === undefined) this.#ended = true;
      else this.#came.push(item);
      this.#answer();
    });
  }

  #sample(): Sample | undefined {
    const here = this.#samples?.next();
    if (here !== undefined && here.done !== true) {
      this.#handed++;
      return here.value;
    }
    const piece = this.#next();
    if (piece === undefined) return undefined;
    this.#samples = piece[Symbol.iterator]();
    this.#handed = 1;
    return this.#samples.next().value as Sample;
  }

  /** The next piece, if one is here. What was out before has been taken. */
  #next(): SampleBatch | undefined {
    this.#settle();
    while (this.#rest === undefined) {
      const item = this.#came.shift();
      if (item === undefined) return undefined;
      this.#item = item;
      if (item.batch.count > 0) this.#rest = item.batch;
      this.#hooks.opened(item);
      if (this.#rest === undefined) this.#hooks.taken(item, item.batch, true);
    }
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

/** The samples that are here are taken without a detour: it is what each of them costs. */
class SampleLoop<Item extends Waiting> extends Loop<Sample> {
  readonly #delivery: Delivery<Item>;

  constructor(over: Iterated<Sample>, delivery: Delivery<Item>) {
    super(over);
    this.#delivery = delivery;
  }

  override next(): Promise<Result<Sample>> {
    const here = this.left ? undefined : this.#delivery.ready();
    return here === undefined ? super.next() : Promise.resolve(here);
  }
}
