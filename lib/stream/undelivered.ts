/** What subscribers have not got when a publisher ends, for people. Pure. */
import type { Missing } from "./debts.ts";

/** Subscribers that are named at the end for what they have not got. */
const TOLD_UNDELIVERED = 20;

/** Samples of a topic that a subscriber has not got. */
export interface Undelivered extends Missing {
  /** The topic. */
  topic: string;
}

/** For people, one line a subscriber and topic; of many the first ones and a sum. */
export function undeliveredLines(undelivered: readonly Undelivered[]): string[] {
  const lines = undelivered.slice(0, TOLD_UNDELIVERED).map(undeliveredLine);
  const rest = undelivered.slice(TOLD_UNDELIVERED);
  if (rest.length === 0) return lines;
  const samples = rest.reduce((sum, { samples }) => sum + samples, 0);
  return [...lines, `${rest.length} more have not got ${samples} samples`];
}

function undeliveredLine({ subscriber, topic, samples, givenUp, from, to }: Undelivered): string {
  const who = subscriber || "others";
  if (givenUp === samples) {
    return `${who} has lost ${samples} samples of topic ${topic} (among ${from} to ${to})`;
  }
  if (givenUp === 0) {
    return `${who} has not acknowledged ${samples} samples of topic ${topic} (${from} to ${to})`;
  }
  const open = samples - givenUp;
  return `${who} has lost ${givenUp} and not acknowledged ${open} samples of topic ${topic} (among ${from} to ${to})`;
}
