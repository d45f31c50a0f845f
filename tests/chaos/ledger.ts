/**
 * The independent ledger: what each publisher was given, and what each subscriber gave out, by content alone. It
 * knows nothing of the system's own counters. A payload is `<source>:<number>`, numbers of a source are 1, 2, 3 …,
 * and as many dots behind it as make it as long as it is to be. Pure: times are parameters.
 */

/** What a subscriber printed. */
export interface Delivered {
  topic: string;
  publisher: string;
  epoch: string | number | bigint;
  historical: boolean;
  payload: string;
}

/** A promise that was broken. */
export interface Violation {
  time: number;
  what: string;
}

/** What a subscriber has given out of a source. */
export interface Place {
  /** The first and the last number that was handed out. */
  first: number;
  last: number;
  epoch: bigint;
  /** Samples that were handed out as history. */
  history: number;
  /** The first number that is none; undefined as long as there was none. */
  firstLive: number | undefined;
  /** How many samples were handed out. */
  taken: number;
  /** Numbers between them that were not. */
  readonly gaps: { from: number; to: number }[];
}

/** Numbers of a source that a subscriber has not given out, so many of them. */
export interface Missing {
  readonly subscriber: string;
  readonly source: string;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly time: number;
  readonly what: string;
  /** Fenced, and more than may be under way. */
  readonly isFenced?: boolean;
}

/**
 * What of a source that has lost its topic may be given up in one piece: what was on its way when the next owner's
 * first sample came. Who goes on publishing without owning the topic exceeds it.
 */
const FENCED_AT_ONCE = 150;

/** Keeps the books. */
export class Ledger {
  readonly violations: Violation[] = [];
  /** Samples of an exclusive topic given up at a change of owner. */
  fenced = 0;
  delivered = 0;
  readonly #given = new Map<string, number>();
  readonly #sizes = new Map<string, number>();
  readonly #places = new Map<string, Map<string, Place>>();
  readonly #epochs = new Map<string, bigint>();
  readonly #owners = new Map<string, string>();
  readonly #killed = new Map<string, number>();
  readonly #missing: Missing[] = [];

  /** A source's next sample was given to its publisher. @returns its content. @param size always the same. */
  give(source: string, size = 0): string {
    const number = this.given(source) + 1;
    this.#given.set(source, number);
    this.#sizes.set(source, size);
    return contentOf(source, number, size);
  }

  given(source: string): number {
    return this.#given.get(source) ?? 0;
  }

  /** A source is killed: it takes with it what nobody can ask for any more. */
  killed(source: string, time: number): void {
    this.#killed.set(source, time);
  }

  /**
   * A subscriber gave a sample out.
   *
   * @param requested how many samples from before it joined it is to get of each source, of those there were.
   */
  take(subscriber: string, sample: Delivered, time: number, requested = 0): void {
    this.delivered++;
    const { topic, publisher, payload } = sample;
    const colon = payload.lastIndexOf(":");
    const source = payload.slice(0, colon);
    const number = parseInt(payload.slice(colon + 1));
    const broken = (what: string) =>
      this.violations.push({ time, what: `${subscriber}, topic ${topic}: ${what}` });
    if (source !== publisher) broken(`${publisher} published the content of ${source}`);
    const known = number >= 1 && number <= this.given(source);
    if (!known || payload !== contentOf(source, number, this.#sizes.get(source)!)) {
      return void broken(`${payload.slice(0, 100)} was never published`);
    }
    const places = this.#places.getOrInsertComputed(subscriber, () => new Map());
    const place = places.getOrInsertComputed(
      source,
      () => ({ first: number, last: 0, epoch: 0n, history: 0, firstLive: undefined, taken: 0, gaps: [] }),
    );
    const epoch = BigInt(sample.epoch);
    const missing = (from: number, to: number, count: number, what: string) =>
      this.#missing.push({ subscriber, source, from, to, count, time, what: `${subscriber}: ${what}` });
    if (number <= place.last) {
      broken(`${source}:${number} after number ${place.last}: a double or out of order`);
    } else if (place.last > 0 && number > place.last + 1) {
      const [from, to] = [place.last + 1, number - 1];
      const count = to + 1 - from;
      place.gaps.push({ from, to });
      if (place.epoch === epoch) missing(from, to, count, `${source}:${from} to ${to} never came`);
      else {
        this.fenced += count;
        if (count > FENCED_AT_ONCE) {
          const what =
            `${subscriber}, topic ${topic}: ${count} samples before ${source}:${number} were fenced off`;
          const tooMany = count - FENCED_AT_ONCE;
          this.#missing.push({ subscriber, source, from, to, count: tooMany, time, what, isFenced: true });
        }
      }
    }
    if (sample.historical) {
      if (place.firstLive !== undefined) broken(`${source}:${number} as history after live samples`);
      if (++place.history > requested) broken(`${place.history} historical samples of ${source}`);
    } else if (place.firstLive === undefined) {
      place.firstLive = number;
      // With owners, what is below the epoch of a later one is not handed out.
      const due = Math.min(requested, number - 1);
      if (epoch === 0n && place.history < due) {
        const what = `${place.history} of ${due} historical samples before ${source}:${number}`;
        missing(number - due, number - 1, due - place.history, what);
      }
    }
    place.last = Math.max(number, place.last);
    place.taken++;
    place.epoch = epoch;
    if (epoch > 0n) this.#checkOwner(subscriber, topic, publisher, epoch, broken);
  }

  #checkOwner(
    subscriber: string,
    topic: string,
    publisher: string,
    epoch: bigint,
    broken: (what: string) => void,
  ) {
    const owner = this.#owners.getOrInsert(`${topic} ${epoch}`, publisher);
    if (owner !== publisher) broken(`epoch ${epoch} has two owners, ${owner} and ${publisher}`);
    const key = `${subscriber} ${topic}`;
    const highest = this.#epochs.get(key) ?? 0n;
    if (epoch < highest) broken(`epoch ${epoch} of ${publisher} after ${highest}`);
    else this.#epochs.set(key, epoch);
  }

  /** The last number of a source that a subscriber has given out; 0 when none. */
  reached(subscriber: string, source: string): number {
    return this.#places.get(subscriber)?.get(source)?.last ?? 0;
  }

  /** What a subscriber has given out, source by source. */
  placesOf(subscriber: string): ReadonlyMap<string, Readonly<Place>> {
    return this.#places.get(subscriber) ?? new Map();
  }

  /**
   * At the end: what is missing and nothing excuses becomes a violation.
   *
   * @param isExcused whether its subscriber has said what is missing, and may miss it.
   */
  close(isExcused: (missing: Missing) => boolean = () => false): Violation[] {
    for (const missing of this.#missing) {
      const { source, time, what } = missing;
      const killedAt = this.#killed.get(source);
      const isKept = killedAt === undefined || time < killedAt;
      if (isKept && !isExcused(missing)) this.violations.push({ time, what });
    }
    this.#missing.length = 0;
    return this.violations;
  }
}

function contentOf(source: string, number: number, size: number): string {
  return `${source}:${number}`.padEnd(size, ".");
}
