/**
 * Order statistics and bootstrap intervals. Pure; nothing here reads a clock, and randomness comes in.
 */
import { type Random, seeded } from "./random.ts";

/**
 * The `p` quantile (0 to 1) of ascending `sorted`, with linear interpolation between neighbours (Hyndman and Fan,
 * type 7). NaN for no values.
 */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * Math.min(1, Math.max(0, p));
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  // Equal neighbours first: interpolating between them must not round away from them.
  return low === high ? low : low + (high - low) * (at - Math.floor(at));
}

/** The median of `values`, in any order. NaN for no values. */
export function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/** The mean of `values`. NaN for no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** What is told about a set of latencies. Milliseconds, but for `count` and the two ratios. */
export interface Spread {
  readonly count: number;
  readonly min: number;
  readonly p25: number;
  readonly median: number;
  readonly p75: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
  /** Relative dispersion: the interquartile range divided by the median. */
  readonly dispersion: number;
  /** How far the tail reaches: the 99th percentile divided by the median. */
  readonly tail: number;
}

/** The spread of `values`, in any order; undefined for no values. */
export function spreadOf(values: ArrayLike<number>): Spread | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (p: number) => quantile(sorted, p);
  const middle = at(0.5);
  return {
    count: sorted.length,
    min: at(0),
    p25: at(0.25),
    median: middle,
    p75: at(0.75),
    p95: at(0.95),
    p99: at(0.99),
    max: at(1),
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    dispersion: (at(0.75) - at(0.25)) / middle,
    tail: at(0.99) / middle,
  };
}

/** An estimate with the interval that holds it. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** How an interval is bootstrapped. */
export interface BootstrapOptions {
  /** @default 2000 */
  readonly resamples?: number;
  /** Share of the resampled statistics inside the interval. @default 0.95 */
  readonly level?: number;
  /** @default 1 */
  readonly seed?: number;
}

/**
 * The percentile bootstrap interval (Efron 1979) of a statistic.
 *
 * @param estimate The statistic of the data as they are.
 * @param draw The same statistic of one resample, drawn with the generator it is given.
 */
export function bootstrap(
  estimate: number,
  draw: (random: Random) => number,
  { resamples = 2000, level = 0.95, seed = 1 }: BootstrapOptions = {},
): Interval {
  const random = seeded(seed);
  const drawn = Float64Array.from({ length: resamples }, () => draw(random)).filter(Number.isFinite).sort();
  if (!Number.isFinite(estimate) || drawn.length === 0) return { estimate, low: NaN, high: NaN };
  const outside = (1 - level) / 2;
  return {
    estimate,
    low: Math.min(estimate, quantile(drawn, outside)),
    high: Math.max(estimate, quantile(drawn, 1 - outside)),
  };
}
