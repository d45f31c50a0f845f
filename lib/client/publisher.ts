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
import { checkCommon, type CheckedOptions, checkTopics } from "../model/client_options.ts";
import type { ClientEvent } from "../model/client_options.ts";
import { monotonic } from "../base/clock.ts";
import { clockDiffers } from "../model/clock_notices.ts";
import { ControlClient, type Matches } from "../control/control_client.ts";
import { drain, type DrainReport, type Leaver, tellOfUndelivered, undeliveredOf } from "./farewell.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import { Ingresses } from "./ingresses.ts";
import {
  addressOnceReachable,
  advertised,
  bindAddress,
  listenAddress,
  tcpEndpoint,
} from "../net/local_address.ts";
import { logger } from "../base/log.ts";
import { checkInteger, given, shown } from "../base/option_rules.ts";
import { MismatchNotices } from "../model/mismatch_notices.ts";
import { randomId, randomIncarnation } from "../base/names.ts";
import { publisherPath } from "../model/paths.ts";
import { PublishedStream } from "../stream/published_stream.ts";
import { PublishedTopic } from "./published_topic.ts";
import { TopicOwners } from "./topic_owners.ts";
import type { Undelivered } from "../stream/undelivered.ts";
import { Outlet } from "./outlet.ts";
import { PUBLISHER_RULES, type PublisherOptions } from "./publisher_options.ts";
import { Readers } from "./readers.ts";
import { CONTROL_VERSION, type PublisherInfo } from "../wire/control.ts";
import { isUpstreamFor, MAX_UPSTREAM_AT_PUBLISHER } from "../wire/upstream.ts";
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
/** How long `start()` waits for those matched already to join. */
const JOIN_GRACE_MS = 2000;
const MARK_IDLE_MS = 1000;
/** A look at the subscribers while somebody waits for them, and else. */
const TICK_MS = 100;
const IDLE_TICK_MS = 500;
/** A subscriber that stands still for so long is not waited for, if it is not told. */
const SLOW_MS = 5000;

