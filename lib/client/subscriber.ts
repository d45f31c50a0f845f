/**
 * A subscriber: is matched by its broker, follows every matched stream over one link each (a publisher, or a
 * broker's egress), and hands out each stream's samples once and in order.
 *
 * Guarantee (reliable): every number of a stream from the join on is handed out or counted as lost, none twice, and
 * with exclusive ownership nothing of an owner after a later one was heard.
 *
 * When a link is lost, the streams move at once (`route.ts`) and ask for what they missed.
 *
 * Znodes: `/shared_state/subscribers/<id>`. Session suspended or lost: samples go on over the links that stand.
 */
import { monotonic, wallAt } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import { Lifecycle } from "../base/lifecycle.ts";
import { logger } from "../base/log.ts";
import { randomId } from "../base/names.ts";
import { given } from "../base/option_rules.ts";
import { type ClockEstimate, ControlClient, type Matches } from "../control/control_client.ts";
import { checkCommon, type CheckedOptions, type ClientEvent } from "../model/client_options.ts";
import { subscriberPath } from "../model/paths.ts";
import { FailoverLog, type Tally } from "../stream/failover_log.ts";
import type { Sample, SampleBatch } from "../wire/batch.ts";
import { CONTROL_VERSION, type SubscriberInfo } from "../wire/control.ts";
import { parseZkAddress } from "../zk/address.ts";
import { ZooKeeper } from "../zk/zookeeper.ts";
import { Departures } from "./departures.ts";
import type { Following } from "./following.ts";
import { Handout } from "./handout.ts";
import { Intake } from "./intake.ts";
import { Link, type LinkHandler } from "./link.ts";
import { Links } from "./links.ts";
import { MatchedStreams } from "./matched_streams.ts";
import { Repeats } from "./repeats.ts";
import {
  SUBSCRIBER_RULES,
  subscriberInfo,
  type SubscriberOptions,
  type SubscriberStats,
} from "./subscriber_options.ts";
import { SubscriberNews } from "./subscriber_news.ts";

const HOUSEKEEPING_MS = 250;
/** A broker that does not take our connection within this time, or that of the heartbeats, is taken for dead. */
const CONNECT_MS = 300;

const log = logger("subscriber");

/**
 * Receives samples about topics.
 *
 * @example
 * ```ts ignore
 * await using subscriber = new Subscriber({ zookeeper: "127.0.0.1:2181", topics: ["A"] });
 * await subscriber.start();
 * for await (const sample of subscriber) console.log(sample.topic, sample.sequence, sample.payload);
 * ```
 */
export class Subscriber implements AsyncDisposable, AsyncIterable<Sample> {
  /** Unique among subscribers. */
  readonly id: string;
  readonly #common: CheckedOptions;
  readonly #options: SubscriberOptions;
  readonly #info: SubscriberInfo;
  readonly #news: SubscriberNews;
  readonly #streams: MatchedStreams;
  readonly #links: Links;
  readonly #handout: Handout;
  readonly #repeats: Repeats;
  readonly #intake: Intake;
  readonly #departures: Departures;
  readonly #life: Lifecycle;
  readonly #failovers: FailoverLog;
  #zk: ZooKeeper | undefined;
  #control: ControlClient | undefined;
  #housekeeping: ReturnType<typeof setInterval> | undefined;

