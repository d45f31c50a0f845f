/**
 * Notices a publisher whose every sample is dropped because a later owner of its topic had been heard: for a moment
 * that is a change of owner, for long it is a reason why no data comes. Pure: times are monotonic milliseconds.
 */

/** Since when samples are dropped, with no longer pauses than a change of owner takes. */
export class FencedRun {
  readonly #patienceMs: number;
  #since = -Infinity;
  #last = -Infinity;

  /** @param patienceMs a change of owner is over by then. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Some were dropped. @returns whether that has gone on for too long. */
  goesOn(now: number): boolean {
    if (now - this.#last > this.#patienceMs) this.#since = now;
    this.#last = now;
    return now - this.#since >= this.#patienceMs;
  }

  /** Something was delivered. */
  end(): void {
    this.#last = -Infinity;
  }
}

/** Looks at the counters of one stream. */
export class FencingWatch {
  readonly #own: FencedRun;
  readonly #topic: FencedRun;
  #delivered = 0;
  #fenced = 0;
  #told = false;

  /**
   * @param topic of all streams of the topic together: each of several owners in a row may be there for a short time
   * only.
   */
  constructor(patienceMs: number, topic: FencedRun = new FencedRun(patienceMs)) {
    this.#own = new FencedRun(patienceMs);
    this.#topic = topic;
  }

  /** Whether it is to be told now, once until something is delivered again. To be called now and then. */
  look({ delivered, fenced }: { delivered: number; fenced: number }, now: number): boolean {
    const more = fenced > this.#fenced;
    this.#fenced = fenced;
    if (delivered !== this.#delivered) {
      this.#delivered = delivered;
      this.#own.end();
      this.#topic.end();
      this.#told = false;
    } else if (more) {
      const isLong = [this.#own.goesOn(now), this.#topic.goesOn(now)].includes(true);
      if (isLong && !this.#told) return this.#told = true;
    }
    return false;
  }
}
