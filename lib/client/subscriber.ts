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
import { AsyncQueue, EVENTS_KEPT } from "../base/async_queue.ts";
import { Lifecycle } from "../base/lifecycle.ts";
import { checkCommon, type CheckedOptions, checkTopics, CLIENT_RULES } from "../model/client_options.ts";
import type { ClientEvent, ClientOptions } from "../model/client_options.ts";
import { monotonic, wallAt } from "../base/clock.ts";
import { type ClockEstimate, ControlClient, type Matches } from "../control/control_client.ts";
import { endOf } from "../recipes/ended_streams.ts";
import { FormatError, reasonOf } from "../base/errors.ts";
import { FailoverLog, type Tally } from "../stream/failover_log.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { Following } from "./following.ts";
import { Link, type LinkHandler } from "./link.ts";
import { Links } from "./links.ts";
import { MatchedStreams, type Missed } from "./matched_streams.ts";
import { logger } from "../base/log.ts";
import { given, oneOf, type Rules, whole, yesOrNo } from "../base/option_rules.ts";
import { LossNotices } from "../stream/loss_notices.ts";
import { MismatchNotices } from "../model/mismatch_notices.ts";
import { randomId, randomIncarnation } from "../base/names.ts";
import { subscriberPath } from "../model/paths.ts";
import { costOf, Room } from "../stream/room.ts";
import { Delivery } from "../stream/delivery.ts";
import { decodeBatch, Flag, type Sample, type SampleBatch } from "../wire/batch.ts";
import { CONTROL_VERSION, type SubscriberInfo } from "../wire/control.ts";
import { keyLength } from "../wire/key.ts";
import { parseZkAddress } from "../zk/address.ts";
import { ZooKeeper } from "../zk/zookeeper.ts";
import { TopicEpochs } from "./topic_epochs.ts";
import { announce, linksDown, type Unreached, UnreachedWatch } from "./unreached.ts";
import { giveBack } from "../zmq/socket.ts";
import { formatFailover, formatUnreached, TOLD_FAILOVERS } from "../model/zone_health.ts";

/** Acknowledgements that are not urgent wait so long for more. */
const ACKNOWLEDGE_AFTER_MS = 20;
const HOUSEKEEPING_MS = 250;
/** A broker that does not take our connection within this time, or that of the heartbeats, is taken for dead. */
const CONNECT_MS = 300;
/** A match that is gone: its holes and the subscription are given up after this time, as it may come back. */
const FORGET_AFTER_MS = 5000;
/** Publishers that are gone may have left word of where their streams ended: asked for at the end for so long. */
const ASK_END_MS = 1000;
/** That there is no room is said once in so long. */
const SAY_AGAIN_MS = 10_000;

const log = logger("subscriber");

/** Options of a subscriber. */
export interface SubscriberOptions extends ClientOptions {
  /** Samples before joining that are wanted of each stream: at most what a publisher offers. Default 1. */
  history?: number | undefined;
  /** Receive through brokers. Default: the broker decides. */
  centralized?: boolean | undefined;
  /** Whether gaps are repaired and publishers wait for us. Default reliable. */
  reliability?: "reliable" | "best-effort" | undefined;
}

const RULES: Rules<SubscriberOptions> = {
  ...CLIENT_RULES,
  history: whole("history", 0, 0xffffffff),
  centralized: yesOrNo("centralized"),
  reliability: oneOf("reliability", "reliable", "best-effort"),
};

/** What waits to be taken, and how many numbers of its stream were given up before it. */
interface Waiting {
  readonly following: Following;
  readonly batch: SampleBatch;
  readonly givenUp: number;
}

