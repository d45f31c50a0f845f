/** What was measured: the circumstances and the failovers. HTML, pure. */
import type { Analysis } from "../analysis.ts";
import { spreadOf } from "../../base/statistics.ts";
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
    ["other load", otherLoad(records.flatMap(({ loadBefore }) => loadBefore ?? []))],
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

/** How much else the machine had to do: with more than its cores, latencies are waiting times. */
function otherLoad(loads: readonly number[]): string {
  const spread = spreadOf(loads);
  if (spread === undefined) return "not recorded";
  return `one-minute load average before the runs: median ${spread.median.toFixed(1)}, at most ${
    spread.max.toFixed(1)
  }`;
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
