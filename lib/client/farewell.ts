/**
 * The end of a publisher: waits until its subscribers have everything, says who has not, and leaves word of where its
 * streams end for those who come back.
 *
 * With flow `wait` it waits as long as somebody makes progress, and without for as long as a slow subscriber is waited
 * for; with `drop` for two seconds at most.
 */
import type { Outlet } from "./outlet.ts";
import type { PublishedTopic } from "./published_topic.ts";
import { monotonic } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import { recordEnd } from "../recipes/ended_streams.ts";
import { type Undelivered, undeliveredLines } from "../stream/undelivered.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** With flow `drop`, how long the last samples are waited for, and how long without progress. */
const DROP_DRAIN_MS = 2000;
const DROP_PATIENCE_MS = 700;
/** Subscribers are asked how far they are so often. */
const ASK_MS = 100;

const log = logger("publisher");

/** How a {@link Publisher.drain} ended. */
export interface DrainReport {
  /** Whether every reliable subscriber that has joined has everything, those not waited for any more included. */
  complete: boolean;
  /** Ids of those that have not. */
  behind: string[];
  /** What each of them has not got. */
  missing: Undelivered[];
}

/** Who leaves. */
export interface Leaver {
  readonly publisher: string;
  readonly incarnation: number;
  readonly topics: ReadonlyMap<string, PublishedTopic>;
  readonly outlet: Outlet;
  /** Whether its flow is `wait`. */
  readonly waits: boolean;
  /** How long a subscriber that stands still is waited for, milliseconds. */
  readonly slowMs: number;
}

/** What reliable subscribers have not got at this moment. */
export function undeliveredOf(topics: ReadonlyMap<string, PublishedTopic>): Undelivered[] {
  return [...topics].flatMap(([topic, { stream }]) =>
    stream.flow.missing(stream.last).map((missing) => ({ topic, ...missing }))
  );
}

/** Wait until those who have joined have delivered everything published so far, or `ending` aborts. */
export async function drain(leaver: Leaver, ending: AbortSignal): Promise<DrainReport> {
  const { topics, outlet, waits, slowMs } = leaver;
  const patience = waits ? slowMs : DROP_PATIENCE_MS;
  const latest = waits ? Infinity : monotonic() + DROP_DRAIN_MS;
  let progress = -1;
  let end = 0;
  for (;;) {
    const streams = [...topics.values()].map(({ stream }) => stream);
    const now = streams.reduce((sum, { flow }) => sum + flow.progress, 0);
    if (now !== progress) end = Math.min(monotonic() + patience, latest);
    progress = now;
    const settled = streams.every((stream) => stream.flow.behind(stream.last).length === 0);
    if (settled || monotonic() >= end || ending.aborted) {
      const missing = undeliveredOf(topics);
      const behind = [...new Set(missing.map(({ subscriber }) => subscriber))];
      return { complete: missing.length === 0, behind, missing };
    }
    for (const stream of streams) stream.mark(monotonic(), ASK_MS, true);
    await outlet.woken();
  }
}

/** Say who has not got what, and leave word of where the streams end for those who come back. */
export async function tellOfUndelivered(leaver: Leaver, zk: ZooKeeper): Promise<void> {
  const { publisher, incarnation, topics, waits } = leaver;
  const undelivered = undeliveredOf(topics);
  if (undelivered.length === 0) return;
  const level = waits ? "error" : "warn";
  for (const text of undeliveredLines(undelivered)) log[level](`${publisher}: ${text}`);
  // Who has lost something knows of it.
  const open = undelivered.filter(({ samples, givenUp }) => samples > givenUp);
  if (open.length === 0) return;
  const names = [...new Set(open.map(({ topic }) => topic))];
  const streams = names.map((topic) => ({ topic, last: topics.get(topic)!.stream.last }));
  await recordEnd(zk, { publisher, incarnation, streams });
}
