/**
 * `pubsub report DIR`: from the results of `pubsub perf` to pictures, tables and one page with the findings.
 *
 * Writes `report.html`, `tables/*.csv|json` and `plots/**.svg` below DIR, and nothing else there. The same data give
 * the same files.
 */
import { describeBuild } from "../lib/base/build_info.ts";
import { PubsubError, reasonOf } from "../lib/base/errors.ts";
import { plotDirectory } from "../lib/perf/layout.ts";
import { analyse, type Analysis, clientsOf } from "../lib/report/analysis.ts";
import { type Chart, drawSvg } from "../lib/report/charts/draw.ts";
import { inlineSvg } from "../lib/report/charts/inline_svg.ts";
import { growthChart } from "../lib/report/charts/growth_chart.ts";
import {
  clientsChart,
  distributionChart,
  hostsChart,
  latencyRange,
} from "../lib/report/charts/latency_charts.ts";
import { boxChart, lineChart } from "../lib/report/charts/subscriber_charts.ts";
import { pageOf, type PagePictures } from "../lib/report/page/page.ts";
import { MODES } from "../lib/perf/results.ts";
import { readStudy, type StudyRun } from "../lib/report/study.ts";
import { tablesOf, toCsv, toJson } from "../lib/report/tables.ts";
import { replaceFile } from "../lib/base/whole_file.ts";
import type { RoleContext } from "./context.ts";

/** What is asked of `report`. */
export interface ReportOptions {
  /** Directory of a performance run. */
  readonly directory: string;
}

/** Makes the report. */
export async function runReport({ directory }: ReportOptions, context: RoleContext): Promise<void> {
  const root = await Deno.realPath(directory).catch((cause: unknown) => {
    throw new PubsubError(`Cannot read ${directory}: ${reasonOf(cause)}`, { cause });
  });
  const study = await readStudy(root);
  context.signal.throwIfAborted();
  const analysis = analyse(study);
  await writeTables(root, analysis);
  const pictures = await writePictures(root, analysis, context.signal);
  await replaceFile(`${root}/report.html`, pageOf(analysis, pictures, { version: describeBuild() }));
  for (const { number, verdict, claim, reason } of analysis.findings) {
    context.out(`${number}. ${verdict}: ${claim} ${reason}`);
  }
  for (const remark of study.remarks) context.note(`report: ${remark}`);
  context.note(`report: ${study.runs.length} runs; open ${root}/report.html`);
}

async function writeTables(root: string, analysis: Analysis): Promise<void> {
  await Deno.mkdir(`${root}/tables`, { recursive: true });
  for (const table of tablesOf(analysis)) {
    await replaceFile(`${root}/tables/${table.name}.csv`, toCsv(table));
    await replaceFile(`${root}/tables/${table.name}.json`, toJson(table));
  }
}

/** Draws a chart into a file; gives it for the page, too. */
async function write(path: string, chart: Chart): Promise<string> {
  const svg = drawSvg(chart);
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await replaceFile(path, svg);
  return inlineSvg(svg);
}

async function writePictures(root: string, analysis: Analysis, signal: AbortSignal): Promise<PagePictures> {
  const { runs, results, counted, medians, growths } = analysis;
  const range = latencyRange(results);
  const hosts: string[] = [];
  for (const mode of MODES.filter((each) => runs.some((run) => run.key.mode === each))) {
    hosts.push(await write(`${root}/plots/${mode}/latency.svg`, hostsChart(mode, runs, results, range)));
  }
  const pages: PagePictures["runs"][number][] = [];
  for (const run of inOrder(runs)) {
    signal.throwIfAborted();
    const pictures = await writeSubscribers(root, run);
    const { mode, network, repeat } = run.key;
    // The page shows the first repeat only: all of them would make it too heavy to open.
    if (repeat === 1) pages.push({ title: `${network}, ${mode}: ${clientsOf(run)} clients`, pictures });
  }
  return {
    clients: await write(`${root}/plots/latency-by-clients.svg`, clientsChart(medians, counted, growths)),
    growth: await write(`${root}/plots/growth.svg`, growthChart(growths)),
    distribution: await write(`${root}/plots/distribution.svg`, distributionChart(runs, results, range)),
    hosts,
    runs: pages,
  };
}

/** Small networks first, the two modes of a network beside each other. */
function inOrder(runs: readonly StudyRun[]): StudyRun[] {
  const key = (run: StudyRun) =>
    `${String(clientsOf(run)).padStart(6, "0")} ${run.key.network} ${MODES.indexOf(run.key.mode)}`;
  return runs.toSorted((one, other) => key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0);
}

async function writeSubscribers(root: string, run: StudyRun): Promise<string[]> {
  const directory = plotDirectory(root, run.key);
  const pictures: string[] = [];
  for (const subscriber of run.subscribers) {
    pictures.push(await write(`${directory}/${subscriber.name}-line.svg`, lineChart(run, subscriber)));
    pictures.push(await write(`${directory}/${subscriber.name}-box.svg`, boxChart(run, subscriber)));
  }
  return pictures;
}
