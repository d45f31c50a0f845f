/**
 * Publishers that a subscriber is not matched with any more: when they are forgotten, and where their streams ended.
 *
 * Guarantee: one that is still heard is not forgotten, whatever became of its record, and what is missed of it is repaired;
 * of one that is forgotten it is known, if anybody has left word of it, how much of it is lost.
 */
import { monotonic } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { endOf } from "../recipes/ended_streams.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";
import type { Following } from "./following.ts";
import type { MatchedStreams } from "./matched_streams.ts";

/** A match that is gone: its holes and the subscription are given up after this time, as it may come back. */
const FORGET_AFTER_MS = 5000;
/** Publishers that are gone may have left word of where their streams ended: asked for at the end for so long. */
const ASK_END_MS = 1000;

const log = logger("subscriber");

export class Departures {
  readonly #id: string;
  readonly #streams: MatchedStreams;
  readonly #zk: () => ZooKeeper;

  /** @param id of the subscriber. @param zk where word is left */
  constructor(id: string, streams: MatchedStreams, zk: () => ZooKeeper) {
    this.#id = id;
    this.#streams = streams;
    this.#zk = zk;
  }

  /** Time has passed. @returns whether any was forgotten. */
  look(now: number): boolean {
    let forgot = false;
    for (const following of [...this.#streams]) {
      // One that publishes is there, whatever became of its record: what is missed of it is repaired, not given up.
      const gone = now - Math.max(following.removedAt ?? now, following.heardAt);
      if (gone <= FORGET_AFTER_MS) continue;
      following.asking ??= this.#askForEnd(following);
      if (!following.asked && gone <= 2 * FORGET_AFTER_MS) continue;
      this.#streams.forget(following);
      forgot = true;
    }
    return forgot;
  }

  /** Whether a publisher that is gone has left word of where its stream ended. Never rejects. */
  async #askForEnd(following: Following): Promise<void> {
    const askedAt = monotonic();
    let end: number | undefined;
    try {
      const { topic, publisher, incarnation } = following.match;
      end = await endOf(this.#zk(), { topic, publisher, incarnation });
    } catch (error) {
      log.debug(`${this.#id}: where a stream ended: ${reasonOf(error)}`);
    }
    // It may have been heard again meanwhile: then that was too early.
    if (following.heardAt > askedAt || following.removedAt === undefined) return;
    following.end = end;
    following.asked = true;
  }

  /** At the end: count what will never come, as far as it is known. */
  async settle(): Promise<void> {
    const gone = [...this.#streams].filter(({ removedAt }) => removedAt !== undefined);
    const asking = gone.map((following) => following.asking ??= this.#askForEnd(following));
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, ASK_END_MS);
    await Promise.race([Promise.all(asking), late.promise]);
    clearTimeout(timer);
    this.#streams.abandon();
  }
}
