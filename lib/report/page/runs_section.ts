/** What was measured: the circumstances, the failovers and the counts. HTML, pure. */
import { type Analysis, countRows } from "../analysis.ts";
import { spreadOf } from "../statistics.ts";
import type { FailoverRow, StudyRun } from "../study.ts";
import { escape, significant, tableOf } from "./markup.ts";

/** The circumstances, as a list of terms. */
export function factsList({ runs }: Analysis): string {
  const records = runs.map((run) => run.record);
  const distinct = (values: readonly (string | undefined)[]) =>
    [...new Set(values.filter((value) => value !== undefined))].join("; ") || "not recorded";
  const starts = records.flatMap((record) => record.startedAt ?? []);
  const repeats = Math.max(...runs.map((run) => run.key.repeat));
  const facts: [string, string][] = [
    [
      "measured",
      starts.length === 0
        ? "not recorded"
        : new Date(Math.min(...starts)).toISOString().slice(0, 16).replace("T", " ") + " UTC",
    ],
    ["where", distinct(records.map((record) => place(record.where, record.switch)))],
    [
      "machine",
      distinct(
        records.map(({ machine }) => machine && `${machine.cpu}, ${machine.cores} cores, ${machine.system}`),
      ),
    ],
    ["program", distinct(records.map((record) => record.program))],
    ["ZooKeeper", distinct(records.map((record) => record.zookeeper))],
    [
      "links",
      distinct(
        records.map(({ where, linkDelay, bandwidthMbit }) =>
          where === undefined
            ? undefined
            : [linkDelay && `delay ${linkDelay}`, bandwidthMbit && `${bandwidthMbit} Mbit/s`].filter(Boolean)
              .join(", ") || "not shaped"
        ),
      ),
    ],
    ["workload", distinct(records.map(workload))],
    [
      "runs",
      `${runs.length}: ${
        new Set(runs.map((run) => run.key.network)).size
      } networks, both modes, up to ${repeats} repeats`,
    ],
  ];
  return `<dl class="facts">${
    facts.map(([term, text]) => `<dt>${term}</dt><dd>${escape(text)}</dd>`).join("\n")
  }</dl>`;
}

function place(where: string | undefined, kind: string | null | undefined): string | undefined {
  if (where === undefined) return undefined;
  return where === "local" ? "processes on loopback" : `Mininet, ${kind ?? "unknown switch"}`;
}

function workload(
  { topics, events, intervalSeconds, ownership, autokillSeconds }: StudyRun["record"],
): string | undefined {
  if (topics === undefined || events === undefined || intervalSeconds === undefined) return undefined;
  const death = autokillSeconds === null || autokillSeconds === undefined
    ? ""
    : `, primary killed after ${autokillSeconds} s`;
  return `${events} events ${intervalSeconds} s apart by each publisher on topics ${
    topics.join(" ")
  }, ownership ${ownership}${death}`;
}

/** A row a run: checks, counts, latency. */
export function runsTable(analysis: Analysis): string {
  const counts = countRows(analysis.runs);
  const columns = [
    ...[{ head: "network", text: true }, { head: "mode", text: true }, { head: "repeat" }, {
      head: "clients",
    }, { head: "subscribers" }],
    ...[{ head: "samples" }, { head: "history" }, { head: "missing" }, { head: "twice" }, {
      head: "out of order",
    }],
    ...[{ head: "median [ms]" }, { head: "99 % [ms]" }, { head: "largest [ms]" }, {
      head: "checks",
      text: true,
    }],
  ];
  const rows = analysis.runs.map((run, i) => {
    const own = counts.filter((row) =>
      row.mode === run.key.mode && row.network === run.key.network && row.repeat === run.key.repeat
    );
    const sum = (name: "received" | "historical" | "missing" | "duplicates" | "reordered") =>
      own.reduce((total, row) => total + row[name], 0);
    const number = (value: number) => Number.isNaN(value) ? "–" : String(value);
    const result = analysis.results[i];
    const over = (measure: "median" | "p99" | "max") =>
      spreadOf((result?.subscribers ?? []).map((each) => each.all[measure]));
    const { key } = run;
    return {
      sort: `${String(result?.clients).padStart(6, "0")} ${key.network} ${key.mode} ${
        String(key.repeat).padStart(4, "0")
      }`,
      cells: [
        ...[
          escape(key.network),
          key.mode,
          String(key.repeat),
          String(result?.clients),
          String(run.subscribers.length),
        ],
        ...[
          number(sum("received")),
          number(sum("historical")),
          number(sum("missing")),
          number(sum("duplicates")),
          number(sum("reordered")),
        ],
        ...[
          significant(over("median")?.median),
          significant(over("p99")?.median),
          significant(over("max")?.max),
          checksText(run),
        ],
      ],
    };
  });
  rows.sort((one, other) => one.sort < other.sort ? -1 : 1);
  const table = tableOf(
    columns,
    rows,
    "Median and 99th percentile: of the subscribers' own, the middle one; largest: of all live samples.",
  );
  return `<div class="tight">${table}</div>`;
}

function checksText({ record }: StudyRun): string {
  if (record.checks === undefined) return "not recorded";
  const failed = record.checks.filter((check) => !check.pass);
  if (failed.length === 0) return `all ${record.checks.length} pass`;
  const text = failed.map(({ name, comment }) => `not: ${name}${comment === "" ? "" : ` (${comment})`}`).join(
    "; ",
  );
  return `<span class="fail">${escape(text)}</span>`;
}

/** What a broker's death cost the subscribers, by mode. */
export function failoverTable({ runs }: Analysis): string {
  const rows = (["direct", "centralized"] as const).flatMap((mode) => {
    const own = runs.filter((run) => run.key.mode === mode);
    const lost = own.flatMap((run) => run.failovers).filter((row) => row.event === "broker_lost");
    const deaths = own.reduce((sum, run) => sum + (run.record.brokerDeaths?.length ?? 0), 0);
    if (deaths === 0 && lost.length === 0) return [];
    const sum = (name: "recovered" | "lost" | "duplicates" | "reordered") =>
      String(lost.reduce((total, row) => total + (row[name] ?? 0), 0));
    return [{
      cells: [
        ...[mode, String(deaths), String(lost.length)],
        ...[range(lost, "detectedMs"), range(lost, "dataBackMs"), range(lost, "controlBackMs")],
        ...[sum("recovered"), sum("lost"), sum("duplicates"), sum("reordered")],
      ],
    }];
  });
  if (rows.length === 0) return "<p>No broker died in these runs, or it was not recorded.</p>";
  return tableOf(
    [
      ...[{ head: "mode", text: true }, { head: "brokers killed" }, { head: "seen by subscribers" }],
      ...[{ head: "noticed [ms]" }, { head: "data back [ms]" }, { head: "control back [ms]" }],
      ...[{ head: "asked for again" }, { head: "lost" }, { head: "twice" }, { head: "out of order" }],
    ],
    rows,
    "Times after the last sign of the broker: median (largest) over the subscribers that saw the loss.",
  );
}

function range(rows: readonly FailoverRow[], name: "detectedMs" | "dataBackMs" | "controlBackMs"): string {
  const spread = spreadOf(rows.flatMap((row) => row[name] ?? []));
  return spread === undefined ? "–" : `${significant(spread.median)} (${significant(spread.max)})`;
}
