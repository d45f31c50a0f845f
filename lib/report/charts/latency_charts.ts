/**
 * The study's pictures: median latency against the number of clients, a box a number of hosts, and the empirical
 * distributions. Pure.
 */
import type { CellMedian } from "../analysis.ts";
import type { Growth } from "../growth_findings.ts";
import { predict } from "../growth.ts";
import { type Mode, MODES, ofRun, type RunResult } from "../../perf/results.ts";
import { liveLatencies } from "../../perf/samples.ts";
import { quantile } from "../../base/statistics.ts";
import type { StudyRun } from "../study.ts";
import type { Chart } from "./draw.ts";
import { boxOf } from "./subscriber_charts.ts";
import {
  axisOf,
  INK,
  legendOf,
  lineLegendOf,
  logAxis,
  MODE_COLOURS,
  MODE_DASHES,
  MODE_SYMBOLS,
  MUTED,
  PAPER,
  titleOf,
} from "./theme.ts";

/** The median of every run, the interval of every network, and the best growth model of each mode. */
export function clientsChart(
  medians: readonly CellMedian[],
  results: readonly RunResult[],
  growths: readonly Growth[],
): Chart {
  const most = Math.max(1, ...results.map((run) => run.clients));
  const series = MODES.flatMap((mode) => modeSeries(mode, medians, results, growths, most));
  return {
    width: 760,
    height: 420,
    description:
      "Median latency against the number of clients for both modes, with 95 % intervals and the best fits",
    options: {
      title: titleOf(
        "Median latency against the number of clients",
        "points: runs; bars: 95 % bootstrap interval of a network; curve: growth model with the lowest AICc",
      ),
      legend: { ...legendOf({ top: 8, itemWidth: 14 }), data: [...MODES] },
      grid: { left: 66, right: 24, top: 62, bottom: 50 },
      xAxis: axisOf("clients (publishers + subscribers)", {
        type: "value",
        min: 0,
        max: Math.ceil(most * 1.05),
      }),
      yAxis: axisOf("median latency [ms]", { type: "value", min: 0 }, 46),
      series,
    },
  };
}

function modeSeries(
  mode: Mode,
  medians: readonly CellMedian[],
  results: readonly RunResult[],
  growths: readonly Growth[],
  most: number,
): Record<string, unknown>[] {
  const color = MODE_COLOURS[mode];
  // The modes stand beside each other, not on top of each other.
  const shift = (mode === "direct" ? -0.006 : 0.006) * most;
  const runs = results.filter((run) => run.mode === mode && run.subscribers.length > 0);
  const growth = growths.find((each) => each.mode === mode);
  const best = growth?.fits[0];
  const least = Math.min(...growth?.points.map((point) => point.n) ?? [1]);
  const points = {
    name: mode,
    type: "scatter",
    symbol: MODE_SYMBOLS[mode],
    symbolSize: 8,
    itemStyle: { color, opacity: 0.85 },
    data: runs.map((run) => [run.clients + shift, ofRun(run, (subscriber) => subscriber.steady.median)]),
  };
  const bars = {
    name: mode,
    type: "custom",
    silent: true,
    itemStyle: { color },
    renderItem: errorBar(color),
    encode: { x: 0, y: [1, 2] },
    data: medians.filter(({ cell }) => cell.mode === mode)
      .map(({ cell, median }) => [cell.clients + shift, median.low, median.high]),
  };
  if (best === undefined) return [points, bars];
  const curve = {
    name: mode,
    type: "line",
    symbol: "none",
    lineStyle: { color, width: 1.8, type: MODE_DASHES[mode] },
    itemStyle: { color },
    data: Array.from({ length: 61 }, (_, i) => {
      const n = least + (most - least) * i / 60;
      return [n, Math.max(0, predict(best, n))];
    }),
  };
  return [points, bars, curve];
}

/** What echarts hands to the drawing of one item. */
interface ItemApi {
  value(dimension: number): number;
  coord(point: readonly [number, number]): [number, number];
}

function errorBar(color: string): (params: unknown, api: ItemApi) => Record<string, unknown> {
  return (_params, api) => {
    const [x, low] = api.coord([api.value(0), api.value(1)]);
    const [, high] = api.coord([api.value(0), api.value(2)]);
    const line = (x1: number, y1: number, x2: number, y2: number) => ({
      type: "line",
      shape: { x1, y1, x2, y2 },
      style: { stroke: color, lineWidth: 1.6, fill: "none" },
    });
    return {
      type: "group",
      children: [line(x, low, x, high), line(x - 5, low, x + 5, low), line(x - 5, high, x + 5, high)],
    };
  };
}

/** Live latencies of every sample, by the number of hosts. */
function byHosts(
  runs: readonly StudyRun[],
  results: readonly RunResult[],
  mode: Mode,
): Map<number, number[]> {
  const found = new Map<number, number[]>();
  runs.forEach((run, i) => {
    if (run.key.mode !== mode) return;
    const hosts = results[i]?.hosts ?? 0;
    const values = found.get(hosts) ?? [];
    for (const { samples } of run.subscribers) {
      for (const value of liveLatencies(samples)) values.push(Math.max(value, 0.001));
    }
    found.set(hosts, values);
  });
  return new Map([...found].sort(([one], [other]) => one - other));
}

