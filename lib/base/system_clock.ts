/**
 * The wall clock with microsecond resolution that follows the system's: `performance.now()` counts on from the moment
 * that the process started, and does not notice when the clock is set, or that the machine slept; `Date.now()` does,
 * in whole milliseconds. Pure: both are given.
 *
 * Guarantee: at most {@link CHECK_MS} after the system's clock was set, what is told is right again to a millisecond;
 * between two such moments the time told never goes back. A reading costs a comparison and an addition.
 */

/** How often the two are compared. */
const CHECK_MS = 100;
/** Less than this they differ by measuring. */
const TOLERANCE_MS = 1;
/** The moment at which the coarse clock ticks is waited for, at most so long. */
const TICK_MS = 3;
/** Smaller steps are followed without a word; others are told of, not oftener than this, and then all together. */
const TOLD_STEP_MS = 100;
const TOLD_AGAIN_MS = 10_000;

/** Where the time comes from. */
export interface TimeSources {
  /** Milliseconds since the epoch by the system's clock, whole ones. */
  date(): number;
  /** Milliseconds that only grow, with fractions. */
  steady(): number;
}

/** Tells the time. */
export class SystemClock {
  readonly #sources: TimeSources;
  readonly #onStep: (ms: number, steps: number) => void;
  #offset: number;
  #checkAt = -Infinity;
  /** What is not told yet: the sum of all, and how many are worth it. */
  #untold = 0;
  #steps = 0;
  #tellAt = -Infinity;

  /**
   * @param origin what the epoch's milliseconds were when the steady ones were 0.
   * @param onStep told by how much the clock was set, positive if forward; in how many steps, if it was more than once.
   */
  constructor(sources: TimeSources, origin: number, onStep: (ms: number, steps: number) => void) {
    this.#sources = sources;
    this.#offset = origin;
    this.#onStep = onStep;
  }

  /** Milliseconds since the epoch at this reading of the steady clock, taken just now. */
  at(steadyMs: number): number {
    if (steadyMs >= this.#checkAt) this.#check();
    return steadyMs + this.#offset;
  }

  #check(): void {
    const { date, steady } = this.#sources;
    const before = steady();
    const now = date();
    const after = steady();
    this.#checkAt = after + CHECK_MS;
    // It was a moment between `before` and `after`, and up to a millisecond later than the clock says.
    const tooEarly = before + this.#offset - (now + 1);
    const tooLate = now - (after + this.#offset);
    if (tooEarly > TOLERANCE_MS || tooLate > TOLERANCE_MS) {
      const old = this.#offset;
      this.#offset = this.#measure();
      this.#untold += this.#offset - old;
      if (Math.abs(this.#offset - old) >= TOLD_STEP_MS) this.#steps++;
    }
    this.#tell(after);
  }

  /** What is to be added to the steady clock, exactly: read when the coarse one ticks. */
  #measure(): number {
    const { date, steady } = this.#sources;
    const start = steady();
    const first = date();
    for (;;) {
      const time = date();
      const now = steady();
      if (time !== first) return time - now;
      if (now - start > TICK_MS) return time + 0.5 - now;
    }
  }

  #tell(now: number): void {
    if ((this.#steps === 0 && Math.abs(this.#untold) < TOLD_STEP_MS) || now < this.#tellAt) return;
    this.#tellAt = now + TOLD_AGAIN_MS;
    this.#onStep(this.#untold, this.#steps);
    this.#untold = this.#steps = 0;
  }
}
