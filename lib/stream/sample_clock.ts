/**
 * The publish times of samples. Reading the clock costs more than packing a small sample, so in a long run of samples
 * that follow each other within microseconds one reading serves for eight.
 *
 * Guarantee: the first samples after anything else that took time have a reading of their own; behind a long run at
 * most seven have one from before the interruption.
 */

/** Samples in a row that must have followed each other fast before readings are shared. */
const RUN = 64;
/** How fast: milliseconds for each sample since the last reading. */
const FAST_MS = 0.005;
/** Samples after a reading that share it. */
const SHARED = 7;

/** Tells the time of each sample. */
export class SampleClock {
  /** The time told last. */
  time = 0;
  readonly #clock: () => number;
  #run = 0;
  #shared = 0;

  /** @param clock milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The time of the next sample. */
  next(): number {
    if (this.#shared > 0) {
      this.#shared--;
      return this.time;
    }
    const now = this.#clock();
    const samples = this.#run >= RUN ? SHARED + 1 : 1;
    this.#run = now - this.time < FAST_MS * samples ? this.#run + 1 : 0;
    this.#shared = this.#run >= RUN ? SHARED : 0;
    return this.time = now;
  }

  /** Something else had its turn: the next sample gets a reading of its own. */
  interrupt(): void {
    this.#shared = 0;
  }
}