/** A box for each number of hosts, every live sample of the mode, the failover included. */
export function hostsChart(
  mode: Mode,
  runs: readonly StudyRun[],
  results: readonly RunResult[],
  range: readonly [number, number],
): Chart {
  const groups = [...byHosts(runs, results, mode)];
  const boxes = groups.map(([, values]) => boxOf(values));
  return {
    width: 520,
    height: 370,
    description: `Box plot of the latency for each number of hosts, ${mode}`,
    options: {
      title: titleOf(
        `Latency by number of hosts, ${mode}`,
        "box: quartiles; whiskers: 1 % and 99 %; point: largest; every live sample",
      ),
      grid: { left: 62, right: 18, top: 62, bottom: 50 },
      xAxis: axisOf("hosts", {
        type: "category",
        data: groups.map(([hosts]) => String(hosts)),
        splitLine: { show: false },
      }),
      yAxis: logAxis("latency [ms]", range[0], range[1], 44),
      series: [
        {
          type: "boxplot",
          boxWidth: [10, 40],
          itemStyle: { color: PAPER, borderColor: MODE_COLOURS[mode], borderWidth: 1.8 },
          data: boxes.map(({ box }) => [...box]),
        },
        {
          type: "scatter",
          symbol: MODE_SYMBOLS[mode],
          symbolSize: 7,
          itemStyle: { color: MODE_COLOURS[mode] },
          data: boxes.map(({ largest }, i) => [i, largest]),
        },
      ],
    },
  };
}

const PANEL = { width: 250, height: 190, columns: 3 } as const;

/** The empirical distribution of each network, both modes: a panel a network. */
export function distributionChart(
  runs: readonly StudyRun[],
  results: readonly RunResult[],
  range: readonly [number, number],
): Chart {
  const networks = [...new Map(runs.map((run, i) => [run.key.network, results[i]?.clients ?? 0]))]
    .sort(([, one], [, other]) => one - other);
  const columns = Math.min(PANEL.columns, networks.length);
  const left = (i: number) => 58 + (i % columns) * PANEL.width;
  const top = (i: number) => 84 + Math.floor(i / columns) * PANEL.height;
  const bottomRow = (i: number) => i + columns >= networks.length;
  return {
    width: 58 + columns * PANEL.width + 10,
    height: 84 + Math.ceil(networks.length / columns) * PANEL.height - 8,
    description: "Empirical distribution functions of the latency, a panel for each network, both modes",
    options: {
      title: [
        titleOf(
          "Empirical distribution of the latency",
          "share of the live samples of all repeats that took at most so long",
        ),
        ...networks.map(([network, clients], i) => ({
          text: `${network.replace(/-\d+hosts$/, "")}: ${clients} clients`,
          left: left(i),
          top: top(i) - 20,
          padding: 0,
          textStyle: { color: INK, fontSize: 12, fontWeight: 600 },
        })),
      ],
      legend: { ...lineLegendOf({ top: 8 }), data: [...MODES] },
      grid: networks.map((_, i) => ({
        left: left(i),
        top: top(i),
        width: PANEL.width - 36,
        height: PANEL.height - 62,
      })),
      xAxis: networks.map((_, i) => ({
        ...logAxis(bottomRow(i) ? "latency [ms]" : "", range[0], range[1], 26),
        gridIndex: i,
      })),
      yAxis: networks.map((_, i) => ({
        ...axisOf(i % columns === 0 ? "share of samples" : "", {
          type: "value",
          min: 0,
          max: 1,
          interval: 0.25,
        }, 38),
        gridIndex: i,
        axisLabel: { color: i % columns === 0 ? INK : MUTED, fontSize: 11 },
      })),
      series: networks.flatMap(([network], i) => MODES.map((mode) => distribution(network, mode, i, runs))),
    },
  };
}

function distribution(
  network: string,
  mode: Mode,
  panel: number,
  runs: readonly StudyRun[],
): Record<string, unknown> {
  const values: number[] = [];
  for (const run of runs.filter(({ key }) => key.network === network && key.mode === mode)) {
    for (const { samples } of run.subscribers) {
      for (const value of liveLatencies(samples)) values.push(Math.max(value, 0.001));
    }
  }
  const sorted = Float64Array.from(values).sort();
  // The curve at 200 shares, closer at the ends, where the tail is.
  const shares = Array.from({ length: 201 }, (_, i) => (1 - Math.cos(Math.PI * i / 200)) / 2);
  return {
    name: mode,
    type: "line",
    xAxisIndex: panel,
    yAxisIndex: panel,
    symbol: "none",
    lineStyle: { color: MODE_COLOURS[mode], width: 1.8, type: MODE_DASHES[mode] },
    itemStyle: { color: MODE_COLOURS[mode] },
    data: sorted.length === 0 ? [] : shares.map((share) => [quantile(sorted, share), share]),
  };
}

/** Smallest and largest live latency of all runs, for axes that are to be compared. */
export function latencyRange(results: readonly RunResult[]): [number, number] {
  const all = results.flatMap((run) => run.subscribers.map((subscriber) => subscriber.all));
  const low = Math.min(...all.map((spread) => spread.min));
  const high = Math.max(...all.map((spread) => spread.max));
  return all.length === 0 ? [0.1, 10] : [Math.max(low, 0.001), Math.max(high, 0.002)];
}
