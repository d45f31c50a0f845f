/** Results of benchmark runs as text, Markdown and CSV. Pure. */
import { csvRow } from "../base/csv.ts";
import { median } from "../base/statistics.ts";
import type { JobResult, Shape } from "./job.ts";

/** 1.93 M, 45.0 k, 812. */
export function rateText(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`;
  if (perSecond >= 1e4) return `${(perSecond / 1e3).toFixed(1)} k`;
  return perSecond.toFixed(0);
}

/** Bytes in MiB. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** `1 publisher → 4 subscribers, 64 B, at full speed`. */
export function shapeText({ publishers, subscribers, payloadBytes, rate }: Shape): string {
  const people = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
  const speed = rate === 0 ? "at full speed" : `${rate} samples/s${publishers > 1 ? " each" : ""}`;
  return `${people(publishers, "publisher")} → ${
    people(subscribers, "subscriber")
  }, ${payloadBytes} B, ${speed}`;
}

/** Whether every sample came once, in order, unchanged; else what did not. */
export function checkText(result: JobResult): string {
  const { missing, repeated, corrupt } = result;
  if (missing + repeated + corrupt === 0) return "all samples checked";
  return `${missing} missing, ${repeated} repeated, ${corrupt} damaged`;
}

/** One run as one line. */
export function resultLine(result: JobResult): string {
  const { groups, latency, latencyFromSent } = result;
  const parts = [
    `${rateText(result.perSubscriber)} samples/s per subscriber`,
    `CPU ${result.cpuPerMillion.toFixed(2)} s per million deliveries (publishers ${
      groups.publishers.cpuPerMillion.toFixed(2)
    }, servers ${groups.servers.cpuPerMillion.toFixed(2)}, subscribers ${
      groups.subscribers.cpuPerMillion.toFixed(2)
    })`,
    `memory ${mebibytes(groups.publishers.peakBytes)} + ${mebibytes(groups.servers.peakBytes)} + ${
      mebibytes(groups.subscribers.peakBytes)
    }`,
  ];
  for (const [name, figures] of [["due", latency], ["sent", latencyFromSent]] as const) {
    if (!figures) continue;
    const { p50, p99, p999, max } = figures;
    parts.push(`latency since ${name} p50 ${p50} p99 ${p99} p99.9 ${p999} max ${max} µs`);
  }
  parts.push(checkText(result));
  return parts.join("; ");
}

/** Figures of one run by name, in the order of the CSV's columns. */
export function flatResult(result: JobResult): Record<string, string | number> {
  const { shape, groups, latency, latencyFromSent } = result;
  return {
    system: result.system,
    publishers: shape.publishers,
    subscribers: shape.subscribers,
    payload_bytes: shape.payloadBytes,
    rate: shape.rate === 0 ? "max" : shape.rate,
    seconds: shape.seconds,
    samples_per_second_per_subscriber: Math.round(result.perSubscriber),
    published: result.published,
    received: result.received,
    missing: result.missing,
    repeated: result.repeated,
    corrupt: result.corrupt,
    cpu_seconds_per_million: rounded(result.cpuPerMillion, 3),
    cpu_publishers: rounded(groups.publishers.cpuPerMillion, 3),
    cpu_servers: rounded(groups.servers.cpuPerMillion, 3),
    cpu_subscribers: rounded(groups.subscribers.cpuPerMillion, 3),
    peak_bytes_publishers: groups.publishers.peakBytes,
    peak_bytes_servers: groups.servers.peakBytes,
    peak_bytes_subscribers: groups.subscribers.peakBytes,
    latency_p50_us: latency?.p50 ?? "",
    latency_p99_us: latency?.p99 ?? "",
    latency_p999_us: latency?.p999 ?? "",
    latency_max_us: latency?.max ?? "",
    latency_from_sent_p50_us: latencyFromSent?.p50 ?? "",
    latency_from_sent_p99_us: latencyFromSent?.p99 ?? "",
    latency_from_sent_p999_us: latencyFromSent?.p999 ?? "",
    latency_from_sent_max_us: latencyFromSent?.max ?? "",
  };
}

/** Rows under one header. */
export function csv(rows: Record<string, string | number>[]): string {
  const [first] = rows;
  if (!first) return "";
  return [Object.keys(first), ...rows.map((row) => Object.values(row))].map(csvRow).join("");
}

/** A Markdown table. */
export function markdown(header: string[], rows: string[][]): string {
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |\n`).join("");
}

/** `median (lowest–highest)` of several runs. */
export function spreadText(values: number[], text: (value: number) => string): string {
  const middle = text(median(values));
  if (values.length < 2) return middle;
  return `${middle} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
