/**
 * The end of a publisher: waits until its subscribers have everything, says who has not, and leaves word of where its
 * streams end for those who come back.
 *
 * With flow `wait` it waits as long as somebody makes progress, and without for as long as a slow subscriber is waited
 * for; with `drop` for two seconds at most.
 */
import type { Outlet } from "./outlet.ts";
import type { PublishedTopic } from "./published_topic.ts";
import { figuresOf } from "./published_topics.ts";
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
  readonly outlet: Pick<Outlet, "flush" | "woken">;
  readonly leaving: AbortSignal;
  /** Whether its flow is `wait`. */
  readonly waits: boolean;
  /** How long a subscriber that stands still is waited for, milliseconds. */
  readonly slowMs: number;
}

/** The farewell of one publisher. */
export class Farewell {
  readonly #leaver: Leaver;
  #drained: { published: number; report: DrainReport } | undefined;

  constructor(leaver: Leaver) {
    this.#leaver = leaver;
  }

  /** What reliable subscribers have not got at this moment. */
  get undelivered(): Undelivered[] {
    return [...this.#leaver.topics].flatMap(([topic, { stream }]) =>
      stream.flow.missing(stream.last).map((missing) => ({ topic, ...missing }))
    );
  }

  /** Wait until those who have joined have delivered everything published so far, or it is given up. */
  async drain(signal?: AbortSignal): Promise<DrainReport> {
    const { topics, outlet, leaving } = this.#leaver;
    outlet.flush();
    // What was waited for once in vain is not waited for again.
    const { published } = figuresOf(topics.values());
    if (this.#drained?.published === published) return this.#drained.report;
    const ending = signal === undefined ? leaving : AbortSignal.any([signal, leaving]);
    const report = await this.#settled(ending);
    if (!signal?.aborted) this.#drained = { published, report };
    return report;
  }

  /** Resolves when they have, when they were waited for long enough, or `ending` has aborted. */
  async #settled(ending: AbortSignal): Promise<DrainReport> {
    const { topics, outlet, waits, slowMs } = this.#leaver;
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
      if (settled || monotonic() >= end || ending.aborted) return this.#report();
      for (const stream of streams) stream.mark(monotonic(), ASK_MS, true);
      await outlet.woken();
    }
  }

  #report(): DrainReport {
    const missing = this.undelivered;
    const behind = [...new Set(missing.map(({ subscriber }) => subscriber))];
    return { complete: missing.length === 0, behind, missing };
  }

  /** Say who has not got what, and leave word of where the streams end for those who come back. */
  async tell(zk: ZooKeeper): Promise<void> {
    const { publisher, incarnation, topics, waits } = this.#leaver;
    const { undelivered } = this;
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
}
