/**
 * The report's tables as rows with named columns, and their CSV and JSON. Pure.
 */
import { csvRow } from "../base/csv.ts";
import { type Analysis, countRows, FAILOVER_MS } from "./analysis.ts";
import { formulaOf } from "./growth.ts";

/** A cell: null prints as nothing. */
export type Cell = string | number | null;

/** A table; every row has a value for each column. */
export interface Table {
  /** File name without its ending. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

const rounded = (value: number, digits = 6): number | null =>
  Number.isFinite(value) ? Number(value.toPrecision(digits)) : null;

/** Every table of the report. Latencies in milliseconds, as the columns say. */
export function tablesOf(analysis: Analysis): Table[] {
  return [
    countsTable(analysis),
    latencyTable(analysis),
    findingsTable(analysis),
    growthTable(analysis),
    failoverTable(analysis),
  ];
}

function countsTable({ runs }: Analysis): Table {
  const columns = [
    "mode",
    "network",
    "repeat",
    "subscriber",
    "expected",
    "received",
    "historical",
    "missing",
    "duplicates",
    "reordered",
  ] as const;
  const rows = countRows(runs).map((row) =>
    columns.map((column): Cell => {
      const value = row[column];
      return typeof value === "number" ? rounded(value, 12) : value;
    })
  );
  return { name: "counts", columns, rows };
}

function latencyTable({ results }: Analysis): Table {
  const measures = [
    "count",
    "min",
    "p25",
    "median",
    "p75",
    "p95",
    "p99",
    "max",
    "mean",
    "dispersion",
    "tail",
  ] as const;
  const unit = (name: string) => ["count", "dispersion", "tail"].includes(name) ? name : `${name}_ms`;
  const columns = [
    "mode",
    "network",
    "hosts",
    "clients",
    "repeat",
    "subscriber",
    "samples",
    ...measures.map(unit),
  ];
  const rows = results.flatMap((run) =>
    run.subscribers.flatMap((subscriber) =>
      (["all", "steady"] as const).map((kind) => [
        ...[run.mode, run.network, run.hosts, run.clients, run.repeat, subscriber.name],
        kind === "all" ? "all" : `outside ${FAILOVER_MS / 1000} s after a broker's death`,
        ...measures.map((measure) => rounded(subscriber[kind][measure])),
      ])
    )
  );
  return { name: "latency", columns, rows };
}

function findingsTable({ findings }: Analysis): Table {
  const columns = [
    "finding",
    "verdict",
    "claim",
    "statistic",
    "unit",
    "estimate",
    "low_95",
    "high_95",
    "decides",
    "reason",
  ];
  const rows = findings.flatMap((finding) => {
    const statistics = finding.statistics.length > 0 ? finding.statistics : [undefined];
    return statistics.map((statistic): Cell[] => [
      ...[finding.number, finding.verdict, finding.claim],
      ...statistic === undefined ? [null, null, null, null, null, null] : [
        statistic.label,
        statistic.unit,
        rounded(statistic.interval.estimate),
        rounded(statistic.interval.low),
        rounded(statistic.interval.high),
        statistic.decides ? "yes" : "no",
      ],
      finding.reason,
    ]);
  });
  return { name: "findings", columns, rows };
}

function growthTable({ growths }: Analysis): Table {
  const columns = [
    "mode",
    "model",
    "formula_ms",
    "rss",
    "r2",
    "aicc",
    "delta_aicc",
    "weight",
    "best_in_share_of_resamples",
  ];
  const rows = growths.flatMap(({ mode, fits, chosen }) =>
    fits.map((fit): Cell[] => [
      ...[mode, fit.model, formulaOf(fit)],
      ...[fit.rss, fit.r2, fit.aicc, fit.delta, fit.weight, chosen[fit.model]].map((value) => rounded(value)),
    ])
  );
  return { name: "growth", columns, rows };
}

function failoverTable({ runs }: Analysis): Table {
  const columns = [
    ...[
      "mode",
      "network",
      "repeat",
      "subscriber",
      "event",
      "what",
      "detected_ms",
      "data_back_ms",
      "control_back_ms",
    ],
    ...["recovered", "lost", "duplicates", "reordered"],
  ];
  const rows = runs.flatMap(({ key, failovers }) =>
    failovers.map((row): Cell[] => [
      ...[key.mode, key.network, key.repeat, row.subscriber, row.event, row.what],
      ...[row.detectedMs, row.dataBackMs, row.controlBackMs].map((value) =>
        value === null ? null : rounded(value)
      ),
      ...[row.recovered, row.lost, row.duplicates, row.reordered],
    ])
  );
  return { name: "failovers", columns, rows };
}

/** A table as CSV (RFC 4180, line feeds). */
export function toCsv({ columns, rows }: Table): string {
  return [columns, ...rows].map(csvRow).join("");
}

/** A table as JSON: an array of objects. */
export function toJson({ columns, rows }: Table): string {
  const objects = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] ?? null])));
  return JSON.stringify(objects, null, 1) + "\n";
}
