/** What readers of a stream never got and never will, by reader. Bounded in names. Pure. */

/** What a subscriber of a stream has not got. */
export interface Missing {
  /** Its id; empty for all those together whose names were not kept. */
  subscriber: string;
  samples: number;
  /** The first and the last number; with gaps between them if it was more than one life of the subscriber. */
  from: number;
  to: number;
}

/** Subscribers whose names are kept. */
const MAX_NAMES = 1000;

/** A sum for each reader. */
export class Debts {
  readonly #byReader = new Map<string, Missing>();

  /** A reader will never get these numbers; none when `to` is below `from`. */
  add(subscriber: string, from: number, to: number): void {
    if (to < from) return;
    const name = this.#byReader.has(subscriber) || this.#byReader.size < MAX_NAMES ? subscriber : "";
    const debt = this.#byReader.getOrInsertComputed(
      name,
      () => ({ subscriber: name, samples: 0, from, to }),
    );
    debt.samples += to + 1 - from;
    debt.from = Math.min(debt.from, from);
    debt.to = Math.max(debt.to, to);
  }

  /** All of them. */
  list(): Missing[] {
    return [...this.#byReader.values()].map((debt) => ({ ...debt }));
  }
}
