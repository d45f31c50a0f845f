/**
 * A publisher: numbers samples, keeps its windows, sends on one XPUB socket that subscribers connect to and that
 * is itself connected to the ingress of every live broker.
 *
 * Guarantee: with flow `wait` no sample is given up while a live, matched, reliable subscriber that makes progress
 * has not delivered it. With exclusive ownership a sample leaves only while this publisher owns its topic, by the
 * session's state and our own clock, and carries the term's epoch.
 *
 * Znodes: `/shared_state/publishers/<id>`, `/topics/<topic>/…` (recipes). Session suspended: topics stay owned until the
 * session's lease ends by our own clock; then samples are suppressed (or wait); shared topics go on. Session lost:
 * contends again at the end of the queue.
 */
import { Answers } from "./answers.ts";
import { AsyncQueue, EVENTS_KEPT } from "../base/async_queue.ts";
import { Lifecycle, type Step } from "../base/lifecycle.ts";
import { Budget } from "../stream/budget.ts";
import { checkCommon, type CheckedOptions, checkTopics, CLIENT_RULES } from "../model/client_options.ts";
import type { ClientEvent, ClientOptions } from "../model/client_options.ts";
import { monotonic, wallAt } from "../base/clock.ts";
import { clockDiffers } from "../model/clock_notices.ts";
import { ControlClient, type Matches } from "../control/control_client.ts";
import { recordEnd } from "../recipes/ended_streams.ts";
import { FormatError, reasonOf, UsageError } from "../base/errors.ts";
import { Ingresses } from "./ingresses.ts";
import {
  addressOnceReachable,
  advertised,
  bindAddress,
  listenAddress,
  tcpEndpoint,
} from "../net/local_address.ts";
import { logger } from "../base/log.ts";
import { checkInteger, given, oneOf, type Rules, shown, whole, yesOrNo } from "../base/option_rules.ts";
import { MismatchNotices } from "../model/mismatch_notices.ts";
import { randomId, randomIncarnation } from "../base/names.ts";
import { publisherPath } from "../model/paths.ts";
import { PublishedStream } from "../stream/published_stream.ts";
import { PublishedTopic } from "./published_topic.ts";
import { TopicOwnership } from "../recipes/ownership.ts";
import { ReaderCheck } from "./reader_check.ts";
import { Roster } from "./roster.ts";
import { SampleClock } from "../stream/sample_clock.ts";
import { checkPayload } from "../stream/payload.ts";
import { type Undelivered, undeliveredLines } from "../stream/undelivered.ts";
import { Turn } from "./turn.ts";
import { CONTROL_VERSION, type PublisherInfo } from "../wire/control.ts";
import { decodeUpstream, isUpstreamFor, MAX_UPSTREAM_AT_PUBLISHER, type Upstream } from "../wire/upstream.ts";
import { parseZkAddress } from "../zk/address.ts";
import { ZooKeeper } from "../zk/zookeeper.ts";
import { announce, UnreachedWatch } from "./unreached.ts";
import { formatUnreached, TOLD_SLOW } from "../model/zone_health.ts";
import { portOf, UPSTREAM } from "../zmq/memory_guard.ts";
import { guardMemory, type MessageSocket, openSocket } from "../zmq/sockets.ts";

/** Messages that may wait for one peer: above what flow control allows in flight. */
const HIGH_WATER_MARK = 4096;
/** Samples of a topic that may be unacknowledged, if it is not told. */
const MAX_IN_FLIGHT = 100_000;
/** Kept for repair over all topics; of each at least, and at most 16 MiB. */
const REPAIR_BYTES = 128 * 1024 * 1024;
const MIN_REPAIR_BYTES = 1024 * 1024;
const MAX_REPAIR_BYTES = 16 * 1024 * 1024;
/** After so many bytes in one turn of the event loop the sockets get theirs. */
const TURN_BYTES = 256 * 1024;
/** How long `start()` waits for those matched already to join. */
const JOIN_GRACE_MS = 2000;
const MARK_IDLE_MS = 1000;
/** A look at the subscribers while somebody waits for them, and else. */
const TICK_MS = 100;
const IDLE_TICK_MS = 500;
/** With flow `drop`, how long `close()` waits for the last samples to be delivered, and how long without progress. */
const DROP_DRAIN_MS = 2000;
const DROP_PATIENCE_MS = 700;

