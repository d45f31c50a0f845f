/**
 * The findings about growth: (3) latency grows with the clients, (4) more so through the broker, (5) not linearly.
 * Pure. At least five sizes are needed.
 */
import { between, type Data, RESAMPLES, steadyMedian, tooFew } from "./comparison.ts";
import { compareGrowth, type Fit, formulaOf, type GrowthModel, MODELS } from "./growth.ts";
import { seeded } from "../base/random.ts";
import {
  type Cell,
  cellsOf,
  type Measure,
  type Mode,
  MODES,
  ofRun,
  resampleCell,
  type RunResult,
} from "../perf/results.ts";
import { bootstrap, type Interval, mean } from "../base/statistics.ts";
import { every, type Finding, judge, judgeGrowth } from "./verdict.ts";

export const MIN_SIZES = 5;
/** An exponent this close to 0 is no growth: doubling the clients changes the latency by less than 3.5 %. */
const EXPONENT_MARGIN = 0.05;

/** The growth of one mode. */
export interface Growth {
  readonly mode: Mode;
  readonly points: readonly { readonly n: number; readonly value: number; readonly network: string }[];
  /** Best model first; empty when there are too few sizes. */
  readonly fits: readonly Fit[];
  /** How often each model had the lowest AICc among the resampled experiments, 0 to 1. */
  readonly chosen: Readonly<Record<GrowthModel, number>>;
}

const CAPITAL: Record<Mode, string> = { direct: "Direct", centralized: "Centralized" };

/** Slope of a straight line through the runs' medians, after `transform` of both axes. */
function slopeOf(cells: readonly Cell[], measure: Measure, transform: (value: number) => number): number {
  const points = cells.flatMap((cell) =>
    cell.runs.map((run) => ({ x: transform(cell.clients), y: transform(ofRun(run, measure)) }))
  );
  const middleX = mean(points.map((point) => point.x));
  const middleY = mean(points.map((point) => point.y));
  const upper = points.reduce((sum, { x, y }) => sum + (x - middleX) * (y - middleY), 0);
  return upper / points.reduce((sum, { x }) => sum + (x - middleX) ** 2, 0);
}

/** A statistic of one mode's cells, with its interval. */
function overCells(cells: readonly Cell[], statistic: (cells: readonly Cell[]) => number): Interval {
  return bootstrap(
    statistic(cells),
    (random) => statistic(cells.map((cell) => resampleCell(cell, random))),
    { resamples: RESAMPLES },
  );
}

const same = (value: number) => value;

export function bothGrow(data: Data): Finding {
  const claim = "With more publishers and subscribers, latency increases in both modes.";
  const missing = tooFew(3, claim, data, MIN_SIZES);
  if (missing !== undefined) return missing;
  const exponents = MODES.map((mode) =>
    overCells(data[mode], (cells) => slopeOf(cells, steadyMedian, Math.log))
  );
  const slopes = MODES.map((mode) => overCells(data[mode], (cells) => slopeOf(cells, steadyMedian, same)));
  const statistics = MODES.flatMap((mode, i) => [
    {
      label: `exponent b of latency ~ clients^b, ${mode}`,
      unit: "",
      interval: exponents[i] as Interval,
      decides: true,
    },
    { label: `slope, ${mode}`, unit: "ms per client", interval: slopes[i] as Interval, decides: false },
  ]);
  const reason = MODES.map((mode, i) => {
    const exponent = exponents[i] as Interval;
    const percent = (2 ** exponent.estimate - 1) * 100;
    return `${CAPITAL[mode]}: twice the clients change the median by ${percent.toFixed(0)} % (exponent ${
      exponent.estimate.toFixed(2)
    }, ${between(exponent)}).`;
  }).join(" ");
  const verdict = every(exponents.map((exponent) => judge(exponent, 0, EXPONENT_MARGIN)));
  return { number: 3, claim, verdict, reason, statistics };
}

