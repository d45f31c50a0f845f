/** When a client says that its clock is not its broker's: latencies are differences of two clocks. Pure. */
import type { ClockEstimate } from "./broker_clock.ts";

/** Clocks that are kept in step differ by less, milliseconds. */
const TOLERATED_MS = 100;
/** It is said so often at most, milliseconds. */
const SAY_EVERY_MS = 60_000;

/** Whether this is more than two clocks that are kept in step differ. */
export function clockDiffers({ offset, bound }: Pick<ClockEstimate, "offset" | "bound">): boolean {
  return Math.abs(offset) > TOLERATED_MS + bound;
}

/** By how much a clock is off, for people. @param offset by how much the other one is ahead, milliseconds. */
export function formatClock({ offset, bound }: Pick<ClockEstimate, "offset" | "bound">): string {
  const seconds = (ms: number) => (Math.abs(ms) / 1000).toFixed(3);
  return `${seconds(offset)} s ${offset > 0 ? "behind" : "ahead"}, give or take ${seconds(bound)} s`;
}

/** What was said, and when. */
export class ClockNotices {
  /** The clock is off by so much, as was said; undefined: it is right, or nothing was said. */
  #said: Pick<ClockEstimate, "offset" | "bound"> | undefined;
  /** What would have been news the last time. */
  #seen: Pick<ClockEstimate, "offset" | "bound"> | undefined;
  #at = -Infinity;

  /**
   * @returns what is to be said, if it is news: that the clock is off, is off by something else, or is right again. Two
   * looks in a row must agree: one that was answered while a machine slept, or a clock was set, is wrong.
   */
  look(estimate: ClockEstimate, now: number): string | undefined {
    const seen = this.#seen;
    this.#seen = undefined;
    const differs = clockDiffers(estimate);
    const isNews = this.#said === undefined ? differs : !differs || apart(estimate, this.#said);
    if (!isNews) return undefined;
    this.#seen = estimate;
    if (seen === undefined || apart(estimate, seen) || now - this.#at < SAY_EVERY_MS) return undefined;
    this.#said = differs ? estimate : undefined;
    this.#at = now;
    return differs
      ? `the clock is ${
        formatClock(estimate)
      }, by that of broker ${estimate.broker}: latencies are wrong by as much`
      : `the clock is right again, by that of broker ${estimate.broker}`;
  }
}

function apart(
  a: Pick<ClockEstimate, "offset" | "bound">,
  b: Pick<ClockEstimate, "offset" | "bound">,
): boolean {
  return Math.abs(a.offset - b.offset) > TOLERATED_MS + a.bound + b.bound;
}