const log = logger("publisher");

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
  readonly #outlet: Outlet;
  readonly #idBytes: Uint8Array;
  readonly #life: Lifecycle;
  readonly #readers: Readers;
  readonly #owners: TopicOwners;
  readonly #answers = new Answers((message) => this.#socket?.send(message), monotonic);
  readonly #unreached = new UnreachedWatch();
  readonly #notices = new MismatchNotices();
  #socket: MessageSocket | undefined;
  #ingresses: Ingresses | undefined;
  #memoryGuard: Disposable | undefined;
  #zk: ZooKeeper | undefined;
  #control: ControlClient | undefined;
  #ticker: ReturnType<typeof setTimeout> | undefined;
  #idle = true;
  #endpoint = "";
  #drained: { published: number; report: DrainReport } | undefined;
  #gotMatches = Promise.withResolvers<void>();

  /**
   * Checks the options, and begins nothing: that is {@link start}'s.
   *
   * @throws {UsageError} naming the option, its value and its rule.
   */
  constructor(options: PublisherOptions) {
    this.#common = checkCommon("publisher", () => randomId("pub"), options, PUBLISHER_RULES);
    this.#options = given(options, PUBLISHER_RULES);
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
        slowMs: options.slowSubscriberMs ?? SLOW_MS,
        send: (message) => this.#socket?.send(message),
        sendCopies: true,
        answer: (to, messages) => this.#answers.put(`${topic}\0${to}`, to, messages),
        repairBytes: repairBytesOf(topics.length),
        budget,
      });
      this.#topics.set(topic, new PublishedTopic(stream, options.ownership === "shared"));
    }
    this.#outlet = new Outlet(this.#topics, this.#life, options.whenNotOwner === "wait", () => {
      if (this.#idle && !this.#life.leaving.aborted) this.#tickSoon(true);
    });
    this.#owners = new TopicOwners({
      publisher: this.id,
      strength: options.strength ?? 0,
      waits: options.whenNotOwner === "wait",
      leaving: this.#life.leaving,
    }, (event) => this.#tell(event));
    this.#readers = new Readers(
      this.id,
      this.incarnation,
      this.#topics,
      (event) => this.#events.push(event),
      () => this.#outlet.wake(),
    );
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
    if (this.#options.ownership !== "shared") {
      for (const entry of this.#topics.values()) this.#life.own(this.#owners.contend(this.#zk!, entry));
    }
    const topics = [...this.#topics.values()];
    await step(Promise.all(topics.map(({ ownership }) => ownership?.decided(stop))));
    await step(this.#gotMatches.promise);
    if (!await step(this.#joined(JOIN_GRACE_MS, 0))) this.#readers.expectTheRest();
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

  /** Something about our topics: those who wait look again. */
  #tell(event: ClientEvent): void {
    this.#events.push(event);
    this.#outlet.wake();
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
    return this.#outlet.publish(topic, payload);
  }

  /** Publish one sample without ever waiting. @returns false when it was suppressed. */
  tryPublish(topic: string, payload: Uint8Array | string): boolean {
    return this.#outlet.tryPublish(topic, payload);
  }

  // --- the data plane's other direction

  async #receive(socket: MessageSocket): Promise<void> {
    for await (const messages of socket.messages()) {
      for (const frames of messages) {
        const bytes = frames[0]!;
        if (frames.length !== 1) continue;
        if (isUpstreamFor(bytes, this.#idBytes)) this.#readers.upstream(bytes);
        else if (bytes[0]! <= 1) this.#ingresses?.subscribed(bytes[0] === 1 ? bytes.length : -bytes.length);
      }
    }
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

  #applyMatches({ subscribers, mismatches }: Matches): void {
    this.#readers.matched(subscribers);
    for (const { mismatch, text } of this.#notices.fresh(mismatches)) {
      log.warn(`${this.id}: ${text}`);
      this.#events.push({ type: "mismatch", mismatch, text });
    }
    this.#outlet.wake();
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
      const missing = this.#readers.missing(atLeast);
      if (missing.length === 0) return true;
      if (monotonic() >= end) {
        log.warn(
          `${this.id}: going on without ${missing.slice(0, 5).join(", ")}: not joined within ${ms} ms`,
        );
        return false;
      }
      if (this.#life.leaving.aborted) return false;
      await this.#outlet.woken();
    }
  }

  // --- time

  #tickSoon(urgent: boolean): void {
    this.#idle = !urgent;
    clearTimeout(this.#ticker);
    this.#ticker = setTimeout(() => this.#tick(), urgent ? TICK_MS : IDLE_TICK_MS);
  }

  #tick(): void {
    const now = monotonic();
    let urgent = this.#outlet.awaited;
    const clock = this.#control?.clock;
    const clockOffset = clock !== undefined && clockDiffers(clock) ? clock.offset : 0;
    for (const entry of this.#topics.values()) {
      const { stream } = entry;
      stream.clockOffset = clockOffset;
      urgent ||= stream.full;
      if (entry.decided) this.#owners.notice(entry);
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
    this.#readers.look(now);
    const current = [...this.#readers.awaited(this.#endpoint), ...this.#ingresses?.down ?? []];
    const news = this.#unreached.look(
      now,
      current,
      ({ kind, id, endpoint }) =>
        kind === "broker" ? this.#ingresses!.has(endpoint) : this.#readers.hasJoined(id),
    );
    announce(news, this.id, log, this.#events);
    this.#tickSoon(urgent);
    this.#outlet.wake();
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
      suppressed: this.#outlet.suppressed,
      zone: this.zone,
      owned: topics.filter(({ ownership }) => ownership?.lease !== undefined).map(({ stream }) =>
        stream.topic
      ),
      subscribers: new Set(topics.flatMap(({ stream }) => stream.flow.readers)).size,
      slow: [...new Set(topics.flatMap(({ stream }) => stream.flow.slow))],
      messages: this.#socket?.counters.sent ?? 0,
      windowBytes: topics.reduce((sum, { stream }) => sum + stream.window.byteLength, 0),
      strangers: this.#readers.strangers,
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
    this.#outlet.flush();
    // What was waited for once in vain is not waited for again.
    const { published } = this.stats();
    if (this.#drained?.published === published) return this.#drained.report;
    const report = await drain(
      this.#leaver,
      signal === undefined ? this.#life.leaving : AbortSignal.any([signal, this.#life.leaving]),
    );
    if (!signal?.aborted) this.#drained = { published, report };
    return report;
  }

  /**
   * What reliable subscribers have not got at this moment: those that are not waited for any more, that are gone without
   * a farewell, those to which it is still on its way, and those that have lost it, as it was not kept any more.
   */
  get undelivered(): Undelivered[] {
    return undeliveredOf(this.#topics);
  }

  /** Drain, hand ownership on, leave. Idempotent. */
  close(): Promise<void> {
    const farewell = async () => {
      await this.drain();
      await tellOfUndelivered(this.#leaver, this.#zk!);
    };
    return this.#life.close(farewell, () => this.#takeDown());
  }

  async #takeDown(): Promise<void> {
    clearTimeout(this.#ticker);
    this.#outlet.wake();
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

  get #leaver(): Leaver {
    return {
      publisher: this.id,
      incarnation: this.incarnation,
      topics: this.#topics,
      outlet: this.#outlet,
      waits: (this.#options.flow ?? "wait") === "wait",
      slowMs: this.#options.slowSubscriberMs ?? SLOW_MS,
    };
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
