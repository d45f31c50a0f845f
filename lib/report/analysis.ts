/**
 * From what lies on disk to what the report says: results, findings, tables, remarks. Pure.
 */
import { completenessOf } from "../perf/completeness.ts";
import { hostsInName } from "../perf/network.ts";
import type { RunRecord } from "../perf/run_record.ts";
import { clockStatement } from "./clock.ts";
import { testFindings } from "./findings.ts";
import { type Growth, growths } from "./growth_findings.ts";
import type { Cell, RunResult, SubscriberResult } from "../perf/results.ts";
import { cellsOf, ofCell, resampleCell } from "../perf/results.ts";
import { liveLatencies, type Samples } from "../perf/samples.ts";
import { bootstrap, type Interval, spreadOf } from "../base/statistics.ts";
import type { Study, StudyRun } from "./study.ts";
import type { Finding } from "./verdict.ts";

/** Samples published so long after a broker's death belong to the failover: the session time-out and the election. */
export const FAILOVER_MS = 5000;
/** A death is seen a little after it happened. */
const BEFORE_DEATH_MS = 250;

/** A cell with the interval of its median. */
export interface CellMedian {
  readonly cell: Cell;
  readonly median: Interval;
}

/** What the report is made of. */
export interface Analysis {
  readonly runs: readonly StudyRun[];
  readonly results: readonly RunResult[];
  /** Those of `results` that the findings, the medians and the growth rest on: no check of theirs failed. */
  readonly counted: readonly RunResult[];
  readonly medians: readonly CellMedian[];
  readonly findings: readonly Finding[];
  readonly growths: readonly Growth[];
  readonly clock: string;
  readonly remarks: readonly string[];
}

/** Analyses a study. */
export function analyse(study: Study): Analysis {
  const results = study.runs.map(resultOf);
  const counted = results.filter((_, i) =>
    study.runs[i]?.record.checks?.every((check) => check.pass) ?? true
  );
  const medians = cellsOf(counted).map((cell) => ({
    cell,
    median: bootstrap(
      ofCell(cell, (subscriber) => subscriber.steady.median),
      (random) => ofCell(resampleCell(cell, random), (subscriber) => subscriber.steady.median),
    ),
  }));
  return {
    runs: study.runs,
    results,
    counted,
    medians,
    findings: testFindings(counted),
    growths: growths(counted),
    clock: clockStatement(study.runs),
    remarks: study.remarks,
  };
}

/** Whether a sample was published in the seconds after a broker's death. */
export function inFailover(samples: Samples, index: number, deaths: RunRecord["brokerDeaths"] = []): boolean {
  const time = samples.publishTime[index] as number;
  return deaths.some((death) => time > death.time - BEFORE_DEATH_MS && time < death.time + FAILOVER_MS);
}

function resultOf(run: StudyRun): RunResult {
  const { record, key } = run;
  const subscribers = run.subscribers.flatMap(({ name, samples }): SubscriberResult[] => {
    const all = spreadOf(liveLatencies(samples));
    const steady = spreadOf(liveLatencies(samples, (i) => !inFailover(samples, i, record.brokerDeaths)));
    // A run that is all failover says nothing about the steady state.
    return all === undefined || steady === undefined ? [] : [{ name, all, steady }];
  });
  return { ...key, hosts: hostsOf(run), clients: clientsOf(run), subscribers };
}

/** Publishers and subscribers: as recorded, else as seen in the files. */
export function clientsOf({ record, subscribers }: StudyRun): number {
  if (record.subscribers !== undefined && record.publishers !== undefined) {
    return record.subscribers + record.publishers;
  }
  return subscribers.length + new Set(subscribers.flatMap(({ samples }) => samples.publishers)).size;
}

/** Hosts: as recorded, else as the network's name says, else one for each client. */
export function hostsOf(run: StudyRun): number {
  return run.record.hosts ?? hostsInName(run.key.network) ?? clientsOf(run);
}

/** What one subscriber's file holds; expected and missing are NaN when the run was not recorded. */
export interface CountRow {
  readonly mode: string;
  readonly network: string;
  readonly repeat: number;
  readonly subscriber: string;
  readonly expected: number;
  readonly received: number;
  readonly historical: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly reordered: number;
}

/** The table of counts. */
export function countRows(runs: readonly StudyRun[]): CountRow[] {
  return runs.flatMap(({ key, record, subscribers }) =>
    subscribers.map(({ name, samples }) => {
      const recorded = record.publishers !== undefined && record.topics !== undefined &&
        record.events !== undefined;
      const counts = completenessOf(samples, {
        publishers: record.publishers ?? 0,
        topics: record.topics?.length ?? 0,
        events: record.events ?? 0,
      });
      return {
        mode: key.mode,
        network: key.network,
        repeat: key.repeat,
        subscriber: name,
        expected: recorded ? counts.expected : NaN,
        received: counts.received,
        historical: counts.historical,
        missing: recorded ? counts.missing : NaN,
        duplicates: counts.duplicates,
        reordered: counts.reordered,
      };
    })
  );
}
