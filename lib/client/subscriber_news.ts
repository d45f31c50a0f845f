/** What a subscriber tells: to its user as events, to whoever reads its log as sentences, and to its broker. */
import { AsyncQueue, EVENTS_KEPT } from "../base/async_queue.ts";
import { monotonic, wallAt } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import type { ClientEvent, Failover } from "../model/client_options.ts";
import type { Matches } from "../model/match_set.ts";
import { MismatchNotices } from "../model/mismatch_notices.ts";
import { formatFailover, formatUnreached, TOLD_FAILOVERS } from "../model/zone_health.ts";
import { LossNotices } from "../stream/loss_notices.ts";
import type { StreamMatch } from "../wire/control.ts";
import type { Following } from "./following.ts";
import type { Links } from "./links.ts";
import type { Life, Missed } from "./matched_streams.ts";
import { announce, linksDown, UnreachedWatch } from "./unreached.ts";

const log = logger("subscriber");

export class SubscriberNews {
  readonly events = new AsyncQueue<ClientEvent>({ limit: EVENTS_KEPT });
  readonly #id: string;
  readonly #mismatches = new MismatchNotices();
  readonly #unreached = new UnreachedWatch();
  readonly #losses = new LossNotices((text, loss) => {
    this.warn(text);
    if (loss) this.events.push(loss);
  });
  readonly #failovers: string[] = [];

  /** @param id of the subscriber */
  constructor(id: string) {
    this.#id = id;
  }

  warn(text: string): void {
    log.warn(`${this.#id}: ${text}`);
  }

  matched({ topic, publisher, through }: StreamMatch): void {
    log.info(`${this.#id}: matched with publisher ${publisher} on topic ${topic}, through the ${through}`);
    this.events.push({ type: "matched", topic, peer: publisher });
  }

  unmatched({ topic, publisher }: StreamMatch): void {
    log.info(`${this.#id}: publisher ${publisher} of topic ${topic} is gone`);
    this.events.push({ type: "unmatched", topic, peer: publisher });
  }

  /** With whom it could be matched and is not. */
  mismatched(mismatches: Matches["mismatches"]): void {
    for (const { mismatch, text } of this.#mismatches.fresh(mismatches)) {
      this.warn(text);
      this.events.push({ type: "mismatch", mismatch, text });
    }
  }

  /** Numbers `from` to `to` of a stream will never come. */
  missed(type: Missed, life: Life, from: number, to: number, reason: string): void {
    const { topic, publisher, incarnation } = life;
    this.#losses.add(
      { type, topic, publisher, from, to, count: to - from + 1, reason },
      monotonic(),
      incarnation,
    );
  }

  /** What comes of a stream is dropped for an owner with this epoch. */
  fences({ match: { topic, publisher } }: Following, highest: bigint): void {
    this.warn(
      `drops what ${publisher} publishes on topic ${topic}: a later owner (epoch ${highest}) was heard before. ` +
        "If ZooKeeper was emptied since, start this subscriber again",
    );
  }

  /** A connection is lost. */
  lost(event: Failover["event"], what: string): void {
    this.warn(`lost the connection to ${event === "broker_lost" ? "broker" : "publisher"} ${what}`);
  }

  /** A loss is over. @param seen by the monotonic clock */
  failover(seen: Failover): void {
    const failover = { ...seen, time: wallAt(seen.time) };
    this.events.push({ type: "failover", failover });
    this.#failovers.unshift(formatFailover(failover));
    this.#failovers.length = Math.min(this.#failovers.length, TOLD_FAILOVERS);
  }

  /** Time has passed. @param streams those that are followed, over these links */
  look(now: number, streams: Iterable<Following>, links: Links): void {
    this.#losses.look(now);
    const news = this.#unreached.look(now, linksDown(streams), ({ endpoint }) => links.up(endpoint));
    announce(news, this.#id, log, this.events);
  }

  /** Nothing more is missed: tell what was not told yet. */
  settle(): void {
    this.#losses.settle(monotonic());
  }

  /** For its broker, which tells `status`. */
  forBroker(): { failovers: readonly string[]; unreached: string[] } {
    const unreached = this.#unreached.told(monotonic()).map(formatUnreached);
    return { failovers: this.#failovers, unreached };
  }
}
