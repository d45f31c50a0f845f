/**
 * The findings that compare the modes: (1) direct is faster, (2) direct is more uniform. Pure.
 *
 * A network counts when both modes have at least three repeats of it. The verdicts use the samples outside the
 * seconds after a broker's death; the same statistic over all samples is shown beside it.
 */
import {
  type Cell,
  cellsOf,
  type Measure,
  type Mode,
  ofCell,
  resampleCell,
  type RunResult,
} from "../perf/results.ts";
import { bootstrap, type Interval, mean } from "../base/statistics.ts";
import { every, type Finding, judge } from "./verdict.ts";

export const MIN_REPEATS = 3;
/** A ratio this close to 1 is no difference worth naming. */
const RATIO_MARGIN = 0.05;
/** Resampled experiments behind an interval. */
export const RESAMPLES = 2000;

export const steadyMedian: Measure = (subscriber) => subscriber.steady.median;
const wholeMedian: Measure = (subscriber) => subscriber.all.median;

/** The networks that count: cells of both modes, in the same order. */
export interface Data {
  readonly direct: readonly Cell[];
  readonly centralized: readonly Cell[];
  readonly sizes: number;
}

/** The networks that have enough repeats in both modes. */
export function usable(runs: readonly RunResult[]): Data {
  const cells = cellsOf(runs).filter((cell) => cell.runs.length >= MIN_REPEATS);
  const of = (mode: Mode) => cells.filter((cell) => cell.mode === mode);
  const both = new Set(
    of("direct").map((cell) => cell.network)
      .filter((network) => of("centralized").some((cell) => cell.network === network)),
  );
  const kept = (mode: Mode) => of(mode).filter((cell) => both.has(cell.network));
  return {
    direct: kept("direct"),
    centralized: kept("centralized"),
    sizes: new Set(kept("direct").map((cell) => cell.clients)).size,
  };
}

/** The geometric mean, over the networks, of centralized divided by direct. */
function ratioOf(data: Data, measure: Measure): Interval {
  const ratio = (direct: readonly Cell[], centralized: readonly Cell[]) =>
    Math.exp(
      mean(
        direct.map((cell, i) => Math.log(ofCell(centralized[i] as Cell, measure) / ofCell(cell, measure))),
      ),
    );
  return bootstrap(
    ratio(data.direct, data.centralized),
    (random) =>
      ratio(
        data.direct.map((cell) => resampleCell(cell, random)),
        data.centralized.map((cell) => resampleCell(cell, random)),
      ),
    { resamples: RESAMPLES },
  );
}

export function tooFew(number: number, claim: string, data: Data, sizesNeeded: number): Finding | undefined {
  if (data.sizes >= sizesNeeded) return undefined;
  const reason =
    `Too little data: ${data.sizes} ${data.sizes === 1 ? "size" : "sizes"} with at least ${MIN_REPEATS} ` +
    `repeats in both modes, ${sizesNeeded} needed.`;
  return { number, claim, verdict: "undecided", reason, statistics: [] };
}

const times = (value: number) => `${value.toFixed(2)} times`;
export const between = ({ low, high }: Interval, digits = 2) =>
  `${low.toFixed(digits)} to ${high.toFixed(digits)}`;

export function smaller(data: Data): Finding {
  const claim = "Latency with direct dissemination is smaller than with centralized dissemination.";
  const missing = tooFew(1, claim, data, 1);
  if (missing !== undefined) return missing;
  const steady = ratioOf(data, steadyMedian);
  const verdict = judge(steady, 1, RATIO_MARGIN);
  const statistics = [
    { label: "median latency, centralized / direct", unit: "times", interval: steady, decides: true },
    {
      label: "the same, seconds after a broker's death included",
      unit: "times",
      interval: ratioOf(data, wholeMedian),
      decides: false,
    },
  ];
  const reason = `The median latency through the broker is ${times(steady.estimate)} the direct one ` +
    `(95 % interval ${between(steady)}; 1 is no difference).`;
  return { number: 1, claim, verdict, reason, statistics };
}

export function uniform(data: Data): Finding {
  const claim = "Direct latencies are more uniform; centralized ones have extra large outliers.";
  const missing = tooFew(2, claim, data, 1);
  if (missing !== undefined) return missing;
  const dispersion = ratioOf(data, (subscriber) => subscriber.steady.dispersion);
  const tail = ratioOf(data, (subscriber) => subscriber.steady.tail);
  const statistics = [
    {
      label: "dispersion (interquartile range / median), centralized / direct",
      unit: "times",
      interval: dispersion,
      decides: true,
    },
    {
      label: "tail (99th percentile / median), centralized / direct",
      unit: "times",
      interval: tail,
      decides: true,
    },
    {
      label: "99th percentile, centralized / direct",
      unit: "times",
      interval: ratioOf(data, (subscriber) => subscriber.steady.p99),
      decides: false,
    },
    {
      label: "tail, seconds after a broker's death included",
      unit: "times",
      interval: ratioOf(data, (subscriber) => subscriber.all.tail),
      decides: false,
    },
    {
      label: "largest latency, seconds after a broker's death included",
      unit: "times",
      interval: ratioOf(data, (subscriber) => subscriber.all.max),
      decides: false,
    },
  ];
  const verdict = every([judge(dispersion, 1, RATIO_MARGIN), judge(tail, 1, RATIO_MARGIN)]);
  const reason =
    `Relative to its median, centralized latency spreads ${times(dispersion.estimate)} as wide ` +
    `(${between(dispersion)}) and its 99th percentile reaches ${times(tail.estimate)} as far (${
      between(tail)
    }).`;
  return { number: 2, claim, verdict, reason, statistics };
}
