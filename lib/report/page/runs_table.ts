/** The table of runs: what arrived, how fast, and whether the checks passed. HTML, pure. */
import { type Analysis, type CountRow, countRows } from "../analysis.ts";
import type { RunResult } from "../../perf/results.ts";
import { spreadOf } from "../../base/statistics.ts";
import type { StudyRun } from "../study.ts";
import { type Column, escape, significant, tableOf } from "./markup.ts";

const COLUMNS: readonly Column[] = [
  { head: "network", text: true },
  { head: "mode", text: true },
  { head: "repeat" },
  { head: "clients" },
  { head: "samples" },
  { head: "history" },
  { head: "missing" },
  { head: "twice" },
  { head: "out of order" },
  { head: "median [ms]" },
  { head: "99 % [ms]" },
  { head: "largest [ms]" },
  { head: "cores busy" },
  { head: "own CPU [s]" },
  { head: "checks", text: true },
];

/** A row a run, small networks first. */
export function runsTable({ runs, results }: Analysis): string {
  const counts = countRows(runs);
  const rows = runs.map((run, i) => {
    const { mode, network, repeat } = run.key;
    const own = counts.filter((row) => row.mode === mode && row.network === network && row.repeat === repeat);
    const result = results[i] as RunResult;
    const padded = (value: number) => String(value).padStart(6, "0");
    return {
      sort: `${padded(result.clients)} ${network} ${mode} ${padded(repeat)}`,
      cells: [
        ...[escape(network), mode, String(repeat), String(result.clients)],
        ...countCells(own),
        ...latencyCells(result),
        percent(run.record.cpuBusy),
        significant(run.record.cpuOwnSeconds),
        checksText(run),
      ],
    };
  });
  rows.sort((one, other) => one.sort < other.sort ? -1 : 1);
  const caption =
    "Median and 99th percentile: of the subscribers' own, the middle one; largest: of all live samples; " +
    "cores busy: with whatever ran on the machine while there was publishing; own CPU: of the run's own processes, their " +
    "start included.";
  return `<div class="tight">${tableOf(COLUMNS, rows, caption)}</div>`;
}

function countCells(rows: readonly CountRow[]): string[] {
  const names = ["received", "historical", "missing", "duplicates", "reordered"] as const;
  return names.map((name) => {
    const sum = rows.reduce((total, row) => total + row[name], 0);
    return Number.isNaN(sum) ? "–" : String(sum);
  });
}

function latencyCells({ subscribers }: RunResult): string[] {
  const over = (measure: "median" | "p99" | "max") => spreadOf(subscribers.map((each) => each.all[measure]));
  return [over("median")?.median, over("p99")?.median, over("max")?.max].map(significant);
}

function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : `${(share * 100).toFixed(0)} %`;
}

function checksText({ record }: StudyRun): string {
  if (record.checks === undefined) return "not recorded";
  const failed = record.checks.filter((check) => !check.pass);
  if (failed.length === 0) return `all ${record.checks.length} pass`;
  const texts = failed.map(({ name, comment }) => `not: ${name}${comment === "" ? "" : ` (${comment})`}`);
  return `<span class="fail">${escape(texts.join("; "))}</span>`;
}
