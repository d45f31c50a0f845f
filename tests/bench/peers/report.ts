/** The comparison as a Markdown document, and the machine it was made on. */
import { type RoleStartup, startupLines } from "../../../lib/bench/startup.ts";
import type { JobResult } from "../../../lib/bench/job.ts";
import { checkText, markdown, mebibytes, rateText, spreadText } from "../../../lib/bench/table.ts";
import { describeBuild } from "../../../lib/base/build_info.ts";
import { median } from "../../../lib/base/statistics.ts";
import { zeromqVersion } from "../../../lib/zmq/version.ts";
import type { Comparison, Pair } from "./compare.ts";
import type { Goal } from "./scenarios.ts";
import type { Peer } from "./systems.ts";

/** What a report is made of. */
export interface ReportInput {
  machine: string;
  peers: Peer[];
  comparisons: Comparison[];
  startup: RoleStartup[];
  repeats: number;
  seconds: number;
}

/** Processor, memory, kernel, and what else goes on. */
export function machineText(): string {
  const model = /^model name\s*:\s*(.+)$/m.exec(read("/proc/cpuinfo"))?.[1] ??
    "unknown processor";
  const { total } = Deno.systemMemoryInfo();
  const load = Deno.loadavg().map((value) => value.toFixed(1)).join(" ");
  return `${model}, ${navigator.hardwareConcurrency} cores, ${
    mebibytes(total)
  }, Linux ${Deno.osRelease()}; load when it began ${load}`;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

/** The document. */
export function reportOf(input: ReportInput): string {
  const { machine, peers, comparisons, startup, repeats, seconds } = input;
  const timed = comparisons.filter(({ scenario }) => scenario.shape.rate > 0);
  const flatOut = comparisons.filter(({ scenario }) => scenario.shape.rate === 0);
  const parts = [
    "# Benchmarks",
    `Written by \`deno run -A tests/bench/peers/compare.ts --repeats ${repeats} --seconds ${seconds} --write BENCHMARKS.md\`
on ${new Date().toISOString().slice(0, 10)}. Do not edit.`,
    `- Machine: ${machine}
- ${describeBuild()}, libzmq ${zeromqVersion()}
${peers.map(({ version }) => `- ${version}\n`).join("")}`,
    `Every publisher, subscriber and server is a process of its own, on loopback. Every subscriber checks every sample:
that it came, once, in order, unchanged. pubsub runs with everything on: numbers, windows, epochs of ownership, and
reliable subscribers that acknowledge. The others promise less: NATS core and MQTT with quality of service 0 repair
nothing; plain ZeroMQ sockets (no-drop) neither number nor repair. Figures are the median of ${repeats} runs (lowest–highest),
${seconds} s each after 1 s of warm-up. A *ratio* is pubsub divided by the other system in the run right after it, the median
of the pairs.`,
  ];
  if (flatOut.length > 0) {
    parts.push("## As fast as it can", ...flatOut.map(throughput));
  }
  if (timed.length > 0) {
    parts.push(
      "## Latency",
      `From the moment the schedule wanted a sample sent (whether or not it could be) to its reader; µs.`,
      ...timed.map(latency),
    );
  }
  const goals = comparisons.flatMap((comparison) =>
    comparison.scenario.goals.map((goal) => goalRow(comparison, goal))
  );
  if (goals.length > 0) {
    parts.push(
      "## Goals",
      markdown(["scenario", "ratio", "goal", "measured", ""], goals),
    );
  }
  if (startup.length > 0) {
    parts.push(
      "## Start-up, memory, idle",
      startupLines(startup).map((line) => `- ${line}`).join("\n"),
    );
  }
  return parts.join("\n\n").replaceAll(/\n{3,}/g, "\n\n").trimEnd() + "\n";
}

type Row = [name: string, results: JobResult[], ratio: string];

/** Ours (all runs of the scenario) first, then everybody else with the ratios. */
function rows({ pairs }: Comparison, ratio: (list: Pair[]) => string): Row[] {
  const lists = [...pairs].filter(([, list]) => list.length > 0);
  const ours = lists.flatMap(([, list]) => list.map((pair) => pair.ours));
  if (ours.length === 0) return [];
  return [
    ["**pubsub**", ours, ""],
    ...lists.map((
      [name, list],
    ): Row => [name, list.map(({ theirs }) => theirs), ratio(list)]),
  ];
}

function throughput(comparison: Comparison): string {
  const table = rows(comparison, (list) => ratioText(list, "rate")).map((
    [name, results, ratio],
  ) => [
    name,
    spreadText(results.map(({ perSubscriber }) => perSubscriber), rateText),
    ratio,
    spreadText(
      results.map(({ cpuPerMillion }) => cpuPerMillion),
      (value) => value.toFixed(2),
    ),
    memoryText(results),
    lossText(results),
  ]);
  const header = [
    "",
    "samples/s per subscriber",
    "ratio",
    "CPU s per million deliveries",
    "memory P + B + S",
    "check",
  ];
  return `### ${comparison.scenario.name}\n\n${markdown(header, table)}`;
}

function latency(comparison: Comparison): string {
  const of = (
    results: JobResult[],
    pick: (result: JobResult) => number | undefined,
  ) =>
    spreadText(
      results.map((result) => pick(result) ?? NaN),
      (value) => value.toFixed(0),
    );
  const table = rows(
    comparison,
    (list) => `${ratioText(list, "p50")} / ${ratioText(list, "p99")}`,
  ).map((
    [name, results, ratio],
  ) => [
    name,
    of(results, ({ latency }) => latency?.p50),
    of(results, ({ latency }) => latency?.p99),
    of(results, ({ latency }) => latency?.p999),
    of(results, ({ latency }) => latency?.max),
    ratio,
    spreadText(
      results.map(({ cpuPerMillion }) => cpuPerMillion),
      (value) => value.toFixed(0),
    ),
    lossText(results),
  ]);
  const header = [
    "",
    "p50",
    "p99",
    "p99.9",
    "max",
    "ratio p50 / p99",
    "CPU µs per sample",
    "check",
  ];
  return `### ${comparison.scenario.name}\n\n${markdown(header, table)}`;
}

function figureOf(result: JobResult, figure: Goal["figure"]): number {
  return figure === "rate" ? result.perSubscriber : result.latency?.[figure] ?? NaN;
}

function ratioOf(list: Pair[], figure: Goal["figure"]): number {
  return median(
    list.map(({ ours, theirs }) => figureOf(ours, figure) / figureOf(theirs, figure)),
  );
}

function ratioText(list: Pair[], figure: Goal["figure"]): string {
  return ratioOf(list, figure).toFixed(2);
}

function goalRow(
  { scenario, pairs }: Comparison,
  { peer, figure, ratio }: Goal,
): string[] {
  const list = pairs.get(peer) ?? [];
  const words = figure === "rate" ? "at least" : "at most";
  const name = `${figure === "rate" ? "samples/s" : figure} / ${peer}'s`;
  if (list.length === 0) {
    return [scenario.name, name, `${words} ${ratio}`, "not measured", ""];
  }
  const measured = ratioOf(list, figure);
  const reached = figure === "rate" ? measured >= ratio : measured <= ratio;
  return [
    scenario.name,
    name,
    `${words} ${ratio}`,
    measured.toFixed(2),
    reached ? "reached" : "**missed**",
  ];
}

function memoryText(results: JobResult[]): string {
  const of = (name: keyof JobResult["groups"]) =>
    mebibytes(median(results.map(({ groups }) => groups[name].peakBytes)))
      .replace(" MiB", "");
  return `${of("publishers")} + ${of("servers")} + ${of("subscribers")} MiB`;
}

function lossText(results: JobResult[]): string {
  const faulty = results.filter((result) => checkText(result) !== "all samples checked");
  return faulty.length === 0
    ? "complete"
    : `${faulty.length} of ${results.length} runs: ${checkText(faulty[0]!)}`;
}
