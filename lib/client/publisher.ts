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
import { checkCommon, type CheckedOptions, checkTopics, type ClientEvent } from "../model/client_options.ts";
import { monotonic } from "../base/clock.ts";
import { ControlClient, type Matches } from "../control/control_client.ts";
import { type DrainReport, Farewell } from "./farewell.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import { placeOf } from "../net/local_address.ts";
import { logger } from "../base/log.ts";
import { checkInteger, given, shown } from "../base/option_rules.ts";
import { MismatchNotices } from "../model/mismatch_notices.ts";
import { randomId, randomIncarnation } from "../base/names.ts";
import { publisherPath } from "../model/paths.ts";
import type { PublishedTopic } from "./published_topic.ts";
import { figuresOf, publishedTopics } from "./published_topics.ts";
import { TopicOwners } from "./topic_owners.ts";
import type { Undelivered } from "../stream/undelivered.ts";
import { Outlet } from "./outlet.ts";
import { PUBLISHER_RULES, type PublisherOptions, SLOW_MS } from "./publisher_options.ts";
import { PublisherPort } from "./publisher_port.ts";
import { Readers } from "./readers.ts";
import { Rounds } from "./rounds.ts";
import { CONTROL_VERSION, type PublisherInfo } from "../wire/control.ts";
import { parseZkAddress } from "../zk/address.ts";
import { ZooKeeper } from "../zk/zookeeper.ts";
import { formatUnreached, TOLD_SLOW } from "../model/zone_health.ts";

/** How long `start()` waits for those matched already to join. */
const JOIN_GRACE_MS = 2000;

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
  readonly #topics: ReadonlyMap<string, PublishedTopic>;
  readonly #events = new AsyncQueue<ClientEvent>({ limit: EVENTS_KEPT });
  readonly #outlet: Outlet;
  readonly #life: Lifecycle;
  readonly #readers: Readers;
  readonly #owners: TopicOwners;
  readonly #port: PublisherPort;
  readonly #rounds: Rounds;
  readonly #farewell: Farewell;
  readonly #answers = new Answers((message) => this.#port.send(message), monotonic);
  readonly #notices = new MismatchNotices();
  #zk: ZooKeeper | undefined;
  #control: ControlClient | undefined;
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
    parseZkAddress(options.zookeeper);
    this.#port = new PublisherPort(this.id, this.#life, (bytes) => this.#readers.upstream(bytes));
    this.#topics = publishedTopics(checkTopics(options.topics), this.#options, {
      publisher: this.id,
      incarnation: this.incarnation,
      send: (message) => this.#port.send(message),
      answer: (topic, to, messages) => this.#answers.put(`${topic}\0${to}`, to, messages),
    });
    const waits = options.whenNotOwner === "wait";
    this.#outlet = new Outlet(this.#topics, this.#life, waits, () => this.#rounds.hurry());
    const own = {
      publisher: this.id,
      incarnation: this.incarnation,
      topics: this.#topics,
      outlet: this.#outlet,
      leaving: this.#life.leaving,
    };
    const { strength = 0, slowSubscriberMs: slowMs = SLOW_MS, flow = "wait" } = this.#options;
    this.#owners = new TopicOwners({ ...own, strength, waits }, (event) => this.#events.push(event));
    this.#readers = new Readers(own, (event) => this.#events.push(event));
    this.#rounds = new Rounds({
      ...own,
      owners: this.#owners,
      readers: this.#readers,
      port: this.#port,
      events: this.#events,
      clock: () => this.#control?.clock,
    });
    this.#farewell = new Farewell({ ...own, waits: flow === "wait", slowMs });
  }

  /** Rejects when the publisher cannot go on: rejected by the broker for good, or a fault of its own. */
  get failed(): Promise<never> {
    return this.#life.failed;
  }
  /** Where subscribers connect directly; empty when centralized or not started. */
  get endpoint(): string {
    return this.#port.endpoint;
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
    if (!await step(this.#readers.joined(JOIN_GRACE_MS, 0))) this.#readers.expectTheRest();
  }

  async #open(stop: AbortSignal): Promise<void> {
    const { zookeeper, sessionTimeoutMs, heartbeatIntervalMs, heartbeatTimeoutMs } = this.#common;
    this.#zk = new ZooKeeper({ servers: zookeeper, sessionTimeoutMs });
    const waiting = () => this.#waiting(`ZooKeeper at ${zookeeper}`);
    const place = await placeOf(this.#common, parseZkAddress(zookeeper), waiting, stop);
    const { centralized, bindPort = 0 } = this.#options;
    this.#port.open(this.#common, centralized ? undefined : { ...place, port: bindPort });
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
    this.#rounds.start();
  }

  #waiting(reason: string): void {
    log.warn(`${this.id}: waiting for ${reason}`);
    this.#events.push({ type: "waiting", reason });
  }

  #info(): PublisherInfo {
    return {
      id: this.id,
      topics: [...this.#topics.keys()],
      address: this.#port.endpoint,
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

  // --- control and ownership

  async #followControl(control: ControlClient): Promise<void> {
    for await (const event of control.events()) {
      if (event.type === "matches") {
        this.#port.reach(event.matches.brokers);
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
    return await this.#readers.joined(ms, atLeast);
  }

  // --- figures

  #controlStats(): Record<string, unknown> {
    const { published, suppressed, subscribers, slow } = this.stats();
    const unreached = this.#rounds.unreached(monotonic()).map(formatUnreached);
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
    const { published, owned, subscribers, slow, windowBytes } = figuresOf(this.#topics.values());
    return {
      published,
      suppressed: this.#outlet.suppressed,
      zone: this.zone,
      owned,
      subscribers,
      slow,
      messages: this.#port.sent,
      windowBytes,
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
  drain(signal?: AbortSignal): Promise<DrainReport> {
    return this.#farewell.drain(signal);
  }

  /**
   * What reliable subscribers have not got at this moment: those that are not waited for any more, that are gone without
   * a farewell, those to which it is still on its way, and those that have lost it, as it was not kept any more.
   */
  get undelivered(): Undelivered[] {
    return this.#farewell.undelivered;
  }

  /** Drain, hand ownership on, leave. Idempotent. */
  close(): Promise<void> {
    const farewell = async () => {
      await this.drain();
      await this.#farewell.tell(this.#zk!);
    };
    return this.#life.close(farewell, () => this.#takeDown());
  }

  async #takeDown(): Promise<void> {
    this.#rounds.stop();
    this.#outlet.wake();
    const leaving = [...this.#topics.values()].map(({ ownership }) => ownership?.close());
    for (const outcome of await Promise.allSettled([...leaving, this.#control?.close()])) {
      if (outcome.status === "rejected") log.debug(`${this.id}: while leaving: ${reasonOf(outcome.reason)}`);
    }
    this.#answers.close();
    await this.#port.close();
    await this.#zk?.close();
    this.#events.close();
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
