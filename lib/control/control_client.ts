/**
 * A client's side of the control plane: finds a zone with a primary, registers there, keeps alive, and starts
 * over when the primary changes, falls silent or sends it elsewhere. Data does not wait for any of it.
 *
 * Guarantee: no broker, and no record in ZooKeeper, ends a client or makes it spin: who does not serve it is left for
 * another, attempts that fail follow each other at growing intervals, what is waited for is said once. What ends it is
 * that its id has become another live client's.
 *
 * Znodes: watches `/primaries/zone_<n>` of its own zone, and no other; keeps the client's ephemeral record, created
 * once a broker has accepted the client, through every later session. Suspended: goes on with the broker it has.
 * Session lost: the record comes back with the new session.
 */
import { AsyncQueue } from "../base/async_queue.ts";
import { Attempts } from "./attempts.ts";
import { BrokerClock, type ClockEstimate } from "../model/broker_clock.ts";
import { monotonic } from "../base/clock.ts";
import { ClockNotices } from "../model/clock_notices.ts";
import type { ControlClientOptions, ControlEvent } from "./control_client_options.ts";
import { Conversation, type Item, type Registration, type Speaker } from "./control_conversation.ts";
import type { Leaving } from "./control_stay.ts";
import { CoordinationError, type PubsubError, reasonOf } from "../base/errors.ts";
import { idLoss } from "../recipes/id_loss.ts";
import { Latch } from "../base/latch.ts";
import { logger } from "../base/log.ts";
import { primaryPath } from "../model/paths.ts";
import { EphemeralRecord } from "../recipes/ephemeral_record.ts";
import { WaitingNotices } from "./waiting_notices.ts";
import { type BrokerRecord, parseBrokerRecord } from "../wire/control.ts";
import { isTransient } from "../zk/list_children.ts";
import { type NodeData, watchData } from "../zk/watch.ts";
import { contextsEnded } from "../zmq/context.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";
import { ZoneSearch, type ZoneTarget } from "./zone_search.ts";

const TICK_MS = 250;
/** How long a leaderless zone is waited for before its clients go to another one. */
const ELECTION_GRACE_MS = 1500;

const log = logger("control");

export type { ClockEstimate } from "../model/broker_clock.ts";
export type { Matches } from "../model/match_set.ts";

/** The clients of a process have one clock. */
const clockNotices = new ClockNotices();