const log = logger("publisher");

/** Options of a publisher. */
export interface PublisherOptions extends ClientOptions {
  /** Samples of each topic offered to those who join: at least what a subscriber requests. Default 1. */
  history?: number | undefined;
  /** Of several publishers of a topic the strongest owns it. Default 0. */
  strength?: number | undefined;
  /** Reachable only through brokers. Default false. */
  centralized?: boolean | undefined;
  /** Port of the data socket. Default any free one. */
  bindPort?: number | undefined;
  /** Whether `publish` waits for slow subscribers. Default wait. */
  flow?: "wait" | "drop" | undefined;
  /** Samples of a topic that may be unacknowledged with flow `wait`. Default 100,000. */
  maxInFlight?: number | undefined;
  /** A subscriber that stands still for so long is not waited for, milliseconds. Default 5000. */
  slowSubscriberMs?: number | undefined;
  /** What happens to a sample of a topic that somebody else owns. Default drop. */
  whenNotOwner?: "drop" | "wait" | undefined;
}

const RULES: Rules<PublisherOptions> = {
  ...CLIENT_RULES,
  history: whole("history", 0, 0xffffffff),
  strength: whole("strength", Number.MIN_SAFE_INTEGER),
  centralized: yesOrNo("centralized"),
  bindPort: whole("bind port", 0, 65_535),
  flow: oneOf("flow", "wait", "drop"),
  maxInFlight: whole("max in flight", 1),
  slowSubscriberMs: whole("slow subscriber time", 1),
  whenNotOwner: oneOf("whenNotOwner", "drop", "wait"),
};

/** How a {@link Publisher.drain} ended. */
export interface DrainReport {
  /** Whether every reliable subscriber that has joined has everything, those not waited for any more included. */
  complete: boolean;
  /** Ids of those that have not. */
  behind: string[];
  /** What each of them has not got. */
  missing: Undelivered[];
}

/**
 * Publishes samples about topics.
 *
 * @example
 * ```ts ignore
 * await using publisher = new Publisher({ zookeeper: "127.0.0.1:2181", topics: ["A"], history: 5 });
 * await publisher.start();
 * await publisher.publish("A", "hello");
 * ```
 */
export class Publisher implements AsyncDisposable {
  /** Unique among publishers. */
  readonly id: string;
  /** A random u32 that tells this start from others under the same id. */
  readonly incarnation: number = randomIncarnation();
  readonly #common: CheckedOptions;
  readonly #options: PublisherOptions;
  readonly #topics = new Map<string, PublishedTopic>();
  readonly #events = new AsyncQueue<ClientEvent>({ limit: EVENTS_KEPT });
  readonly #turn: Turn;
  readonly #idBytes: Uint8Array;
  readonly #life: Lifecycle;
  readonly #roster = new Roster();
  readonly #readers = new ReaderCheck(this.#roster);
  readonly #answers = new Answers((message) => this.#socket?.send(message), monotonic);
  readonly #unreached = new UnreachedWatch();
  readonly #notices = new MismatchNotices();
  #turnNumber = 0;
  #turnBytes = 0;
  readonly #clock = new SampleClock(monotonic);
  /** Topics with samples that are packed and not sent. */
  readonly #dirty: PublishedTopic[] = [];
  #last: PublishedTopic | undefined;
  #wakers = new Set<() => void>();
  #socket: MessageSocket | undefined;
  #ingresses: Ingresses | undefined;
  #memoryGuard: Disposable | undefined;
  #zk: ZooKeeper | undefined;
  #control: ControlClient | undefined;
  #ticker: ReturnType<typeof setTimeout> | undefined;
  #idle = true;
  #endpoint = "";
  #suppressed = 0;
  #drained: { published: number; report: DrainReport } | undefined;
  #gotMatches = Promise.withResolvers<void>();

