/**
 * One subscriber's pictures: latency along the time by publisher, with the failures marked, and a box a publisher.
 * Pure.
 */
import type { StudyRun, StudySubscriber } from "../study.ts";
import { quantile } from "../../base/statistics.ts";
import type { Samples } from "../../perf/samples.ts";
import type { Chart } from "./draw.ts";
import { ALARM, axisOf, categoryStyle, INK, lineLegendOf, logAxis, MUTED, PAPER, titleOf } from "./theme.ts";

const WIDTH = 580;
const HEIGHT = 340;
const LATENCY = "latency [ms]";

/** Of a publisher's live samples: when each was published (seconds, or its number) and its latency. */
interface Track {
  readonly publisher: string;
  readonly points: readonly (readonly [number, number])[];
}

/** Latency along the time, a line a publisher. */
export function lineChart(run: StudyRun, { name, samples }: StudySubscriber): Chart {
  const start = beginning(samples);
  const tracks = tracksOf(samples, start);
  const [low, high] = rangeOf(samples);
  const marks = start === undefined ? [] : marksOf(run, name, start);
  const series: Record<string, unknown>[] = tracks.map(({ publisher, points }, i) => ({
    name: publisher,
    type: "line",
    data: points,
    showSymbol: false,
    symbol: "none",
    sampling: "lttb",
    lineStyle: { width: 1.3, ...categoryStyle(i) },
    itemStyle: { color: categoryStyle(i).color },
  }));
  const [first] = series;
  if (first !== undefined && marks.length > 0) {
    first.markLine = { silent: true, symbol: "none", data: marks };
  }
  return {
    width: WIDTH,
    height: HEIGHT,
    description:
      `${name}, ${run.key.mode}, ${run.key.network}: latency of each sample along the time, by publisher`,
    options: {
      title: titleOf(`${name}: latency by publisher`, placeOf(run)),
      legend: manyLegend(tracks.map((track) => track.publisher)),
      grid: { left: 62, right: 20, top: 68 + 16 * legendRows(tracks.length), bottom: 46 },
      xAxis: axisOf(start === undefined ? "sample" : "time of publishing [s]", {
        type: "value",
        min: 0,
        max: "dataMax",
        splitLine: { show: false },
        axisLabel: { color: INK, fontSize: 11, showMaxLabel: false },
      }),
      yAxis: logAxis(LATENCY, low, high, 44),
      series,
    },
  };
}

/** A box a publisher: quartiles, whiskers to the 1st and 99th percentile, the largest as a point. */
export function boxChart(run: StudyRun, { name, samples }: StudySubscriber): Chart {
  const tracks = tracksOf(samples, undefined);
  const [low, high] = rangeOf(samples);
  const boxes = tracks.map(({ points }) => boxOf(points.map(([, latency]) => latency)));
  return {
    width: WIDTH,
    height: HEIGHT,
    description:
      `${name}, ${run.key.mode}, ${run.key.network}: box plot of the latency of each publisher's samples`,
    options: {
      title: titleOf(
        `${name}: latency by publisher`,
        `${placeOf(run)}; whiskers 1 % and 99 %, point: largest`,
      ),
      grid: { left: 62, right: 20, top: 60, bottom: tracks.length > 6 ? 86 : 46 },
      xAxis: axisOf("publisher", {
        type: "category",
        data: tracks.map((track) => track.publisher),
        splitLine: { show: false },
        axisLabel: { color: INK, fontSize: 11, interval: 0, rotate: tracks.length > 6 ? 35 : 0 },
      }, tracks.length > 6 ? 68 : 30),
      yAxis: logAxis(LATENCY, low, high, 44),
      series: [
        {
          type: "boxplot",
          boxWidth: [8, 36],
          data: boxes.map(({ box }, i) => ({
            value: box,
            itemStyle: { color: PAPER, borderColor: categoryStyle(i).color, borderWidth: 1.6 },
          })),
        },
        {
          type: "scatter",
          symbolSize: 5,
          data: boxes.map(({ largest }, i) => ({
            value: [i, largest],
            itemStyle: { color: categoryStyle(i).color },
          })),
        },
      ],
    },
  };
}

