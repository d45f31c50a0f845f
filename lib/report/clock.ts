/**
 * What the latencies' clock was, in a few sentences. Pure.
 */
import type { StudyRun } from "./study.ts";

/** The statement about the clock for these runs. */
export function clockStatement(runs: readonly StudyRun[]): string {
  const recorded = runs.filter((run) => run.record.where !== undefined).length;
  const negative = runs.reduce((sum, run) => sum + negativeLatencies(run), 0);
  const origin = recorded === runs.length
    ? "All processes of a run shared one machine and one clock (Mininet hosts are namespaces of one kernel), so " +
      "publish and receive times need no correction; their resolution is a microsecond."
    : recorded === 0
    ? "Where these files were measured is not recorded. If publisher and subscriber ran on different machines, the " +
      "offset of their clocks is part of every latency; the keep-alives bound it by half their round trip."
    : `${recorded} of ${runs.length} runs are recorded as measured on one machine with one clock; of the others it is ` +
      "not known, and the offset of their clocks may be part of the latencies.";
  const impossible = negative === 0
    ? "No sample arrived before it was published."
    : `${negative} samples arrived before they were published by these clocks: they do not agree.`;
  return `${origin} ${impossible}${estimates(runs)}`;
}

/** The offsets that subscribers estimated from their keep-alives, the largest of them. */
function estimates(runs: readonly StudyRun[]): string {
  const all = runs.flatMap((run) => run.clocks);
  const largest = all.toSorted((one, other) => Math.abs(other.offsetMs) - Math.abs(one.offsetMs))[0];
  if (largest === undefined) return "";
  return ` By the keep-alives, the clocks of subscribers and brokers differ by at most ${
    Math.abs(largest.offsetMs).toFixed(3)
  } ms (${largest.subscriber}, known to ±${largest.boundMs.toFixed(3)} ms; ${all.length} estimates).`;
}

function negativeLatencies(run: StudyRun): number {
  return run.subscribers.reduce(
    (sum, { samples }) => sum + samples.latency.reduce((count, value) => count + (value < 0 ? 1 : 0), 0),
    0,
  );
}
