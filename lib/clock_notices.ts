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
  #said = { offset: 0, bound: 0 };
  #at = -Infinity;

  /** @returns what is to be said, if it is news: that the clock is off, is off by something else, or is right again. */
  look(estimate: ClockEstimate, now: number): string | undefined {
    const { offset, bound, broker } = estimate;
    const { offset: before, bound: boundBefore } = this.#said;
    const news = Math.abs(offset - before) > TOLERATED_MS + bound + boundBefore;
    if (!news || now - this.#at < SAY_EVERY_MS) return undefined;
    this.#said = { offset, bound };
    this.#at = now;
    return clockDiffers(estimate)
      ? `the clock is ${formatClock(estimate)}, by that of broker ${broker}: latencies are wrong by as much`
      : `the clock is right again, by that of broker ${broker}`;
  }
}
