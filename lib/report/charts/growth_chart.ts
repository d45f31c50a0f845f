/**
 * How latency grows: the runs' medians with all four models, and below the residuals of the linear and of the best
 * one. A column a mode. Pure.
 */
import { type Fit, type GrowthModel, MODELS, predict } from "../growth.ts";
import type { Growth } from "../growth_findings.ts";
import { MODES } from "../../perf/results.ts";
import type { Chart } from "./draw.ts";
import { axisOf, INK, lineLegendOf, MODE_COLOURS, MODE_SYMBOLS, MUTED, titleOf } from "./theme.ts";

const MODEL_STYLES: Record<GrowthModel, { color: string; type: string | number[] }> = {
  constant: { color: "#7a7a7a", type: "dotted" },
  linear: { color: "#009e73", type: "solid" },
  "n log n": { color: "#cc79a7", type: "dashed" },
  quadratic: { color: "#e69f00", type: [10, 3, 2, 3] },
};

const COLUMN = 380;
const TOP = { at: 84, height: 190 } as const;
const LOW = { at: 336, height: 110 } as const;

/** The picture. */
export function growthChart(growths: readonly Growth[]): Chart {
  const left = (i: number) => 62 + i * COLUMN;
  const most = Math.max(1, ...growths.flatMap(({ points }) => points.map((point) => point.n)));
  const xAxis = { type: "value", min: 0, max: Math.ceil(most * 1.05) };
  return {
    width: 2 * COLUMN + 16,
    height: 506,
    description:
      "Median latency against the number of clients with four growth models, and the residuals, for both modes",
    options: {
      title: [
        titleOf("Which growth fits the medians of the runs"),
        ...MODES.map((mode, i) => panelTitle(headline(mode, growths), left(i), TOP.at - 22)),
        ...MODES.map((mode, i) => panelTitle(residualHeadline(mode, growths), left(i), LOW.at - 22)),
      ],
      legend: {
        ...lineLegendOf({ top: 26, left: 54 }),
        data: MODELS.filter((model) => growths.some(({ fits }) => fits.some((fit) => fit.model === model))),
      },
      grid: [TOP, LOW].flatMap(({ at, height }) =>
        MODES.map((_, i) => ({ left: left(i), top: at, width: COLUMN - 76, height }))
      ),
      xAxis: [0, 1, 2, 3].map((i) => ({ ...axisOf(i < 2 ? "" : "clients", xAxis, 28), gridIndex: i })),
      yAxis: [0, 1, 2, 3].map((i) => ({
        ...axisOf(
          i < 2 ? "median latency [ms]" : "residual [ms]",
          i < 2 ? { type: "value", min: 0 } : { type: "value", splitNumber: 3 },
          44,
        ),
        gridIndex: i,
      })),
      series: MODES.flatMap((mode, i) => {
        const growth = growths.find((each) => each.mode === mode);
        return growth === undefined ? [] : panelSeries(growth, i, most);
      }),
    },
  };
}

function panelTitle(text: string, left: number, top: number): Record<string, unknown> {
  return { text, left, top, padding: 0, textStyle: { color: INK, fontSize: 12, fontWeight: 600 } };
}

const fitsOf = (mode: string, growths: readonly Growth[]): readonly Fit[] =>
  growths.find((growth) => growth.mode === mode)?.fits ?? [];

function headline(mode: string, growths: readonly Growth[]): string {
  const [best] = fitsOf(mode, growths);
  return best === undefined
    ? `${mode}: too few sizes`
    : `${mode}: best is ${best.model}, weight ${best.weight.toFixed(2)}`;
}

function residualHeadline(mode: string, growths: readonly Growth[]): string {
  const shown = shownResiduals(fitsOf(mode, growths)).map((fit) => fit.model);
  return shown.length === 0 ? "" : `residuals: ${shown.join(" and ")}`;
}

/** The best model and the linear one. */
function shownResiduals(fits: readonly Fit[]): Fit[] {
  return fits.filter((fit, i) => i === 0 || fit.model === "linear");
}

function panelSeries(
  { mode, points, fits }: Growth,
  column: number,
  most: number,
): Record<string, unknown>[] {
  const least = Math.min(...points.map((point) => point.n));
  const top = { xAxisIndex: column, yAxisIndex: column };
  const low = { xAxisIndex: column + 2, yAxisIndex: column + 2 };
  const runs = {
    ...top,
    type: "scatter",
    symbol: MODE_SYMBOLS[mode],
    symbolSize: 7,
    itemStyle: { color: MODE_COLOURS[mode], opacity: 0.85 },
    data: points.map(({ n, value }) => [n, value]),
  };
  const curves = fits.map((fit) => ({
    ...top,
    name: fit.model,
    type: "line",
    symbol: "none",
    lineStyle: { width: 1.7, ...MODEL_STYLES[fit.model] },
    itemStyle: { color: MODEL_STYLES[fit.model].color },
    data: Array.from({ length: 61 }, (_, i) => {
      const n = least + (most - least) * i / 60;
      return [n, predict(fit, n)];
    }),
  }));
  const residuals = shownResiduals(fits).map((fit, i) => ({
    ...low,
    name: fit.model,
    type: "scatter",
    symbol: i === 0 ? "circle" : "diamond",
    symbolSize: 7,
    itemStyle: { color: MODEL_STYLES[fit.model].color },
    data: fit.residuals.map((residual, at) => [points[at]?.n ?? 0, residual]),
    markLine: i > 0 ? undefined : {
      silent: true,
      symbol: "none",
      label: { show: false },
      lineStyle: { color: MUTED, width: 1, type: "solid" },
      data: [{ yAxis: 0 }],
    },
  }));
  return [runs, ...curves, ...residuals];
}
