/**
 * What the findings are computed from: per run and subscriber, how the latencies spread. Pure types and grouping.
 *
 * The unit that repeats is the run: samples of one run share its conditions, so intervals come from resampling runs
 * and, within a run, subscribers; never from resampling samples as if each were independent.
 */
import type { Spread } from "../base/statistics.ts";
import { median } from "../base/statistics.ts";
import { type Random, resample } from "../base/random.ts";

/** How samples travel. */
export const MODES = ["direct", "centralized"] as const;
export type Mode = (typeof MODES)[number];

/** One subscriber of one run. */
export interface SubscriberResult {
  readonly name: string;
  /** Every live sample. */
  readonly all: Spread;
  /** Live samples published outside the seconds after a broker's death. */
  readonly steady: Spread;
}

/** One run: a network, a mode, one repeat. */
export interface RunResult {
  readonly mode: Mode;
  readonly network: string;
  readonly hosts: number;
  /** Publishers and subscribers together. */
  readonly clients: number;
  readonly repeat: number;
  readonly subscribers: readonly SubscriberResult[];
}

/** Which number of a subscriber is looked at. */
export type Measure = (subscriber: SubscriberResult) => number;

/** The repeats of one network in one mode. */
export interface Cell {
  readonly mode: Mode;
  readonly network: string;
  readonly hosts: number;
  readonly clients: number;
  readonly runs: readonly RunResult[];
}

/** The runs grouped by mode and network, smallest network first. Runs without any subscriber's data are left out. */
export function cellsOf(runs: readonly RunResult[]): Cell[] {
  const cells = new Map<string, Cell>();
  for (const run of runs.filter((each) => each.subscribers.length > 0)) {
    const key = `${run.mode}/${run.network}`;
    const { mode, network, hosts, clients } = run;
    cells.set(key, { mode, network, hosts, clients, runs: [...(cells.get(key)?.runs ?? []), run] });
  }
  return [...cells.values()].sort((one, other) =>
    one.clients - other.clients || one.hosts - other.hosts || (one.network < other.network ? -1 : 1)
  );
}

/** One number for a run: the median over its subscribers. */
export function ofRun(run: RunResult, measure: Measure): number {
  return median(run.subscribers.map(measure));
}

/** One number for a cell: the median over all subscribers of all repeats. */
export function ofCell(cell: Cell, measure: Measure): number {
  return median(cell.runs.flatMap((run) => run.subscribers.map(measure)));
}

/** A cell as another experiment might have given it: repeats drawn anew, subscribers drawn anew in each. */
export function resampleCell(cell: Cell, random: Random): Cell {
  const runs = resample(cell.runs, random)
    .map((run) => ({ ...run, subscribers: resample(run.subscribers, random) }));
  return { ...cell, runs };
}
