/** What a demonstration's subscribers brought home: read from their logs, latency files and event files. Pure. */
import type { Failover } from "../model/client_options.ts";

/** The summary line of a subscriber, as numbers. */
export interface Summary {
  received: number;
  historical: number;
  lost: number;
  duplicates: number;
  recovered: number;
}

/** One row of a latency file. */
export interface Row {
  publisher: string;
  topic: string;
  latencyMs: number;
  sequence: number;
  receiveTime: number;
  historical: boolean;
}

/** A promise of the demonstration, and whether it was kept. */
export interface Promised {
  what: string;
  kept: boolean;
  /** What was seen. */
  seen: string;
}

/** The last summary line in a log; undefined when there is none. */
export function summaryIn(log: string): Summary | undefined {
  const line = log.split("\n").findLast((text) => text.startsWith("summary "));
  if (line === undefined) return undefined;
  const fields = new Map(line.split(" ").slice(1).map((field) => field.split("=") as [string, string]));
  const number = (name: string) => Number(fields.get(name));
  return {
    received: number("received"),
    historical: number("historical"),
    lost: number("lost"),
    duplicates: number("duplicates"),
    recovered: number("recovered"),
  };
}

/** The rows of a latency file, by the names in its header. No value of the demonstration has a comma in it. */
export function rowsOf(csv: string): Row[] {
  const [header = "", ...lines] = csv.trimEnd().split("\n");
  const names = header.split(",");
  const column = (name: string) => names.indexOf(name);
  const [publisher, topic, total, sequence, receive, historical] = [
    "publisher",
    "topic",
    "total_time_seconds",
    "sequence",
    "receive_time",
    "historical",
  ].map(column) as [number, number, number, number, number, number];
  return lines.map((line) => line.split(",")).map((cells) => ({
    publisher: cells[publisher]!,
    topic: cells[topic]!,
    latencyMs: Number(cells[total]) * 1000,
    sequence: Number(cells[sequence]),
    receiveTime: Number(cells[receive]),
    historical: cells[historical] === "1",
  }));
}

/**
 * Holes and doubles in what was delivered, counted from the rows alone: a second opinion on the subscriber's own
 * counters.
 */
export function checkNumbers(rows: readonly Row[]): { holes: number; doubles: number } {
  const last = new Map<string, number>();
  let holes = 0;
  let doubles = 0;
  for (const { publisher, topic, sequence } of rows) {
    const stream = `${publisher}\0${topic}`;
    const before = last.get(stream);
    if (before !== undefined && sequence <= before) doubles++;
    else {
      if (before !== undefined) holes += sequence - before - 1;
      last.set(stream, sequence);
    }
  }
  return { holes, doubles };
}

/** The longest time between two rows, milliseconds. */
export function longestSilence(rows: readonly Row[]): number {
  let longest = 0;
  for (let i = 1; i < rows.length; i++) {
    longest = Math.max(longest, rows[i]!.receiveTime - rows[i - 1]!.receiveTime);
  }
  return longest;
}

/** A quantile of the live rows' latencies, milliseconds; NaN when there are none. */
export function latencyQuantile(rows: readonly Row[], quantile: number): number {
  const live = rows.filter(({ historical }) => !historical).map(({ latencyMs }) => latencyMs);
  live.sort((a, b) => a - b);
  return live[Math.min(live.length - 1, Math.floor(quantile * live.length))] ?? Number.NaN;
}

const LOSSES: readonly string[] = ["broker_lost", "publisher_lost", "owner_changed"];

/** The failovers of an event file. */
export function failoversIn(jsonl: string): Failover[] {
  return jsonl.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Failover)
    .filter(({ event }) => LOSSES.includes(event));
}

/** The time of the first log line that matches, milliseconds since the epoch; undefined without one. */
export function timeOf(log: string, pattern: RegExp): number | undefined {
  const line = log.split("\n").find((text) => pattern.test(text));
  return line === undefined ? undefined : Date.parse(line.slice(0, line.indexOf(" ")));
}