/** Keeps one client registered. */
export class ControlClient implements AsyncDisposable {
  readonly #zk: ZooKeeper;
  readonly #options: ControlClientOptions;
  readonly #registration: Registration;
  readonly #id: string;
  readonly #abort = new AbortController();
  readonly #events = new AsyncQueue<ControlEvent>();
  readonly #search: ZoneSearch;
  /** Something to look at while there is no broker. */
  readonly #changed = new Latch();
  readonly #notices = new WaitingNotices();
  readonly #clock = new BrokerClock((estimate, now) => {
    const text = clockNotices.look(estimate, now);
    if (text !== undefined) log.warn(`${this.#id}: ${text}`);
  });
  readonly #speaker: Speaker;
  readonly #running: Promise<void>;
  readonly #present = Promise.withResolvers<void>();
  readonly #matched = Promise.withResolvers<void>();
  readonly #recorded = Promise.all([this.#present.promise, this.#matched.promise]).then(() => {});
  #items = new AsyncQueue<Item>();
  #record: EphemeralRecord | undefined;
  #attempts = 0;
  #unreadable = "";
  #lost: PubsubError | undefined;
  #zone = 0;
  #broker = "";

  constructor(zk: ZooKeeper, options: ControlClientOptions) {
    this.#zk = zk;
    this.#options = options;
    const { registration, zone: pinned, assignment } = options;
    const key = crypto.getRandomValues(new Uint8Array(16)).toHex();
    this.#registration = { ...registration, key, ...pinned === undefined ? {} : { pinned: true } };
    this.#id = registration.role === "publisher" ? registration.publisher.id : registration.subscriber.id;
    this.#speaker = this.#speakerOf(options);
    this.#search = new ZoneSearch(zk, { pinned, assignment, onChange: this.#changed.set });
    this.#running = this.#run().finally(() => this.#events.close());
  }

  #speakerOf(options: ControlClientOptions): Speaker {
    const client = this as ControlClient;
    return {
      id: this.#id,
      get hadId() {
        return client.#record !== undefined;
      },
      heartbeats: options,
      clock: this.#clock,
      registration: () => ({ ...this.#registration, attempt: ++this.#attempts }),
      stats: () => ({ ...options.stats(), ...this.#clockStats() }),
      accepted: (zone, primary) => this.#registered(zone, primary),
      matches: (matches) => {
        this.#events.push({ type: "matches", matches });
        this.#matched.resolve();
      },
      say: (reason) => this.#say(reason),
    };
  }

  /** Zone of the last registration, 0 before the first. */
  get zone(): number {
    return this.#zone;
  }
  /** Broker of the last registration. */
  get broker(): string {
    return this.#broker;
  }
  /** Resolves when our record is in ZooKeeper, and our broker has told whom we are matched with. */
  get recorded(): Promise<void> {
    return this.#recorded;
  }
  /** Of the broker that answered last; undefined before the first answer. */
  get clock(): ClockEstimate | undefined {
    return this.#clock.estimate;
  }
  /** Ends with an error when the client cannot go on: its id is another's, or a fault of our own. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /** For `status`. */
  #clockStats(): Record<string, number> {
    const estimate = this.#clock.estimate;
    return estimate === undefined ? {} : { clock_offset_ms: estimate.offset, clock_bound_ms: estimate.bound };
  }

  /** What happens, from now on; one consumer. */
  events(): AsyncIterableIterator<ControlEvent, undefined> {
    return this.#events;
  }

  async #run(): Promise<void> {
    const attempts = new Attempts();
    while (!this.#abort.signal.aborted) {
      attempts.begins(monotonic());
      const target = await this.#choose();
      if (target !== undefined && await this.#attend(target)) attempts.succeeded();
      else await this.#pause(attempts.failed(target?.anyPrimary === false, monotonic()));
    }
    if (this.#lost) throw this.#lost;
  }

  #say(reason: string): void {
    if (!this.#notices.fresh(reason, monotonic())) return;
    log.warn(`${this.#id}: waiting for ${reason}`);
    this.#events.push({ type: "waiting", reason });
  }

  /** A zone to register in, or undefined after having waited a moment for one. */
  async #choose(): Promise<ZoneTarget | undefined> {
    if (this.#zk.state === "closed") this.#abort.abort();
    if (!this.#zk.acting && !(await this.#connected(2 * TICK_MS))) {
      this.#say("ZooKeeper");
      await this.#connected(TICK_MS);
      return undefined;
    }
    try {
      this.#changed.clear();
      const target = await this.#search.choose();
      if (target === undefined) {
        this.#say("a primary broker in any zone");
        await this.#pause(4 * TICK_MS);
      }
      return target;
    } catch (error) {
      if (CoordinationError.is(error, "CLOSED")) this.#abort.abort();
      else if (!isTransient(error)) throw error;
      return undefined;
    }
  }

  /** Wait for ZooKeeper, at most `ms`. @returns whether it is there. */
  async #connected(ms: number): Promise<boolean> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ms);
    await this.#zk.connected(AbortSignal.any([late.signal, this.#abort.signal])).catch(() => {});
    clearTimeout(timer);
    return this.#zk.acting;
  }

  /** Wait until something changes, at most `ms`. */
  async #pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    const timer = setTimeout(this.#changed.set, ms);
    await this.#changed.wait(this.#abort.signal);
    clearTimeout(timer);
  }

  /**
   * Wait for the zone's primary, register, and stay with it until there is a reason not to.
   *
   * @returns whether it has accepted us.
   */
  async #attend(target: ZoneTarget): Promise<boolean> {
    const items = this.#items = new AsyncQueue<Item>();
    const ending = new AbortController();
    const following = this.#followPrimary(target.zone, items, ending.signal);
    const ticker = setInterval(() => items.push({ kind: "tick" }), TICK_MS);
    try {
      const primary = await this.#primaryOf(target, items);
      return primary !== undefined && await this.#stay(target.zone, primary, items);
    } finally {
      clearInterval(ticker);
      ending.abort();
      await following;
    }
  }

  /** Pushes the zone's primary, and each change of it; closes `items` when it cannot be followed any longer. */
  async #followPrimary(zone: number, items: AsyncQueue<Item>, ending: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([ending, this.#abort.signal]);
    try {
      for await (const node of watchData(this.#zk, primaryPath(zone), signal)) {
        items.push({ kind: "primary", primary: node && this.#parsePrimary(zone, node) });
      }
    } finally {
      items.close();
    }
  }

  /** A record that cannot be read is as good as none; each is named once. */
  #parsePrimary(zone: number, { data, stat }: NodeData): BrokerRecord | undefined {
    try {
      return parseBrokerRecord(data, primaryPath(zone));
    } catch (error) {
      const record = `${zone} ${stat.mzxid}`;
      if (record !== this.#unreadable) {
        log.warn(`${this.#id}: ignoring znode ${primaryPath(zone)}: ${reasonOf(error)}`);
      }
      this.#unreadable = record;
      return undefined;
    }
  }

  /** The primary of the zone, as soon as there is one that suits us; undefined when we had better look elsewhere. */
  async #primaryOf(target: ZoneTarget, items: AsyncQueue<Item>): Promise<BrokerRecord | undefined> {
    let primary: BrokerRecord | undefined;
    let known = false;
    for (;;) {
      const { value: item } = await items.next();
      if (item === undefined || this.#abort.signal.aborted) return undefined;
      if (item.kind === "primary") {
        ({ primary } = item);
        known = true;
      }
      if (primary && (target.anyPrimary || this.#search.suits(primary))) return primary;
      if (known && target.until === Infinity) this.#say(`a primary broker in zone ${target.zone}`);
      else if (known && target.anyPrimary) this.#say("a primary broker in any zone");
      if (known && (monotonic() >= target.until || primary?.draining)) {
        this.#search.passOver(target.zone, this.#unreadable.startsWith(`${target.zone} `));
        return undefined;
      }
      if (!known && !this.#zk.acting) {
        if (monotonic() >= target.until) return undefined;
        this.#say("ZooKeeper");
      }
    }
  }

  /** @returns whether the broker has accepted us. */
  async #stay(zone: number, primary: BrokerRecord, items: AsyncQueue<Item>): Promise<boolean> {
    const conversation = new Conversation(this.#speaker, zone, primary);
    const { leaving, wasAccepted } = await conversation.hold(items, this.#abort.signal);
    if (leaving !== undefined && !this.#abort.signal.aborted) {
      this.#leave(leaving, wasAccepted, zone, primary);
    }
    return wasAccepted;
  }

  #registered(zone: number, primary: BrokerRecord): void {
    this.#zone = zone;
    this.#broker = primary.broker;
    this.#notices.over();
    const data = this.#options.record(zone);
    if (this.#record) {
      this.#record.update(data).catch((error) => {
        log.debug(`${this.#id}: the record is written when ZooKeeper is back: ${reasonOf(error)}`);
      });
    } else {
      const onTaken = idLoss(this.#registration.role, this.#id, (error) => this.#end(error));
      this.#record = new EphemeralRecord(this.#zk, this.#options.recordPath, data, { onTaken });
      this.#record.present(this.#abort.signal).then(this.#present.resolve, () => {});
    }
    log.info(`${this.#id}: registered in zone ${zone} with broker ${primary.broker}`);
    this.#events.push({ type: "registered", zone, broker: primary.broker });
  }

  /** We cannot go on. */
  #end(error: PubsubError): void {
    this.#lost ??= error;
    this.#abort.abort();
    this.#items.push({ kind: "tick" });
  }

  /** A broker is left. One that had not accepted us is not news, but that it is waited for. */
  #leave(
    { reason, avoid, prefer }: Leaving,
    wasAccepted: boolean,
    zone: number,
    primary: BrokerRecord,
  ): void {
    const { broker, control } = primary;
    if (prefer !== undefined) this.#search.prefer(prefer, ELECTION_GRACE_MS);
    if (avoid) this.#search.avoid(primary);
    if (!wasAccepted) {
      log.debug(`${this.#id}: gives up on broker ${broker} of zone ${zone}: ${reason}`);
      if (avoid) {
        this.#say(`broker ${broker} of zone ${zone} at ${control} to serve us, or another one: ${reason}`);
      }
      return;
    }
    log.info(`${this.#id}: leaving broker ${broker} of zone ${zone}: ${reason}`);
    this.#events.push({ type: "left", broker, reason });
  }

  /** Leave: unregister, remove the record. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#items.push({ kind: "tick" });
    await this.#record?.close();
    await this.#running.catch(() => {});
    await contextsEnded();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