  /**
   * Checks the options, and begins nothing: that is {@link start}'s.
   *
   * @throws {UsageError} naming the option, its value and its rule.
   */
  constructor(options: PublisherOptions) {
    this.#common = checkCommon("publisher", () => randomId("pub"), options, RULES);
    this.#options = given(options, RULES);
    this.id = this.#common.id;
    this.#life = new Lifecycle(`Publisher ${this.id}`);
    this.#idBytes = new TextEncoder().encode(this.id);
    parseZkAddress(options.zookeeper);
    const budget = new Budget();
    const topics = checkTopics(options.topics);
    for (const topic of topics) {
      const stream = new PublishedStream({
        topic,
        publisher: this.id,
        incarnation: this.incarnation,
        offered: options.history ?? 1,
        flow: options.flow ?? "wait",
        maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT,
        slowMs: options.slowSubscriberMs ?? 5000,
        send: (message) => this.#socket?.send(message),
        sendCopies: true,
        answer: (to, messages) => this.#answers.put(`${topic}\0${to}`, to, messages),
        repairBytes: repairBytesOf(topics.length),
        budget,
      });
      this.#topics.set(topic, new PublishedTopic(stream, options.ownership === "shared"));
    }
    this.#turn = new Turn(() => this.#flush(), () => {
      this.#turnNumber++;
      this.#turnBytes = 0;
      this.#clock.interrupt();
    });
  }

  /** Rejects when the publisher cannot go on: rejected by the broker for good, or a fault of its own. */
  get failed(): Promise<never> {
    return this.#life.failed;
  }
  /** Where subscribers connect directly; empty when centralized or not started. */
  get endpoint(): string {
    return this.#endpoint;
  }
  /** Zone it is registered in, 0 before that. */
  get zone(): number {
    return this.#control?.zone ?? 0;
  }
  /** What happens, one loop at a time; the oldest are dropped when nobody reads. */
  events(): AsyncIterableIterator<ClientEvent, undefined> {
    return this.#events.loop();
  }

  /**
   * Register, contend for the topics, and let the subscribers that are matched already join.
   *
   * Waits for ZooKeeper and a primary as long as it takes, and says so. Called again it is the same start.
   *
   * @param signal gives it up for good; of several starts the first one's counts
   * @throws the signal's reason; {PubsubError} when it is closed, before or meanwhile
   */
  start(signal?: AbortSignal): Promise<void> {
    return this.#life.start(signal, (step, stop) => this.#start(step, stop));
  }

  async #start(step: Step, stop: AbortSignal): Promise<void> {
    await this.#open(stop);
    await step(this.#control!.recorded);
    this.#contend();
    const topics = [...this.#topics.values()];
    await step(Promise.all(topics.map(({ ownership }) => ownership?.decided(stop))));
    await step(this.#gotMatches.promise);
    if (!await step(this.#joined(JOIN_GRACE_MS, 0))) this.#expectTheRest();
  }

  async #open(stop: AbortSignal): Promise<void> {
    const { zookeeper, sessionTimeoutMs, heartbeatIntervalMs, heartbeatTimeoutMs } = this.#common;
    this.#zk = new ZooKeeper({ servers: zookeeper, sessionTimeoutMs });
    const host = await this.#host(stop);
    const { bind } = this.#common;
    const at = bind === undefined ? await listenAddress(host, stop) : await bindAddress(bind, stop);
    this.#socket = openSocket("xpub", {
      sendHighWaterMark: HIGH_WATER_MARK,
      maxMessageSize: MAX_UPSTREAM_AT_PUBLISHER,
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
      linger: 1000,
    });
    if (!this.#options.centralized) {
      const bound = this.#socket.bind(tcpEndpoint(at, this.#options.bindPort ?? 0));
      this.#endpoint = advertised(host, bound);
      const allowances = new Map([[portOf(bound), UPSTREAM]]);
      this.#memoryGuard = guardMemory({ owner: this.id, allowances });
    }
    this.#life.own(this.#receive(this.#socket));
    this.#ingresses = new Ingresses(this.#socket);
    this.#life.own(this.#ingresses.watch());
    this.#control = new ControlClient(this.#zk, {
      registration: { type: "register", v: CONTROL_VERSION, role: "publisher", publisher: this.#info() },
      recordPath: publisherPath(this.id),
      record: (zone) => JSON.stringify({ ...this.#info(), zone }),
      zone: this.#options.zone,
      assignment: this.#options.assignment,
      stats: () => this.#controlStats(),
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
    });
    this.#life.own(this.#followControl(this.#control));
    this.#life.own(this.#control.ended);
    this.#tick();
  }

  #host(stop: AbortSignal): Promise<string> {
    const { address, zookeeper } = this.#common;
    if (address !== undefined) return Promise.resolve(address);
    const waiting = () => this.#waiting(`ZooKeeper at ${zookeeper}`);
    return addressOnceReachable(parseZkAddress(zookeeper), waiting, stop);
  }

  #waiting(reason: string): void {
    log.warn(`${this.id}: waiting for ${reason}`);
    this.#events.push({ type: "waiting", reason });
  }

  #info(): PublisherInfo {
    return {
      id: this.id,
      topics: [...this.#topics.keys()],
      address: this.#endpoint,
      ownership: this.#options.ownership ?? "exclusive",
      offered: this.#options.history ?? 1,
      strength: this.#options.strength ?? 0,
      incarnation: this.incarnation,
      centralized: this.#options.centralized ?? false,
    };
  }

  // --- publishing

  /**
   * Publish one sample.
   *
   * @returns true when it is numbered and on its way, false when it was suppressed because somebody else owns the
   * topic. A promise of that only when there is something to wait for: flow control, ownership with
   * `whenNotOwner: "wait"`, or the sockets' turn; so a fast loop awaits only promises.
   * @throws {UsageError} at once, for a topic that is not one of this publisher's, or a payload that is neither a
   * Uint8Array nor a text without halves of surrogate pairs, or longer than 16 MiB.
   * @throws {PubsubError} unless it is running
   */
  publish(topic: string, payload: Uint8Array | string): boolean | Promise<boolean> {
    const entry = this.#entry(topic);
    this.#life.check();
    checkPayload(topic, payload);
    this.#turn.touch();
    if (!entry.mayPublish(this.#turnNumber)) {
      if (this.#options.whenNotOwner === "wait") return this.#publishLater(entry, payload);
      this.#suppressed++;
      // A source that never rests must not keep the process from hearing that it owns the topic.
      return this.#suppressed % 1024 === 0 ? this.#turn.ended().then(() => false) : false;
    }
    if (entry.stream.full) return this.#publishLater(entry, payload);
    this.#add(entry, payload);
    return this.#turnBytes > TURN_BYTES ? this.#turn.ended().then(() => true) : true;
  }

  /** Publish one sample without ever waiting. @returns false when it was suppressed. */
  tryPublish(topic: string, payload: Uint8Array | string): boolean {
    const entry = this.#entry(topic);
    this.#life.check();
    checkPayload(topic, payload);
    this.#turn.touch();
    if (!entry.mayPublish(this.#turnNumber)) {
      this.#suppressed++;
      return false;
    }
    this.#add(entry, payload);
    return true;
  }

  #entry(topic: string): PublishedTopic {
    // Most samples are about the same topic as the one before.
    if (this.#last?.stream.topic === topic) return this.#last;
    const entry = this.#topics.get(topic);
    if (entry) return this.#last = entry;
    throw new UsageError(
      `Cannot publish on topic ${typeof topic === "string" ? topic : shown(topic)}: this publisher has ${
        [...this.#topics.keys()].join(", ")
      }`,
    );
  }

  #add(entry: PublishedTopic, payload: Uint8Array | string): void {
    const { stream } = entry;
    const now = this.#clock.next();
    this.#turnBytes += stream.add(wallAt(now), payload, now);
    if (entry.dirty) return;
    entry.dirty = true;
    this.#dirty.push(entry);
  }

  async #publishLater(entry: PublishedTopic, payload: Uint8Array | string): Promise<boolean> {
    for (;;) {
      if (this.#life.leaving.aborted) this.#life.check();
      this.#turn.touch();
      const may = entry.mayPublish(this.#turnNumber);
      if (!may && this.#options.whenNotOwner !== "wait") {
        this.#suppressed++;
        return false;
      }
      if (may && !entry.stream.full) break;
      if (may && entry.stream.heldUp) entry.stream.flow.blocked(monotonic());
      this.#flush();
      await this.#woken();
    }
    entry.stream.flow.unblocked(monotonic());
    this.#add(entry, payload);
    return true;
  }

  /** Something has changed, or a tick has passed. */
  #woken(): Promise<void> {
    if (this.#idle && !this.#life.leaving.aborted) this.#tickSoon(true);
    return new Promise((resolve) => this.#wakers.add(resolve));
  }

  /** Let those who wait look again. */
  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = new Set();
    for (const wake of wakers) wake();
  }

  #flush(): void {
    if (this.#dirty.length === 0) return;
    const now = monotonic();
    for (const entry of this.#dirty) {
      entry.dirty = false;
      entry.stream.flush(now);
    }
    this.#dirty.length = 0;
  }

  // --- the data plane's other direction

  async #receive(socket: MessageSocket): Promise<void> {
    for await (const messages of socket.messages()) {
      for (const frames of messages) {
        const bytes = frames[0]!;
        if (frames.length !== 1) continue;
        if (isUpstreamFor(bytes, this.#idBytes)) this.#upstream(bytes);
        else if (bytes[0]! <= 1) this.#ingresses?.subscribed(bytes[0] === 1 ? bytes.length : -bytes.length);
      }
    }
  }

  #upstream(bytes: Uint8Array): void {
    const message = decodeUpstream(bytes);
    if (message instanceof FormatError) return log.debug(`${this.id}: dropped: ${message.message}`);
    const entry = this.#topics.get(message.topic);
    if (!entry || message.incarnation !== this.incarnation) return;
    const now = monotonic();
    if (this.#readers.admits(message, now)) this.#hear(message, entry, now);
  }

  /** A subscriber that a broker has named says something. */
  #hear(message: Upstream, entry: PublishedTopic, now: number): void {
    const { stream } = entry;
    const { subscriber } = message;
    if (message.kind === "request") {
      const known = stream.flow.has(subscriber);
      this.#roster.joined(stream.topic, subscriber);
      if (!stream.request(subscriber, message, entry.lease(now), now)) {
        log.debug(
          `${this.id}: ${subscriber} asks for ${message.depth} samples of ${stream.topic}, offered: ${stream.window.offered}`,
        );
      } else if (!known) {
        log.debug(`${this.id}: ${subscriber} joined topic ${stream.topic} after sample ${stream.last}`);
      }
    } else if (message.kind === "acknowledge") {
      if (stream.acknowledge(subscriber, message.delivered, now, message.givenUp)) {
        log.info(`${this.id}: subscriber ${subscriber} of topic ${stream.topic} has caught up`);
        this.#events.push({ type: "caught_up", topic: stream.topic, subscriber });
      }
    } else {
      stream.leave(subscriber);
    }
    if (message.kind !== "bye") stream.setCredit(subscriber, message.credit);
    this.#wake();
  }

  // --- control and ownership

  async #followControl(control: ControlClient): Promise<void> {
    for await (const event of control.events()) {
      if (event.type === "matches") {
        this.#ingresses?.reach(event.matches.brokers);
        this.#applyMatches(event.matches);
        this.#gotMatches.resolve();
      } else {
        this.#events.push(event);
      }
    }
  }

  /** Who is matched now. Those who are not any more are waited for like slow ones: they may be back in a moment. */
  #applyMatches({ subscribers, mismatches }: Matches): void {
    const { came, gone } = this.#roster.update(subscribers, monotonic());
    for (const { topic, subscriber: peer } of came) {
      if (this.#topics.get(topic)?.stream.flow.has(peer)) this.#roster.joined(topic, peer);
      this.#topics.get(topic)?.stream.flow.back(peer);
      this.#events.push({ type: "matched", topic, peer });
    }
    for (const { topic, subscriber: peer } of gone) {
      this.#topics.get(topic)?.stream.gone(peer);
      this.#events.push({ type: "unmatched", topic, peer });
    }
    for (const early of this.#readers.named(monotonic())) {
      this.#hear(early, this.#topics.get(early.topic)!, monotonic());
    }
    for (const { mismatch, text } of this.#notices.fresh(mismatches)) {
      log.warn(`${this.id}: ${text}`);
      this.#events.push({ type: "mismatch", mismatch, text });
    }
    this.#wake();
  }

  /**
   * Wait until at least `atLeast` subscribers of each topic, and all that are matched now, have joined.
   *
   * @param ms at most so long.
   * @returns whether they have.
   * @throws {PubsubError} unless it is running
   */
  async joined(ms: number, atLeast = 0): Promise<boolean> {
    if (!(typeof ms === "number" && ms >= 0)) {
      throw new UsageError(`Invalid time ${shown(ms)}: must be milliseconds, at least 0`);
    }
    checkInteger("number of subscribers", atLeast, 0);
    this.#life.check();
    return await this.#joined(ms, atLeast);
  }

  async #joined(ms: number, atLeast: number): Promise<boolean> {
    const end = monotonic() + ms;
    for (;;) {
      const missing: string[] = [];
      for (const [topic, { stream }] of this.#topics) {
        for (const id of this.#roster.reliable(topic)) {
          if (!stream.flow.has(id)) missing.push(`${id} (${topic})`);
        }
        if (stream.flow.size < atLeast) {
          missing.push(`${atLeast - stream.flow.size} more subscribers of ${topic}`);
        }
      }
      if (missing.length === 0) return true;
      if (monotonic() >= end) {
        log.warn(
          `${this.id}: going on without ${missing.slice(0, 5).join(", ")}: not joined within ${ms} ms`,
        );
        return false;
      }
      if (this.#life.leaving.aborted) return false;
      await this.#woken();
    }
  }

  /** Who is matched and has not joined in time gets everything from here on when it does. */
  #expectTheRest(): void {
    const now = monotonic();
    for (const [topic, { stream }] of this.#topics) {
      for (const id of this.#roster.reliable(topic)) stream.expect(id, now);
    }
  }

  #contend(): void {
    if (this.#options.ownership === "shared") return;
    for (const [topic, entry] of this.#topics) {
      const ownership = new TopicOwnership(this.#zk!, topic, {
        publisher: this.id,
        strength: this.#options.strength ?? 0,
      });
      entry.ownership = ownership;
      this.#life.own(this.#followOwnership(entry, ownership));
    }
  }

  async #followOwnership(entry: PublishedTopic, ownership: TopicOwnership): Promise<void> {
    for await (const _change of ownership.changes()) this.#noticeOwnership(entry);
  }

  /** Tell of a change: told by the recipe, or of a lease that has run out by the clock. */
  #noticeOwnership(entry: PublishedTopic): void {
    const { topic } = entry.stream;
    const epoch = entry.news();
    if (epoch === undefined) return;
    entry.lease(monotonic());
    if (epoch > 0n) {
      log.info(`${this.id}: owns topic ${topic}, epoch ${epoch}`);
      this.#events.push({ type: "owner", topic, epoch });
    } else if (!this.#life.leaving.aborted) {
      const what = this.#options.whenNotOwner === "wait" ? "held back" : "suppressed";
      log.info(`${this.id}: does not own topic ${topic}: its samples are ${what}`);
      this.#events.push({ type: "not_owner", topic });
    }
    this.#wake();
  }

  // --- time

  #tickSoon(urgent: boolean): void {
    this.#idle = !urgent;
    clearTimeout(this.#ticker);
    this.#ticker = setTimeout(() => this.#tick(), urgent ? TICK_MS : IDLE_TICK_MS);
  }

  #tick(): void {
    const now = monotonic();
    let urgent = this.#wakers.size > 0;
    const clock = this.#control?.clock;
    const clockOffset = clock !== undefined && clockDiffers(clock) ? clock.offset : 0;
    for (const entry of this.#topics.values()) {
      const { stream } = entry;
      stream.clockOffset = clockOffset;
      urgent ||= stream.full;
      if (entry.decided) this.#noticeOwnership(entry);
      for (const subscriber of stream.dropSlow(now)) {
        log.warn(
          `${this.id}: subscriber ${subscriber} of topic ${stream.topic} ${
            stream.flow.pace(subscriber, now)
          }: not waited for any more, ` +
            `it has not acknowledged ${stream.last - stream.flow.deliveredTo(subscriber)} samples`,
        );
        this.#events.push({ type: "slow", topic: stream.topic, subscriber });
      }
      // While we wait for acknowledgements, ask for them: the last one may have got lost.
      if (stream.full && stream.unacknowledged) stream.mark(now, TICK_MS, true);
      else stream.mark(now, MARK_IDLE_MS);
    }
    const strangers = this.#readers.notice(now);
    if (strangers !== undefined) log.warn(`${this.id}: ${strangers}`);
    const current = [...this.#roster.awaited(this.#endpoint), ...this.#ingresses?.down ?? []];
    const news = this.#unreached.look(
      now,
      current,
      ({ kind, id, endpoint }) =>
        kind === "broker" ? this.#ingresses!.has(endpoint) : this.#roster.hasJoined(id),
    );
    announce(news, this.id, log, this.#events);
    this.#tickSoon(urgent);
    this.#wake();
  }

  #controlStats(): Record<string, unknown> {
    const { published, suppressed, subscribers, slow } = this.stats();
    const unreached = this.#unreached.told(monotonic()).map(formatUnreached);
    return { published, suppressed, subscribers, slow: slow.slice(0, TOLD_SLOW), unreached };
  }

  /** Counters since the start. */
  stats(): {
    published: number;
    suppressed: number;
    zone: number;
    /** Topics owned at this moment. */
    owned: string[];
    /** Subscribers that have joined, over all topics. */
    subscribers: number;
    /** Ids of those that are not waited for. */
    slow: string[];
    messages: number;
    /** Bytes kept in windows. */
    windowBytes: number;
    /** Messages dropped because they came in the name of no subscriber that a broker has named. */
    strangers: number;
  } {
    const topics = [...this.#topics.values()];
    return {
      published: topics.reduce((sum, { stream }) => sum + stream.last, 0),
      suppressed: this.#suppressed,
      zone: this.zone,
      owned: topics.filter(({ ownership }) => ownership?.lease !== undefined).map(({ stream }) =>
        stream.topic
      ),
      subscribers: new Set(topics.flatMap(({ stream }) => stream.flow.readers)).size,
      slow: [...new Set(topics.flatMap(({ stream }) => stream.flow.slow))],
      messages: this.#socket?.counters.sent ?? 0,
      windowBytes: topics.reduce((sum, { stream }) => sum + stream.window.byteLength, 0),
      strangers: this.#readers.dropped,
    };
  }

  // --- leaving

  /**
   * Wait until those who have joined have delivered everything published so far, those that were given up and those
   * whose record is gone included: they may catch up.
   *
   * With flow `wait` as long as they make progress, `slowSubscriberMs` without; with `drop` at most 2 s.
   */
  async drain(signal?: AbortSignal): Promise<DrainReport> {
    this.#flush();
    // What was waited for once in vain is not waited for again.
    const { published } = this.stats();
    if (this.#drained?.published === published) return this.#drained.report;
    const report = await this.#drain(signal);
    if (!signal?.aborted) this.#drained = { published, report };
    return report;
  }

  async #drain(signal?: AbortSignal): Promise<DrainReport> {
    const waits = (this.#options.flow ?? "wait") === "wait";
    const patience = waits ? this.#options.slowSubscriberMs ?? 5000 : DROP_PATIENCE_MS;
    const latest = waits ? Infinity : monotonic() + DROP_DRAIN_MS;
    let progress = -1;
    let end = 0;
    for (;;) {
      const streams = [...this.#topics.values()].map(({ stream }) => stream);
      const now = streams.reduce((sum, { flow }) => sum + flow.progress, 0);
      if (now !== progress) end = Math.min(monotonic() + patience, latest);
      progress = now;
      const settled = streams.every((stream) => stream.flow.behind(stream.last).length === 0);
      if (settled || monotonic() >= end || signal?.aborted || this.#life.leaving.aborted) {
        const missing = this.undelivered;
        const behind = [...new Set(missing.map(({ subscriber }) => subscriber))];
        return { complete: missing.length === 0, behind, missing };
      }
      for (const stream of streams) stream.mark(monotonic(), TICK_MS, true);
      await this.#woken();
    }
  }

  /**
   * What reliable subscribers have not got at this moment: those that are not waited for any more, that are gone without
   * a farewell, those to which it is still on its way, and those that have lost it, as it was not kept any more.
   */
  get undelivered(): Undelivered[] {
    return [...this.#topics].flatMap(([topic, { stream }]) =>
      stream.flow.missing(stream.last).map((missing) => ({ topic, ...missing }))
    );
  }

  /** Drain, hand ownership on, leave. Idempotent. */
  close(): Promise<void> {
    const farewell = async () => {
      await this.drain();
      await this.#tellOfUndelivered();
    };
    return this.#life.close(farewell, () => this.#takeDown());
  }

  async #takeDown(): Promise<void> {
    clearTimeout(this.#ticker);
    this.#wake();
    const leaving = [...this.#topics.values()].map(({ ownership }) => ownership?.close());
    for (const outcome of await Promise.allSettled([...leaving, this.#control?.close()])) {
      if (outcome.status === "rejected") log.debug(`${this.id}: while leaving: ${reasonOf(outcome.reason)}`);
    }
    this.#ingresses?.close();
    this.#memoryGuard?.[Symbol.dispose]();
    this.#answers.close();
    await this.#socket?.[Symbol.asyncDispose]();
    await this.#zk?.close();
    this.#events.close();
  }

  /** At the end: say who has not got what, and leave word of where the streams end for those who come back. */
  async #tellOfUndelivered(): Promise<void> {
    const { undelivered } = this;
    if (undelivered.length === 0) return;
    const level = (this.#options.flow ?? "wait") === "wait" ? "error" : "warn";
    for (const text of undeliveredLines(undelivered)) log[level](`${this.id}: ${text}`);
    // Who has lost something knows of it.
    const open = undelivered.filter(({ samples, givenUp }) => samples > givenUp);
    if (open.length === 0) return;
    const topics = [...new Set(open.map(({ topic }) => topic))];
    const streams = topics.map((topic) => ({ topic, last: this.#topics.get(topic)!.stream.last }));
    await recordEnd(this.#zk!, { publisher: this.id, incarnation: this.incarnation, streams });
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Bytes that each of so many topics keeps for repair. */
function repairBytesOf(topics: number): number {
  return Math.min(MAX_REPAIR_BYTES, Math.max(MIN_REPAIR_BYTES, Math.floor(REPAIR_BYTES / topics)));
}