/** The five numbers of a box, and the largest value. */
export function boxOf(
  values: readonly number[],
): { readonly box: readonly number[]; readonly largest: number } {
  const sorted = Float64Array.from(values).sort();
  return { box: [0.01, 0.25, 0.5, 0.75, 0.99].map((p) => quantile(sorted, p)), largest: quantile(sorted, 1) };
}

function placeOf({ key }: StudyRun): string {
  return `${key.mode}, ${key.network}, repeat ${key.repeat}`;
}

/** When the first live sample was published; undefined when the file has no times. */
function beginning(samples: Samples): number | undefined {
  let first = Infinity;
  for (let i = 0; i < samples.count; i++) {
    if (samples.historical[i] === 0) first = Math.min(first, samples.publishTime[i] as number);
  }
  return Number.isFinite(first) ? first : undefined;
}

function tracksOf(samples: Samples, start: number | undefined): Track[] {
  const tracks = samples.publishers.map((publisher) => ({ publisher, points: [] as [number, number][] }));
  for (let i = 0; i < samples.count; i++) {
    if (samples.historical[i] === 1) continue;
    const points = tracks[samples.publisher[i] as number]?.points;
    const at = start === undefined
      ? (points?.length ?? 0) + 1
      : ((samples.publishTime[i] as number) - start) / 1000;
    points?.push([at, drawable(samples.latency[i] as number)]);
  }
  return tracks.filter((track) => track.points.length > 0)
    .sort((one, other) => one.publisher.localeCompare(other.publisher, "en", { numeric: true }))
    .map((track) => ({ ...track, points: track.points.sort(([one], [other]) => one - other) }));
}

/** A logarithmic axis has no place for zero and below: such a latency (clocks that disagree) is drawn as 1 µs. */
function drawable(latency: number): number {
  return Math.max(latency, 0.001);
}

function rangeOf(samples: Samples): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < samples.count; i++) {
    if (samples.historical[i] === 1) continue;
    low = Math.min(low, drawable(samples.latency[i] as number));
    high = Math.max(high, drawable(samples.latency[i] as number));
  }
  return Number.isFinite(low) ? [low, high] : [0.1, 10];
}

/** Vertical lines where a broker died, and where this subscriber noticed and had data again. */
function marksOf(run: StudyRun, subscriber: string, start: number): Record<string, unknown>[] {
  const line = (time: number, label: string, type: string, align: string) => ({
    xAxis: (time - start) / 1000,
    lineStyle: { color: ALARM, width: 1.4, type },
    label: { show: true, formatter: label, color: ALARM, fontSize: 11, position: "end", align },
  });
  const deaths = (run.record.brokerDeaths ?? []).map((death) =>
    line(death.time, `${death.broker} dies `, "solid", "right")
  );
  const backs = run.failovers
    .filter((row) => row.subscriber === subscriber && row.event === "broker_lost" && row.dataBackMs !== null)
    .map((row) => {
      const after = row.dataBackMs as number;
      return line(row.time + after, ` data back after ${after.toFixed(0)} ms`, "dashed", "left");
    });
  return [...deaths, ...backs];
}

/** Rows that the legend of so many publishers takes. */
function legendRows(names: number): number {
  return names > 8 ? Math.ceil(names / 5) : Math.ceil(names / 4);
}

function manyLegend(names: readonly string[]): Record<string, unknown> {
  return {
    ...lineLegendOf({ left: 56, right: 10, top: 44, itemGap: names.length > 8 ? 8 : 12 }),
    data: [...names],
    textStyle: { color: names.length > 8 ? MUTED : INK, fontSize: names.length > 8 ? 10.5 : 12 },
    itemWidth: names.length > 8 ? 18 : 26,
  };
}
