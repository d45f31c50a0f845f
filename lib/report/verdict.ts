/**
 * What a finding's test says, and the rules that turn an interval or a comparison of models into a verdict. Pure.
 *
 * An effect is supported when its 95 % interval lies on the claimed side of "no effect"; not supported when it lies
 * on the other side, or so close around "no effect" that no difference worth naming is left; undecided otherwise.
 */
import type { Fit, GrowthModel } from "./growth.ts";
import type { Interval } from "../base/statistics.ts";

export type Verdict = "supported" | "not supported" | "undecided";

/** A number behind a verdict. */
export interface Statistic {
  readonly label: string;
  /** e.g. "ms", "ms per client", "times". */
  readonly unit: string;
  readonly interval: Interval;
  /** Whether the verdict rests on it; others are for comparison. */
  readonly decides: boolean;
}

/** One finding's test. */
export interface Finding {
  readonly number: number;
  readonly claim: string;
  readonly verdict: Verdict;
  /** Why, in a sentence. */
  readonly reason: string;
  readonly statistics: readonly Statistic[];
}

/** On which side of "no effect" an interval lies. */
export function judge({ low, high }: Interval, neutral: number, margin: number): Verdict {
  if (Number.isNaN(low) || Number.isNaN(high)) return "undecided";
  if (low > neutral) return "supported";
  if (high < neutral) return "not supported";
  return low > neutral - margin && high < neutral + margin ? "not supported" : "undecided";
}

/** A claim of several parts holds when every part does, and fails when one fails. */
export function every(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("not supported")) return "not supported";
  return verdicts.every((verdict) => verdict === "supported") ? "supported" : "undecided";
}

/** Runs that scatter more than this around their mean do not show that nothing grows. */
const FLAT_SCATTER = 0.1;

/**
 * Whether fits (best first) say that growth bends upwards. Differences below 2 do not tell models apart, and a constant
 * is believed only of runs that scatter little: in noise it wins for want of evidence.
 */
export function judgeGrowth(fits: readonly Fit[]): Verdict {
  const best = fits[0];
  if (best === undefined || !Number.isFinite(best.aicc)) return "undecided";
  const bends = (model: GrowthModel) => model === "quadratic" || model === "n log n";
  const rivals = fits.filter((fit) => bends(fit.model) !== bends(best.model));
  if (Math.min(...rivals.map((fit) => fit.delta)) < 2) return "undecided";
  if (best.model === "constant" && scatterOf(best) > FLAT_SCATTER) return "undecided";
  // A best fit that bends downwards is non-linear too, but the opposite of what is claimed.
  return bends(best.model) && (best.coefficients.at(-1) ?? 0) > 0 ? "supported" : "not supported";
}

/** Standard deviation of the residuals over the mean, of a constant. */
function scatterOf({ residuals, rss, coefficients }: Fit): number {
  return Math.sqrt(rss / Math.max(1, residuals.length - 1)) / Math.abs(coefficients[0] ?? NaN);
}
