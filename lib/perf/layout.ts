/**
 * Where a performance run keeps its files. Pure.
 *
 *     data/<mode>/<network>/subscriber-<i>.csv, subscriber-<i>.events.jsonl, run.json
 *     logs/<mode>/<network>/<role>.log
 *     test_results/<mode>/<network>.csv             pass,fail,comments,repeat: one row a repeat
 *     plots/<mode>/<network>/subscriber-<i>-{line,box}.svg, plots/<mode>/latency.svg, …   by `pubsub report`
 *
 * The second and later repeats of a run are in `repeat-<r>/` below its directory.
 */
import type { Mode } from "./results.ts";

/** Which run. */
export interface RunKey {
  readonly mode: Mode;
  readonly network: string;
  /** From 1. */
  readonly repeat: number;
}

/** Description of one run, beside its data. */
export const RUN_FILE = "run.json";

function below(top: string, root: string, { mode, network, repeat }: RunKey): string {
  return `${root}/${top}/${mode}/${network}${repeat === 1 ? "" : `/repeat-${repeat}`}`;
}

/** Directory of a run's CSV files. */
export const dataDirectory = (root: string, key: RunKey): string => below("data", root, key);
/** Directory of a run's logs. */
export const logDirectory = (root: string, key: RunKey): string => below("logs", root, key);
/** Directory of a run's pictures. */
export const plotDirectory = (root: string, key: RunKey): string => below("plots", root, key);
/** The table of a network's results. */
export const resultsFile = (root: string, key: Pick<RunKey, "mode" | "network">): string =>
  `${root}/test_results/${key.mode}/${key.network}.csv`;
