/**
 * Colours and letters of every picture. Pure.
 *
 * Colours: Okabe and Ito's palette (2008), told apart by people with any of the common colour blindnesses; its yellow
 * is left out, as it does not show on white. Whatever a colour says, a shape, a dash or a label says too, for paper
 * without colours. The neutral colours and the two modes' are written as CSS variables in the report (dark mode); in
 * the SVG files they are these, on white.
 */
import type { Mode } from "../../perf/results.ts";

export const INK = "#1f2328";
export const MUTED = "#57606a";
export const GRID = "#d9dee3";
export const PAPER = "#ffffff";
export const MODE_COLOURS: Record<Mode, string> = { direct: "#0072b2", centralized: "#d55e00" };
/** Marks of failures. */
export const ALARM = "#b3005e";

/** For things that are many, such as publishers: seven colours, then again with other dashes. */
const CATEGORY_COLOURS = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#e69f00",
  "#7a7a7a",
] as const;
const DASHES = ["solid", "dashed", "dotted"] as const;

/** Colour and dash of the `index`th of many. 21 are told apart. */
export function categoryStyle(index: number): { color: string; type: (typeof DASHES)[number] } {
  return {
    color: CATEGORY_COLOURS[index % CATEGORY_COLOURS.length] as string,
    type: DASHES[Math.floor(index / CATEGORY_COLOURS.length) % DASHES.length] as (typeof DASHES)[number],
  };
}

/** How each mode's points and lines look without colours. */
export const MODE_SYMBOLS: Record<Mode, string> = { direct: "circle", centralized: "triangle" };
export const MODE_DASHES: Record<Mode, "solid" | "dashed"> = { direct: "solid", centralized: "dashed" };

/** Variables of the report's style sheet for the colours that change with the scheme. */
export const VARIABLES: readonly (readonly [string, string])[] = [
  [INK, "var(--ink)"],
  [MUTED, "var(--muted)"],
  [GRID, "var(--grid)"],
  [PAPER, "var(--paper)"],
  [ALARM, "var(--alarm)"],
  ...CATEGORY_COLOURS.map((colour, i) => [colour, `var(--c${i})`] as const),
];

const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

/** What every picture's options begin with. */
export const BASE = {
  animation: false,
  backgroundColor: PAPER,
  textStyle: { fontFamily: FONT, color: INK, fontSize: 12 },
} as const;

/** A title in the upper left corner. */
export function titleOf(text: string, subtext = ""): Record<string, unknown> {
  return {
    text,
    subtext,
    left: 8,
    top: 4,
    itemGap: 4,
    textStyle: { color: INK, fontSize: 14, fontWeight: 600, fontFamily: FONT },
    subtextStyle: { color: MUTED, fontSize: 11.5, fontFamily: FONT },
  };
}

/** An axis with its name, unit included, in the middle. */
export function axisOf(
  name: string,
  more: Record<string, unknown> = {},
  nameGap = 30,
): Record<string, unknown> {
  return {
    name,
    nameLocation: "middle",
    nameGap,
    nameTextStyle: { color: INK, fontSize: 12 },
    axisLine: { show: true, lineStyle: { color: MUTED } },
    axisTick: { show: true, lineStyle: { color: MUTED } },
    axisLabel: { color: INK, fontSize: 11 },
    splitLine: { show: true, lineStyle: { color: GRID } },
    minorSplitLine: { show: false },
    ...more,
  };
}

/** A legend in the upper right corner. */
export function legendOf(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    right: 8,
    top: 6,
    textStyle: { color: INK, fontSize: 12 },
    itemWidth: 26,
    itemHeight: 9,
    itemGap: 14,
    ...more,
  };
}

/** A legend of lines: without the points that a line has not. */
export function lineLegendOf(more: Record<string, unknown> = {}): Record<string, unknown> {
  return legendOf({ itemStyle: { opacity: 0 }, ...more });
}

/** A latency on an axis or in a label: enough digits to tell neighbours apart, no more. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(0);
  if (size >= 1) return String(Number(value.toFixed(1)));
  return String(Number(value.toPrecision(2)));
}

/** A logarithmic axis for latencies between `low` and `high`: from a power of ten's 1, 2 or 5 to another. */
export function logAxis(name: string, low: number, high: number, nameGap?: number): Record<string, unknown> {
  return axisOf(name, {
    type: "log",
    min: stepBelow(low),
    max: stepAbove(high),
    axisLabel: { color: INK, fontSize: 11, formatter: shortNumber },
  }, nameGap);
}

/** The power of ten at or below `value`, times 1, 2 or 5. */
export function stepBelow(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [5, 2, 1].find((each) => each * power <= value * (1 + 1e-12)) ?? 1;
  return Number((step * power).toPrecision(3));
}

/** The power of ten at or above `value`, times 1, 2 or 5. */
export function stepAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => each * power >= value * (1 - 1e-12)) ?? 10;
  return Number((step * power).toPrecision(3));
}