export function growsMore(data: Data): Finding {
  const claim = "More publishers and subscribers cost more in centralized than in direct dissemination.";
  const missing = tooFew(4, claim, data, MIN_SIZES);
  if (missing !== undefined) return missing;
  const difference = (transform: (value: number) => number) => {
    const of = (direct: readonly Cell[], centralized: readonly Cell[]) =>
      slopeOf(centralized, steadyMedian, transform) - slopeOf(direct, steadyMedian, transform);
    return bootstrap(
      of(data.direct, data.centralized),
      (random) =>
        of(
          data.direct.map((cell) => resampleCell(cell, random)),
          data.centralized.map((cell) => resampleCell(cell, random)),
        ),
      { resamples: RESAMPLES },
    );
  };
  const slopes = difference(same);
  const statistics = [
    { label: "slope, centralized minus direct", unit: "ms per client", interval: slopes, decides: true },
    { label: "exponent, centralized minus direct", unit: "", interval: difference(Math.log), decides: false },
  ];
  const [estimate, low, high] = [slopes.estimate, slopes.low, slopes.high].map(microseconds);
  const reason =
    `A further client changes the difference of the medians, centralized minus direct, by ${estimate} µs ` +
    `(95 % interval ${low} to ${high} µs).`;
  // No margin: what a negligible slope is depends on the machine, so an interval around 0 stays undecided.
  return { number: 4, claim, verdict: judge(slopes, 0, 0), reason, statistics };
}

export function nonLinear(data: Data): Finding {
  const claim = "Latency grows non-linearly with the number of clients, perhaps quadratically.";
  const missing = tooFew(5, claim, data, MIN_SIZES);
  if (missing !== undefined) return missing;
  const growths = MODES.map((mode) => growthOf(mode, data[mode]));
  const verdict = every(growths.map((growth) => judgeGrowth(growth.fits)));
  const reason = growths.map(({ mode, fits, chosen }) => {
    const [best, second] = fits as [Fit, Fit];
    const quadratic = fits.find((fit) => fit.model === "quadratic") as Fit;
    return `${CAPITAL[mode]}: ${judgeGrowth(fits)}; ${best.model} fits best (${
      formulaOf(best)
    }, next ${second.model} at +${second.delta.toFixed(1)} AICc; quadratic has weight ${
      quadratic.weight.toFixed(2)
    }, best in ${(chosen.quadratic * 100).toFixed(0)} % of the resampled experiments).`;
  }).join(" ");
  const statistics = growths.flatMap(({ mode, fits }) =>
    fits.map((fit) => ({
      label: `AICc above the best, ${mode}, ${fit.model}`,
      unit: "",
      interval: { estimate: fit.delta, low: NaN, high: NaN },
      decides: true,
    }))
  );
  return { number: 5, claim, verdict, reason, statistics };
}

/** The growth of both modes, from every run there is (fewer repeats than the verdict needs are still drawn). */
export function growths(runs: readonly RunResult[]): Growth[] {
  const cells = cellsOf(runs);
  return MODES.map((mode) => growthOf(mode, cells.filter((cell) => cell.mode === mode)));
}

function growthOf(mode: Mode, cells: readonly Cell[]): Growth {
  const pointsOf = (some: readonly Cell[]) =>
    some.flatMap((cell) =>
      cell.runs.map((run) => ({ n: cell.clients, value: ofRun(run, steadyMedian), network: cell.network }))
    );
  const points = pointsOf(cells);
  const fits = compareGrowth(points);
  const wins = Object.fromEntries(MODELS.map((model) => [model, 0])) as Record<GrowthModel, number>;
  const random = seeded(5);
  const resamples = fits.length === 0 ? 0 : 500;
  for (let i = 0; i < resamples; i++) {
    const best = compareGrowth(pointsOf(cells.map((cell) => resampleCell(cell, random))))[0];
    if (best !== undefined) wins[best.model] += 1 / resamples;
  }
  return { mode, points, fits, chosen: wins };
}

/** Milliseconds as text. */
function microseconds(ms: number): string {
  return (ms * 1000).toFixed(1).replace("-", "−");
}
