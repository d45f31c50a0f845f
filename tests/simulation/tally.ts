/** What a run has met with: that nothing was broken says something only of what there was. */
import { Subscriber } from "../../lib/client/subscriber.ts";
import type { Party } from "./party.ts";
import type { System } from "./system.ts";

/** Samples, over all subscribers, and other things by their number. */
export interface Tally {
  /** Handed out as history. */
  historical: number;
  /** Asked for again, and handed out. */
  recovered: number;
  /** Received again, and dropped. */
  repeated: number;
  /** Found no room. */
  refused: number;
  /** Lost to reliable subscribers. */
  lost: number;
  /** Lost to best-effort ones. */
  lostAtOnce: number;
  /** Dropped for a later owner. */
  fenced: number;
  /** Subscribers that a publisher did not wait for any more. */
  slow: number;
}

/** Of a whole run. */
export function tallyOf({ parties }: System): Tally {
  const tally: Tally = {
    ...{ historical: 0, recovered: 0, repeated: 0, refused: 0, lost: 0, lostAtOnce: 0, fenced: 0, slow: 0 },
  };
  for (const party of parties) add(tally, party);
  return tally;
}

/** Both together. */
export function sumOf(one: Tally, other: Tally): Tally {
  const sum = { ...one };
  for (const name of Object.keys(sum) as (keyof Tally)[]) sum[name] += other[name];
  return sum;
}

function add(tally: Tally, { program, role, wasSlow }: Party): void {
  tally.slow += wasSlow.size;
  if (!(program instanceof Subscriber)) return;
  const stats = program.stats();
  for (const name of ["historical", "recovered", "repeated", "refused", "fenced"] as const) {
    tally[name] += stats[name];
  }
  tally[role.bestEffort ? "lostAtOnce" : "lost"] += stats.lost;
}
