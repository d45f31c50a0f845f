/**
 * What a run has to show: clients that end by themselves, a standby that leads, complete files, and the primary's
 * death in the middle. Pure but for reading the files.
 */
import { parseSamples, type Samples } from "./samples.ts";
import { completenessOf, faultsOf } from "./completeness.ts";
import type { Placement } from "./network.ts";
import { STANDBY_ID, type Workload } from "./plan.ts";
import type { Started } from "./processes.ts";
import type { Check } from "./run_record.ts";
import type { SystemState } from "./system_state.ts";

/** A process that should have run on has ended. */
export function exitedEarly({ name, result }: Started): Check {
  return { name: `${name} runs to the end`, pass: false, comment: `${name} ended with code ${result?.code}` };
}

/** Whether every client has ended by itself and well. `late`: they were asked to. */
export function clientsCheck(clients: readonly Started[], late: boolean): Check {
  const bad = clients.filter((client) => client.result?.code !== 0);
  const reasons = bad.map(({ name, result }) =>
    `${name}: ${result === undefined ? "still running" : `code ${result.code}`}`
  );
  if (late) reasons.unshift("they did not end in time and were asked to leave");
  return {
    name: "clients end by themselves",
    pass: reasons.length === 0,
    comment: reasons.join("; "),
  };
}

/** Whether the standby leads zone 1 and lives. */
export function takeoverCheck(state: SystemState | undefined, standby: Started): Check {
  const pass = state?.primary === STANDBY_ID && standby.result === undefined;
  return {
    name: "the standby leads",
    pass,
    comment: pass ? "" : `primary of zone 1: ${state?.primary ?? "none"}`,
  };
}

/** Looks at the subscribers' files: complete, and the primary's death in the middle of them. */
export async function fileChecks(
  data: string,
  placement: Placement,
  workload: Workload,
  death: number | undefined,
): Promise<Check[]> {
  const expected = {
    publishers: placement.publishers.length,
    topics: workload.topics.length,
    events: workload.events,
  };
  const checks: Check[] = [];
  let first = Infinity;
  let last = -Infinity;
  for (const [i] of placement.subscribers.entries()) {
    const name = `subscriber-${i + 1}`;
    const samples = await Deno.readTextFile(`${data}/${name}.csv`).then(parseSamples, () => undefined);
    const comment = samples === undefined ? "no file" : faultsOf(completenessOf(samples, expected));
    checks.push({ name: `${name} received everything`, pass: comment === "", comment });
    if (samples === undefined) continue;
    [first, last] = publishedBetween(samples, first, last);
  }
  if (workload.autokillSeconds !== null) checks.push(midRunCheck(death, first, last));
  return checks;
}

function publishedBetween(samples: Samples, first: number, last: number): [number, number] {
  for (let i = 0; i < samples.count; i++) {
    first = Math.min(first, samples.publishTime[i] as number);
    last = Math.max(last, samples.publishTime[i] as number);
  }
  return [first, last];
}

function midRunCheck(death: number | undefined, first: number, last: number): Check {
  const name = "the primary dies in mid-run";
  if (death === undefined) return { name, pass: false, comment: "it did not die" };
  const when = (death - first) / (last - first);
  const pass = when > 0 && when < 1;
  return {
    name,
    pass,
    comment: pass ? `after ${(when * 100).toFixed(0)} % of the publishing` : "outside the publishing",
  };
}
