/**
 * Whether a publisher owns its topics: contends for each, and tells of every change, told by the recipe or seen by the
 * clock when a lease has run out.
 */
import type { Outlet } from "./outlet.ts";
import type { PublishedTopic } from "./published_topic.ts";
import { monotonic } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import { TopicOwnership } from "../recipes/ownership.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

const log = logger("publisher");

/** Who contends. */
export interface Contender {
  readonly publisher: string;
  readonly strength: number;
  /** Whether samples of a topic that somebody else owns wait. */
  readonly waits: boolean;
  /** Who waits there looks again when something has become of a topic. */
  readonly outlet: Pick<Outlet, "wake">;
  readonly leaving: AbortSignal;
}

/** What becomes of a topic. */
export type OwnerEvent = { type: "owner"; topic: string; epoch: bigint } | {
  type: "not_owner";
  topic: string;
};

/** The ownership of one publisher's topics. */
export class TopicOwners {
  readonly #contender: Contender;
  readonly #onEvent: (event: OwnerEvent) => void;

  constructor(contender: Contender, onEvent: (event: OwnerEvent) => void) {
    this.#contender = contender;
    this.#onEvent = onEvent;
  }

  /** Contend for a topic from now on. Ends when its ownership is closed. */
  async contend(zk: ZooKeeper, entry: PublishedTopic): Promise<void> {
    const { publisher, strength } = this.#contender;
    const ownership = new TopicOwnership(zk, entry.stream.topic, { publisher, strength });
    entry.ownership = ownership;
    for await (const _change of ownership.changes()) this.notice(entry);
  }

  /** Tell of a change, if there is one. */
  notice(entry: PublishedTopic): void {
    const { publisher, waits, leaving } = this.#contender;
    const { topic } = entry.stream;
    const epoch = entry.news();
    if (epoch === undefined) return;
    entry.lease(monotonic());
    if (epoch > 0n) {
      log.info(`${publisher}: owns topic ${topic}, epoch ${epoch}`);
      this.#tell({ type: "owner", topic, epoch });
    } else if (!leaving.aborted) {
      const what = waits ? "held back" : "suppressed";
      log.info(`${publisher}: does not own topic ${topic}: its samples are ${what}`);
      this.#tell({ type: "not_owner", topic });
    }
  }

  #tell(event: OwnerEvent): void {
    this.#onEvent(event);
    this.#contender.outlet.wake();
  }
}
