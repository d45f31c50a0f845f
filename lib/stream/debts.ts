/** What readers of a stream have not got, by reader. Bounded in names. Pure. */

/** What a subscriber of a stream has not got. */
export interface Missing {
  /** Its id; empty for all those together whose names were not kept. */
  subscriber: string;
  /** How many. */
  samples: number;
  /** How many of them the subscriber has given up itself: counted as lost or fenced. */
  givenUp: number;
  /** The first number. */
  from: number;
  /** The last number; with gaps before it if it was more than one life of the subscriber. */
  to: number;
}

/** Subscribers whose names are kept. */
const MAX_NAMES = 1000;

/** A sum for each reader. */
export class Debts {
  readonly #byReader = new Map<string, Missing>();

  /** A reader has not got these. */
  add({ subscriber, samples, givenUp, from, to }: Missing): void {
    if (samples === 0) return;
    const name = this.#byReader.has(subscriber) || this.#byReader.size < MAX_NAMES ? subscriber : "";
    const debt = this.#byReader.getOrInsertComputed(
      name,
      () => ({ subscriber: name, samples: 0, givenUp: 0, from, to }),
    );
    debt.samples += samples;
    debt.givenUp += givenUp;
    debt.from = Math.min(debt.from, from);
    debt.to = Math.max(debt.to, to);
  }

  /** All of them. */
  list(): Missing[] {
    return [...this.#byReader.values()].map((debt) => ({ ...debt }));
  }
}