/** Counters since the start. */
export interface SubscriberStats extends Tally {
  /** Samples that came in order and were handed out, or wait to be; history too. */
  received: number;
  /** Of these, published before we joined. */
  historical: number;
  /** Received again and dropped: overlaps of live samples and answers, normal after a reconnect. */
  repeated: number;
  /** Dropped because a later owner of the topic had been heard. */
  fenced: number;
  /** Dropped as too much waited to be taken, and asked for again later: each time they were. */
  refused: number;
  /** Messages that were not of this system. */
  invalid: number;
  /** Messages not believed: with numbers that their publisher cannot have reached, or epochs never given. */
  implausible: number;
  /** Streams that are followed now: topics of publishers. */
  streams: number;
  /** Zone it is registered in, 0 before that. */
  zone: number;
}

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
  readonly #events = new AsyncQueue<ClientEvent>({ limit: EVENTS_KEPT });
  readonly #queue = new AsyncQueue<Waiting>();
  readonly #delivery = new Delivery<Waiting>(this.#queue, {
    opened: (waiting) => this.#opened(waiting),
    taken: (waiting, samples, whole) => this.#taken(waiting, samples, whole),
  }, monotonic);
  readonly #streams: MatchedStreams;
  readonly #links: Links;
  readonly #acknowledgements = new Acknowledgements();
  readonly #notices = new MismatchNotices();
  readonly #unreached = new UnreachedWatch();
  readonly #life: Lifecycle;
  readonly #failovers: FailoverLog;
  readonly #losses = new LossNotices((text, loss) => {
    log.warn(`${this.id}: ${text}`);
    if (loss) this.#events.push(loss);
  });
  /** As the broker is told of them. */
  readonly #lastFailovers: string[] = [];
  /** For what is not taken yet. */
  readonly #room = new Room();
  #toldOfRoom = -Infinity;
  #invalid = 0;
  #implausible = 0;
  #zk: ZooKeeper | undefined;
  #epochs: TopicEpochs<Following> | undefined;
  #control: ControlClient | undefined;
  #housekeeping: ReturnType<typeof setInterval> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retryAt = Infinity;

  /**
   * Checks the options, and begins nothing: that is {@link start}'s.
   *
   * @throws {UsageError} naming the option, its value and its rule.
   */
  constructor(options: SubscriberOptions) {
    this.#common = checkCommon("subscriber", () => randomId("sub"), options, RULES);
    this.#options = given(options, RULES);
    this.id = this.#common.id;
    this.#life = new Lifecycle(`Subscriber ${this.id}`);
    parseZkAddress(options.zookeeper);
    this.#info = {
      id: this.id,
      topics: checkTopics(options.topics),
      address: this.#common.address ?? "",
      ownership: options.ownership ?? "exclusive",
      incarnation: randomIncarnation(),
      requested: options.history ?? 1,
      reliability: options.reliability ?? "reliable",
      ...(options.centralized === undefined ? {} : { centralized: options.centralized }),
    };
    this.#streams = new MatchedStreams(this.#info, this.#common.sessionTimeoutMs, this.#room, {
      deliver: (following, batch) => this.#deliver(following, batch),
      missed: (...what) => this.#missed(...what),
      fenced: (topic, fence) => this.#epochs!.expect(topic, fence),
      forgotten: (following) => this.#epochs?.forget(following),
      warn: (text) => log.warn(`${this.id}: ${text}`),
    });
    this.#links = new Links(this.#streams, Math.max(CONNECT_MS, this.#common.heartbeatTimeoutMs), {
      open: (endpoint) => this.#open(endpoint),
      retire: (link) => this.#life.own(link[Symbol.asyncDispose]()),
    });
    this.#failovers = new FailoverLog((seen) => {
      const failover = { ...seen, time: wallAt(seen.time) };
      this.#events.push({ type: "failover", failover });
      this.#lastFailovers.unshift(formatFailover(failover));
      this.#lastFailovers.length = Math.min(this.#lastFailovers.length, TOLD_FAILOVERS);
    }, (event, what) => {
      log.warn(
        `${this.id}: lost the connection to ${event === "broker_lost" ? "broker" : "publisher"} ${what}`,
      );
    });
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
    return this.#events.loop();
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
    this.#epochs = new TopicEpochs<Following>(this.#zk, this.#life.leaving, this.#room, {
      streamsOf: (topic) => this.#streams.of(topic),
      receive: (following, batch, now) => this.#receive(following, batch, now),
      askAgain: ({ stream, link }, now) => {
        if (link?.up) stream.connected(now);
        this.#armFor(stream.wakeAt);
      },
      drop: ({ bytes }) => giveBack(bytes),
      say: (text) => log.warn(`${this.id}: ${text}`),
    });
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
    return this.#delivery.samples();
  }

  /**
   * The samples as they came packed, or in pieces for one who takes slowly: consecutive ones of one stream. A batch
   * counts as delivered, and is acknowledged, when the next one is asked for, or the loop is left. For the
   * rest it is as with the samples.
   */
  batches(): AsyncIterableIterator<SampleBatch, undefined> {
    return this.#delivery.batches();
  }

  #opened({ batch }: Waiting): void {
    this.#room.queue(-costOf(batch));
    if (this.#room.wanted && this.#room.mayAsk) this.#roomAgain();
  }

  #taken({ following, givenUp }: Waiting, samples: SampleBatch, whole: boolean): void {
    if (whole) following.waiting--;
    const due = following.taken(samples, givenUp, this.#streams.credit.shared);
    if (due === "later") this.#acknowledgements.within(following, ACKNOWLEDGE_AFTER_MS);
    else if (due === "soon") this.#acknowledgements.soon(following);
  }

  /** What found no room before may be asked for now. */
  #roomAgain(): void {
    this.#room.wanted = false;
    const now = monotonic();
    for (const { stream, link } of this.#streams) if (link?.up) stream.roomAgain(now);
    this.#arm();
  }

  #deliver(following: Following, batch: SampleBatch): void {
    const { topic, publisher } = batch;
    if (this.#queue.closed) return;
    const fence = this.#streams.fence(topic);
    if (fence.owner !== publisher && fence.highest > 0n) {
      if (fence.owner !== "") this.#failovers.ownerChanged(topic, fence.at, batch.receivedAt);
      fence.owner = publisher;
    }
    fence.at = batch.receivedAt;
    this.#failovers.delivered(following, batch.receivedAt);
    this.#room.queue(costOf(batch));
    following.waiting++;
    this.#queue.push({ following, batch, givenUp: following.stream.givenUp });
  }

  #missed(
    type: Missed,
    topic: string,
    publisher: string,
    from: number,
    to: number,
    reason: string,
  ): void {
    this.#losses.add({ type, topic, publisher, from, to, count: to - from + 1, reason }, monotonic());
  }

  // --- samples in

  readonly #handler: LinkHandler = {
    onMessages: (link, messages) => {
      const now = monotonic();
      const receiveTime = wallAt(now);
      for (const frames of messages) this.#message(link, frames[0]!, receiveTime, now);
    },
    onUp: (link) => {
      const now = monotonic();
      for (const { stream } of this.#links.on(link)) stream.connected(now);
      if (this.#links.route.concerns(link)) this.#reroute();
      this.#arm();
    },
    onDown: (link) => this.#linkLost(link),
  };

  #message(link: Link, bytes: Uint8Array, receiveTime: number, now: number): void {
    const following = this.#streams.find(bytes);
    if (!following) return;
    const { stream } = following;
    const batch = decodeBatch(bytes, keyLength(bytes), stream.name);
    if (batch instanceof FormatError) {
      this.#invalid++;
      if (this.#invalid === 1) {
        log.warn(`${this.id}: dropped a message from ${link.endpoint}: ${batch.message}`);
      }
      return;
    }
    if (!following.numbers.admits(batch.nextSequence, stream.next, now)) {
      return this.#tellOfNumbers(following, batch);
    }
    batch.receiveTime = receiveTime;
    batch.receivedAt = now;
    if (batch.epoch > stream.options.fence.highest && !this.#epochs!.admits(following, batch, now)) return;
    this.#receive(following, batch, now);
  }

  #receive(following: Following, batch: SampleBatch, now: number): void {
    const { stream } = following;
    const { refused } = stream.counters;
    if (batch.incarnation === stream.incarnation) following.heard(now);
    stream.receive(batch, now);
    if (stream.counters.refused !== refused) giveBack(batch.bytes);
    if (batch.count === 0 && batch.flags & Flag.ACKNOWLEDGE && batch.incarnation === stream.incarnation) {
      following.repeatAcknowledgement();
    }
    if (this.#room.wanted && now - this.#toldOfRoom > SAY_AGAIN_MS) this.#tellOfRoom(now);
    this.#armFor(stream.wakeAt);
  }

  #tellOfRoom(now: number): void {
    this.#toldOfRoom = now;
    const mebibytes = Math.round(this.#room.used / 2 ** 20);
    log.warn(`${this.id}: ${mebibytes} MiB wait to be taken: what finds no room is asked for later`);
  }

  #tellOfNumbers({ numbers, stream }: Following, { topic, publisher, firstSequence }: SampleBatch): void {
    this.#implausible++;
    if (numbers.refused > 1) return;
    log.warn(
      `${this.id}: does not believe a message of ${publisher} on topic ${topic} with number ${firstSequence}: ` +
        `the next one is ${stream.next || "not known yet"}. What else is as far ahead is only counted`,
    );
  }

  /** See to it that requests that are not answered are repeated. */
  #arm(): void {
    let at = Infinity;
    // What is asked over a link that is down is asked again when it comes up.
    for (const { stream, link } of this.#streams) if (link?.up) at = Math.min(at, stream.wakeAt);
    this.#armFor(at);
  }

  #armFor(at: number): void {
    if (at >= this.#retryAt || this.#life.leaving.aborted) return;
    clearTimeout(this.#retryTimer);
    this.#retryAt = at;
    this.#retryTimer = setTimeout(() => {
      this.#retryAt = Infinity;
      const now = monotonic();
      for (const { stream, link } of this.#streams) if (link?.up) stream.tick(now);
      this.#arm();
    }, Math.max(5, at - monotonic()));
  }

  // --- links

  #open(endpoint: string): Link {
    const link = new Link(endpoint, this.#handler, this.#common);
    this.#life.own(link.ended);
    return link;
  }

  /** Choose the links again and put every stream on the right one. */
  #reroute(): void {
    this.#links.choose(monotonic());
    this.#arm();
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
      this.#events.push(event);
      if (event.type === "left") this.#failovers.controlLost();
      if (event.type === "registered") {
        this.#failovers.controlBack(monotonic());
      }
    }
  }

  #applyMatches({ streams, mismatches }: Matches): void {
    const { matched, gone } = this.#streams.apply(streams, monotonic());
    for (const { match: { topic, publisher, through } } of matched) {
      log.info(`${this.id}: matched with publisher ${publisher} on topic ${topic}, through the ${through}`);
      this.#events.push({ type: "matched", topic, peer: publisher });
    }
    for (const following of gone) {
      this.#failovers.left(following);
      const { topic, publisher } = following.match;
      log.info(`${this.id}: publisher ${publisher} of topic ${topic} is gone`);
      this.#events.push({ type: "unmatched", topic, peer: publisher });
    }
    for (const { mismatch, text } of this.#notices.fresh(mismatches)) {
      log.warn(`${this.id}: ${text}`);
      this.#events.push({ type: "mismatch", mismatch, text });
    }
    const route = streams.find(({ through }) => through === "broker")?.endpoints;
    if (route !== undefined) this.#links.route.lead(route);
    this.#streams.divideCredit();
    this.#reroute();
  }

  #keepHouse(): void {
    const now = monotonic();
    let forgot = false;
    for (const following of [...this.#streams]) {
      if (following.fencing.look(following.stream.counters, now)) this.#tellOfFencing(following);
      // One that publishes is there, whatever became of its record: what is missed of it is repaired, not given up.
      const gone = now - Math.max(following.removedAt ?? now, following.heardAt);
      if (gone <= FORGET_AFTER_MS) continue;
      following.asking ??= this.#askForEnd(following);
      if (!following.asked && gone <= 2 * FORGET_AFTER_MS) continue;
      this.#streams.forget(following);
      forgot = true;
    }
    if (forgot) {
      this.#streams.divideCredit();
      this.#links.closeUnused();
    }
    if (this.#links.route.active?.up === false) this.#reroute();
    this.#epochs?.look(now);
    this.#losses.look(now);
    const reached = ({ endpoint }: Unreached) => this.#links.up(endpoint);
    const news = this.#unreached.look(now, linksDown(this.#streams), reached);
    announce(news, this.id, log, this.#events);
    this.#failovers.settle(monotonic(), this.#tally());
  }

  /** Whether a publisher that is gone has left word of where its stream ended. Never rejects. */
  async #askForEnd(following: Following): Promise<void> {
    const askedAt = monotonic();
    let end: number | undefined;
    try {
      const { topic, publisher, incarnation } = following.match;
      end = await endOf(this.#zk!, { topic, publisher, incarnation });
    } catch (error) {
      log.debug(`${this.id}: where a stream ended: ${reasonOf(error)}`);
    }
    // It may have been heard again meanwhile: then that was too early.
    if (following.heardAt > askedAt || following.removedAt === undefined) return;
    following.end = end;
    following.asked = true;
  }

  #tellOfFencing({ match: { topic, publisher } }: Following): void {
    log.warn(
      `${this.id}: drops what ${publisher} publishes on topic ${topic}: a later owner (epoch ` +
        `${
          this.#streams.fence(topic).highest
        }) was heard before. If ZooKeeper was emptied since, start this subscriber again`,
    );
  }

  // --- figures

  #tally(): Tally {
    const { recovered, lost, duplicates, reordered } = this.stats();
    return { recovered, lost, duplicates, reordered };
  }

  #controlStats(): Record<string, unknown> {
    const { received, lost, recovered } = this.stats();
    const unreached = this.#unreached.told(monotonic()).map(formatUnreached);
    return { received, lost, recovered, failovers: this.#lastFailovers, unreached };
  }

  /** Counters since the start. */
  stats(): SubscriberStats {
    const { delivered, ...rest } = this.#streams.counts();
    return {
      received: delivered,
      ...rest,
      invalid: this.#invalid,
      implausible: this.#implausible + (this.#epochs?.refused ?? 0),
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
    clearTimeout(this.#retryTimer);
    this.#acknowledgements.close();
    for (const following of this.#streams) {
      following.acknowledge();
      if (farewell) following.bye();
    }
    await this.#settleStreams();
    this.#losses.settle(monotonic());
    this.#failovers.settle(monotonic(), this.#tally(), true);
    this.#queue.close();
    await this.#control?.close().catch((error) => log.debug(`${this.id}: while leaving: ${reasonOf(error)}`));
    await this.#links.close();
    await this.#zk?.close();
    this.#events.close();
  }

  /** At the end: count what will never come, as far as it is known. */
  async #settleStreams(): Promise<void> {
    const gone = [...this.#streams].filter(({ removedAt }) => removedAt !== undefined);
    const asking = gone.map((following) => following.asking ??= this.#askForEnd(following));
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, ASK_END_MS);
    await Promise.race([Promise.all(asking), late.promise]);
    clearTimeout(timer);
    this.#streams.abandon();
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