  /**
   * Checks the options, and begins nothing: that is {@link start}'s.
   *
   * @throws {UsageError} naming the option, its value and its rule.
   */
  constructor(options: SubscriberOptions) {
    this.#common = checkCommon("subscriber", () => randomId("sub"), options, SUBSCRIBER_RULES);
    this.#options = given(options, SUBSCRIBER_RULES);
    this.id = this.#common.id;
    this.#life = new Lifecycle(`Subscriber ${this.id}`);
    this.#news = new SubscriberNews(this.id);
    parseZkAddress(options.zookeeper);
    this.#info = subscriberInfo(this.#common, options);
    this.#handout = new Handout({
      shared: () => this.#streams.credit.shared,
      roomAgain: () => this.#roomAgain(),
    });
    this.#streams = new MatchedStreams(this.#info, this.#common.sessionTimeoutMs, this.#handout.room, {
      deliver: (following, batch) => this.#deliver(following, batch),
      missed: (...what) => this.#news.missed(...what),
      fenced: (topic, fence) => this.#intake.expect(topic, fence),
      forgotten: (following) => this.#intake.forget(following),
      warn: (text) => this.#news.warn(text),
    });
    this.#repeats = new Repeats(this.#streams);
    this.#intake = new Intake(this.id, this.#streams, this.#handout.room, this.#repeats);
    this.#departures = new Departures(this.id, this.#streams, () => this.#zk!);
    this.#links = new Links(this.#streams, Math.max(CONNECT_MS, this.#common.heartbeatTimeoutMs), {
      open: (endpoint) => this.#open(endpoint),
      retire: (link) => this.#life.own(link[Symbol.asyncDispose]()),
    });
    this.#failovers = new FailoverLog(
      (seen) => this.#news.failover(seen),
      (event, what) => this.#news.lost(event, what),
    );
  }

  /** Rejects when the subscriber cannot go on: rejected by the broker for good, or a fault of its own. */
  get failed(): Promise<never> {
    return this.#life.failed;
  }
  /** Zone it is registered in, 0 before that. */
  get zone(): number {
    return this.#control?.zone ?? 0;
  }
  /**
   * By how much the clock of its broker is ahead of ours and how far that may be wrong, milliseconds, estimated from
   * the keep-alives' round trips; undefined before the first one. No latency is corrected by it.
   */
  get clock(): ClockEstimate | undefined {
    return this.#control?.clock;
  }
  /** What happens, one loop at a time; the oldest are dropped when nobody reads. */
  events(): AsyncIterableIterator<ClientEvent, undefined> {
    return this.#news.events.loop();
  }

  /**
   * Register. Waits for ZooKeeper and a primary as long as it takes, and says so. Called again it is the same start.
   *
   * @param signal gives it up for good; of several starts the first one's counts
   * @throws the signal's reason; {PubsubError} when it is closed, before or meanwhile
   */
  start(signal?: AbortSignal): Promise<void> {
    return this.#life.start(signal, (step) => step(this.#start().recorded));
  }

  #start(): ControlClient {
    const { zookeeper, sessionTimeoutMs, heartbeatIntervalMs, heartbeatTimeoutMs } = this.#common;
    this.#zk = new ZooKeeper({ servers: zookeeper, sessionTimeoutMs });
    this.#intake.begin(this.#zk, this.#life.leaving);
    const control = this.#control = new ControlClient(this.#zk, {
      registration: { type: "register", v: CONTROL_VERSION, role: "subscriber", subscriber: this.#info },
      recordPath: subscriberPath(this.id),
      record: (zone) => JSON.stringify({ ...this.#info, zone }),
      zone: this.#options.zone,
      assignment: this.#options.assignment,
      stats: () => this.#controlStats(),
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
    });
    this.#life.own(this.#followControl(control));
    this.#life.own(control.ended);
    this.#housekeeping = setInterval(() => this.#keepHouse(), HOUSEKEEPING_MS);
    return control;
  }

  // --- samples out

  /**
   * The samples, one at a time, in order within each stream. Ends after {@link close}, with what had come by then.
   *
   * Who leaves the loop leaves it only: samples wait, publishers wait for us as long as for one who is slow, and another
   * loop goes on with the next sample. For good one leaves by {@link close}. One loop at a time.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Sample, undefined> {
    return this.#handout.samples();
  }

  /**
   * The samples as they came packed, or in pieces for one who takes slowly: consecutive ones of one stream. A batch
   * counts as delivered, and is acknowledged, when the next one is asked for, or the loop is left. For the
   * rest it is as with the samples.
   */
  batches(): AsyncIterableIterator<SampleBatch, undefined> {
    return this.#handout.batches();
  }

  /** What found no room before may be asked for now. */
  #roomAgain(): void {
    const now = monotonic();
    for (const { stream, link } of this.#streams) if (link?.up) stream.roomAgain(now);
    this.#repeats.arm();
  }

  #deliver(following: Following, batch: SampleBatch): void {
    const { topic, publisher } = batch;
    if (!this.#handout.put(following, batch)) return;
    const fence = this.#streams.fence(topic);
    if (fence.owner !== publisher && fence.highest > 0n) {
      if (fence.owner !== "") this.#failovers.ownerChanged(topic, fence.at, batch.receivedAt);
      fence.owner = publisher;
    }
    fence.at = batch.receivedAt;
    this.#failovers.delivered(following, batch.receivedAt);
  }

  // --- samples in

  readonly #handler: LinkHandler = {
    onMessages: (link, messages) => {
      const now = monotonic();
      const receiveTime = wallAt(now);
      for (const frames of messages) this.#intake.message(link.endpoint, frames[0]!, receiveTime, now);
    },
    onUp: (link) => {
      const now = monotonic();
      for (const { stream } of this.#links.on(link)) stream.connected(now);
      if (this.#links.route.concerns(link)) this.#reroute();
      this.#repeats.arm();
    },
    onDown: (link) => this.#linkLost(link),
  };

  // --- links

  #open(endpoint: string): Link {
    const link = new Link(endpoint, this.#handler, this.#common);
    this.#life.own(link.ended);
    return link;
  }

  /** Choose the links again and put every stream on the right one. */
  #reroute(): void {
    this.#links.choose(monotonic());
    this.#repeats.arm();
  }

  #linkLost(link: Link): void {
    const streams = this.#links.on(link).filter(({ removedAt }) => removedAt === undefined);
    const { active } = this.#links.route;
    const heard = link.heardAt || monotonic();
    if (streams.length > 0) {
      const isBroker = link === active;
      const what = isBroker ? link.endpoint : streams[0]!.match.publisher;
      const event = isBroker ? "broker_lost" : "publisher_lost";
      this.#failovers.lost(event, what, heard, monotonic(), streams, this.#tally());
    }
    if (link === active) this.#reroute();
  }

  // --- control

  async #followControl(control: ControlClient): Promise<void> {
    for await (const event of control.events()) {
      if (event.type === "matches") {
        this.#applyMatches(event.matches);
        continue;
      }
      this.#news.events.push(event);
      if (event.type === "left") this.#failovers.controlLost();
      if (event.type === "registered") this.#failovers.controlBack(monotonic());
    }
  }

  #applyMatches({ streams, mismatches }: Matches): void {
    const { matched, gone } = this.#streams.apply(streams, monotonic());
    for (const { match } of matched) this.#news.matched(match);
    for (const following of gone) {
      this.#failovers.left(following);
      this.#news.unmatched(following.match);
    }
    this.#news.mismatched(mismatches);
    const route = streams.find(({ through }) => through === "broker")?.endpoints;
    if (route !== undefined) this.#links.route.lead(route);
    this.#streams.divideCredit();
    this.#reroute();
  }

  #keepHouse(): void {
    const now = monotonic();
    for (const following of this.#streams) {
      if (!following.fencing.look(following.stream.counters, now)) continue;
      this.#news.fences(following, this.#streams.fence(following.match.topic).highest);
    }
    if (this.#departures.look(now)) {
      this.#streams.divideCredit();
      this.#links.closeUnused();
    }
    if (this.#links.route.active?.up === false) this.#reroute();
    this.#intake.look(now);
    this.#news.look(now, this.#streams, this.#links);
    this.#failovers.settle(monotonic(), this.#tally());
  }

  // --- figures

  #tally(): Tally {
    const { recovered, lost, duplicates, reordered } = this.stats();
    return { recovered, lost, duplicates, reordered };
  }

  #controlStats(): Record<string, unknown> {
    const { received, lost, recovered } = this.stats();
    return { received, lost, recovered, ...this.#news.forBroker() };
  }

  /** Counters since the start. */
  stats(): SubscriberStats {
    const { delivered, ...rest } = this.#streams.counts();
    return {
      received: delivered,
      ...rest,
      invalid: this.#intake.invalid,
      implausible: this.#intake.implausible,
      streams: this.#streams.size,
      zone: this.zone,
    };
  }

  // --- leaving

  /**
   * Leave: tell the publishers, unregister, end the iteration. Idempotent.
   *
   * @param farewell false for one that ends as it has failed: its publishers are to know that it has not got everything.
   */
  close(farewell = true): Promise<void> {
    return this.#life.close(() => Promise.resolve(), () => this.#takeDown(farewell));
  }

  async #takeDown(farewell: boolean): Promise<void> {
    clearInterval(this.#housekeeping);
    this.#repeats.close();
    this.#handout.leave();
    for (const following of this.#streams) {
      following.acknowledge();
      if (farewell) following.bye();
    }
    await this.#departures.settle();
    this.#news.settle();
    this.#failovers.settle(monotonic(), this.#tally(), true);
    this.#handout.close();
    await this.#control?.close().catch((error) => log.debug(`${this.id}: while leaving: ${reasonOf(error)}`));
    await this.#links.close();
    await this.#zk?.close();
    this.#news.events.close();
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
