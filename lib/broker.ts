/**
 * A broker: forwards samples from the moment it starts (standby too), contends for its zone, and while it is the
 * zone's primary registers clients and tells them whom they are matched with.
 *
 * Guarantee: nothing a client sends, or stops sending, holds up another one: messages are parsed against a schema,
 * answers are never waited for, samples never pass through JavaScript.
 *
 * Znodes: `/brokers/<id>` while it lives; `/elections/zone_<n>/…`, `/primaries/zone_<n>` while it leads. Session
 * suspended: it answers `not_primary`, samples go on. Session lost: it steps down, and contends again.
 */
import process from "node:process";
import { AsyncQueue } from "./async_queue.ts";
import { checkCommon, type CheckedOptions, checkInteger, type CommonOptions } from "./client_options.ts";
import { monotonic, wallClock } from "./clock.ts";
import { controlHeartbeats } from "./control_heartbeats.ts";
import { FormatError, PubsubError, reasonOf } from "./errors.ts";
import {
  addressOnceReachable,
  advertised,
  listenAddress,
  PATIENCE_MS,
  tcpEndpoint,
} from "./local_address.ts";
import { logger } from "./log.ts";
import { MatchFeed, type Routing } from "./match_feed.ts";
import { type Asker, MatchIndex } from "./match_index.ts";
import { checkZone } from "./names.ts";
import { brokerPath, BROKERS, electionPath, primaryPath, PUBLISHERS, SUBSCRIBERS } from "./paths.ts";
import { Election, type Term } from "./recipes/election.ts";
import { EphemeralRecord } from "./recipes/ephemeral_record.ts";
import { LoadCounter } from "./recipes/load_counter.ts";
import { Rebalancer } from "./rebalancer.ts";
import { type Client, Registry } from "./registry.ts";
import {
  type BrokerMessage,
  type BrokerRecord,
  type ClientMessage,
  decodeClientMessage,
  encodeControl,
  MAX_CONTROL_BYTES,
  parseBrokerRecord,
  parsePublisherRecord,
  parseSubscriberRecord,
} from "./wire/control.ts";
import { MAX_UPSTREAM_AT_BROKER } from "./wire/upstream.ts";
import { parseZkAddress } from "./zk/address.ts";
import { watchRecords } from "./zk/watch.ts";
import { ZooKeeper } from "./zk/zookeeper.ts";
import { formatZoneCount, zoneClientsPath } from "./zone_clients.ts";
import { healthOf } from "./zone_health.ts";
import { Forwarder } from "./zmq/forwarder.ts";
import { Socket } from "./zmq/socket.ts";

const HEARTBEAT_MS = 1000;
/** Changes are gathered for so long before matches are computed again. */
const DEBOUNCE_MS = 10;
/** And for so much longer for each client there is, as reading their list takes that much longer. */
const DEBOUNCE_MS_A_CLIENT = 0.02;
/** The number of clients is written so long after it has changed. */
const COUNT_MS = 100;
const HIGH_WATER_MARK = 4096;
/** After a clean exit was announced, samples are forwarded for so long while subscribers move. */
const FAREWELL_MS = 400;
const COMPLAINT_MS = 10_000;
/** Brokers that a subscriber is told of. */
const ROUTES = 3;

const log = logger("broker");

/** A client that was sent to another zone is not sent again for so long. */
const SENT_AWAY_MS = 2500;

/** Options of a broker. */
export interface BrokerOptions extends CommonOptions {
  /** A positive integer. Default 1. */
  zone?: number | undefined;
  /** Start without a zone: ready to forward, in no list, until {@link Broker.join}. Default false. */
  warm?: boolean | undefined;
  /** Whether clients move to other zones when a zone appears or the zones are very uneven. Default true. */
  rebalance?: boolean | undefined;
  /** What subscribers get that do not say. Default false. */
  centralized?: boolean | undefined;
  /** The control socket listens on each of them. Default one free port. */
  controlPorts?: number[] | undefined;
  ingressPort?: number | undefined;
  egressPort?: number | undefined;
}

/** What happens to a broker. */
export type BrokerEvent =
  | { type: "waiting"; reason: string }
  | { type: "standby" }
  | { type: "primary"; epoch: bigint }
  /** It drains, and has no clients any more but those that stay where they are. */
  | { type: "drained"; pinned: number }
  | { type: "client"; id: string; role: "publisher" | "subscriber"; what: "registered" | "left" | "silent" };

/** Counters and state of a broker. */
export interface BrokerStats {
  id: string;
  /** 0 while it has none. */
  zone: number;
  role: "starting" | "standby" | "primary";
  draining: boolean;
  epoch: string | null;
  clients: number;
  /** Messages that were not of this system, or not according to its schema. */
  dropped: number;
}

/** What a broker knows of the system, and what that has cost it since its start. */
export interface BrokerCosts {
  publishers: number;
  subscribers: number;
  brokers: number;
  zookeeper: { operations: number; watches: number; bytesIn: number };
  control: { sent: number; received: number; bytesIn: number; bytesOut: number; matchBytes: number };
  cpuMs: number;
}

/**
 * One broker.
 *
 * @example
 * ```ts ignore
 * await using broker = new Broker({ zookeeper: "127.0.0.1:2181", zone: 2 });
 * await broker.start();
 * await broker.failed; // runs until something fails
 * ```
 */
export class Broker implements AsyncDisposable {
  readonly id: string;
  readonly #common: CheckedOptions;
  readonly #options: BrokerOptions;
  readonly #index = new MatchIndex();
  readonly #registry = new Registry();
  readonly #brokers = new Map<string, BrokerRecord>();
  readonly #events = new AsyncQueue<BrokerEvent>({ limit: 1000 });
  readonly #abort = new AbortController();
  readonly #tasks: Promise<unknown>[] = [];
  readonly #failed = Promise.withResolvers<never>();
  /** "role id" of everybody who has a record. */
  readonly #recorded = new Set<string>();
  /** Clients whose matches may have changed. */
  readonly #dirty = new Set<Client>();
  #everybodyDirty = false;
  #dispatchTimer: ReturnType<typeof setTimeout> | undefined;
  #housekeeping: ReturnType<typeof setInterval> | undefined;
  #zk: ZooKeeper | undefined;
  #forwarder: Forwarder | undefined;
  #control: Socket | undefined;
  #record: BrokerRecord | undefined;
  #brokerNode: EphemeralRecord | undefined;
  #primaryNode: EphemeralRecord | undefined;
  #clientsNode: EphemeralRecord | undefined;
  #election: Election | undefined;
  #loadCounter: LoadCounter | undefined;
  #rebalancer: Rebalancer | undefined;
  #zone: number;
  #draining = false;
  /** It was told that this broker is drained. */
  #drainedTold = false;
  #term: Term | undefined;
  #started = false;
  #countTimer: ReturnType<typeof setTimeout> | undefined;
  #countWritten = "";
  #dropped = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #matchBytes = 0;
  #droppedTold = 0;
  #complainedAt = -COMPLAINT_MS;
  #closing: Promise<void> | undefined;

  /** @throws {UsageError} naming the option, its value and its rule. */
  constructor(options: BrokerOptions) {
    this.#common = checkCommon(options, "broker");
    this.#options = options;
    this.id = this.#common.id;
    const zone = checkZone(options.zone ?? 1);
    this.#zone = options.warm ? 0 : zone;
    parseZkAddress(options.zookeeper);
    for (const port of [...options.controlPorts ?? [], options.ingressPort ?? 0, options.egressPort ?? 0]) {
      checkInteger("port", port, 0, 65535);
    }
    this.#failed.promise.catch(() => {});
  }

  /** Rejects when the broker cannot go on. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }
  /** Its zone, 0 while it has none. */
  get zone(): number {
    return this.#zone;
  }
  /** Whether it leads its zone; by the clock, so a suspended primary is none. */
  get role(): BrokerStats["role"] {
    if (!this.#started) return "starting";
    return this.#term?.active ? "primary" : "standby";
  }
  /** Its record: endpoints as others see them. Undefined before the start. */
  get record(): BrokerRecord | undefined {
    return this.#record;
  }
  /** What happens, one consumer; the oldest are dropped when nobody reads. */
  events(): AsyncIterableIterator<BrokerEvent, undefined> {
    return this.#events;
  }

  /** Listen, register, contend. Waits for ZooKeeper as long as it takes, and says so. */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const stop = AbortSignal.any(signal ? [signal, this.#abort.signal] : [this.#abort.signal]);
    const { zookeeper, sessionTimeoutMs, heartbeatIntervalMs, heartbeatTimeoutMs } = this.#common;
    const zk = this.#zk = new ZooKeeper({ servers: zookeeper, sessionTimeoutMs });
    const host = await this.#host(stop);
    this.#listen(host, { heartbeatIntervalMs, heartbeatTimeoutMs });
    const patience = setTimeout(() => this.#waiting(`ZooKeeper at ${zookeeper}`), PATIENCE_MS);
    await zk.connected(stop).finally(() => clearTimeout(patience));
    if (!this.#options.warm) this.#enlist();
    const loaded = [this.#followBrokers(zk), this.#followPublishers(zk), this.#followSubscribers(zk)];
    await Promise.race([Promise.all(loaded), this.#failed.promise]);
    if (!this.#options.warm) await this.#contend(stop);
  }

  /**
   * Join a zone: for a broker that was started warm, once.
   *
   * @throws {UsageError} when the zone is not a positive integer.
   * @throws {PubsubError} when it has a zone.
   */
  async join(zone: number, signal?: AbortSignal): Promise<void> {
    if (this.#zone !== 0) throw new PubsubError(`Broker ${this.id} is in zone ${this.#zone}`);
    this.#zone = this.#record!.zone = checkZone(zone);
    this.#enlist();
    await this.#contend(AbortSignal.any(signal ? [signal, this.#abort.signal] : [this.#abort.signal]));
  }

  /** Be known to everybody. */
  #enlist(): void {
    this.#brokerNode = new EphemeralRecord(this.#zk!, brokerPath(this.id), JSON.stringify(this.#current()));
  }

  async #contend(stop: AbortSignal): Promise<void> {
    const zk = this.#zk!;
    this.#loadCounter = new LoadCounter(zk, { told: true, isFirst: () => this.#isFirstPrimary() });
    this.#rebalancer = new Rebalancer(zk, {
      zone: this.zone,
      balance: this.#options.rebalance ?? true,
      zones: () => this.#zones(),
      move: (to, count, reason) => this.#sendAway(to, count, reason),
    });
    await Promise.race([this.#brokerNode!.present(stop), this.#failed.promise]);
    this.#election = new Election(zk, electionPath(this.zone), this.id);
    this.#own(this.#lead(this.#election));
    this.#started = true;
    const { control, ingress, egress } = this.#record!;
    log.info(
      `${this.id}: standby of zone ${this.zone} until elected; control ${control}, ingress ${ingress}, egress ${egress}`,
    );
    this.#events.push({ type: "standby" });
  }

  #host(signal: AbortSignal): Promise<string> {
    const { address, zookeeper } = this.#common;
    if (address !== undefined) return Promise.resolve(address);
    return addressOnceReachable(
      parseZkAddress(zookeeper),
      () => this.#waiting(`ZooKeeper at ${zookeeper}`),
      signal,
    );
  }

  #waiting(reason: string): void {
    log.warn(`${this.id}: waiting for ${reason}`);
    this.#events.push({ type: "waiting", reason });
  }

  #listen(host: string, heartbeats: { heartbeatIntervalMs: number; heartbeatTimeoutMs: number }): void {
    const { controlPorts, ingressPort, egressPort } = this.#options;
    const at = this.#common.bind ?? listenAddress(host);
    this.#forwarder = new Forwarder({
      ingress: [tcpEndpoint(at, ingressPort ?? 0)],
      egress: [tcpEndpoint(at, egressPort ?? 0)],
      sendHighWaterMark: HIGH_WATER_MARK,
      receiveHighWaterMark: HIGH_WATER_MARK,
      maxUpstreamSize: MAX_UPSTREAM_AT_BROKER,
      ...heartbeats,
    });
    this.#own(this.#forwarder.ended);
    const control = this.#control = new Socket("router", {
      maxMessageSize: MAX_CONTROL_BYTES,
      ...controlHeartbeats(heartbeats),
    });
    const ports = controlPorts?.length ? [...new Set(controlPorts)] : [0];
    const bound = ports.map((port) => control.bind(tcpEndpoint(at, port)));
    this.#own(this.#serve(control));
    this.#housekeeping = setInterval(() => this.#keepHouse(), HEARTBEAT_MS);
    this.#record = {
      broker: this.id,
      zone: this.zone,
      host,
      control: advertised(host, bound[0]!),
      ingress: advertised(host, this.#forwarder.ingress[0]!),
      egress: advertised(host, this.#forwarder.egress[0]!),
      standby: true,
    };
  }

  /** A background task whose failure is the broker's. */
  #own(task: Promise<unknown>): void {
    this.#tasks.push(task.catch((error) => {
      if (!this.#abort.signal.aborted) this.#failed.reject(error);
    }));
  }

  // --- the state that all brokers share

  /** Follow records in the background. @returns when the current ones are known. */
  #follow<T>(
    zk: ZooKeeper,
    path: string,
    parse: (data: Uint8Array, name: string) => T,
    apply: { set: (record: T) => void; remove: (name: string) => void },
  ): Promise<void> {
    const loaded = Promise.withResolvers<void>();
    const { signal } = this.#abort;
    this.#own((async () => {
      const debounceMs = (records: number) => DEBOUNCE_MS + DEBOUNCE_MS_A_CLIENT * records;
      for await (const change of watchRecords(zk, path, parse, { signal, debounceMs })) {
        for (const name of change.removed) apply.remove(name);
        for (const record of [...change.added.values(), ...change.changed.values()]) apply.set(record);
        for (const [name, reason] of change.invalid) {
          apply.remove(name);
          log.warn(`${this.id}: ignoring znode ${path}/${name}: ${reason}`);
        }
        loaded.resolve();
        this.#dispatchSoon();
        this.#loadCounter?.poke();
      }
    })());
    return loaded.promise;
  }

  /** Whether no zone with a lower number has a primary. */
  #isFirstPrimary(): boolean {
    return ![...this.#brokers.values()].some(({ zone, standby }) => !standby && zone < this.zone);
  }

  #followPublishers(zk: ZooKeeper): Promise<void> {
    return this.#follow(zk, PUBLISHERS, parsePublisherRecord, {
      set: (record) => {
        this.#recorded.add(`publisher ${record.id}`);
        this.#changed("publisher", record.id, this.#index.setPublisher(record));
      },
      remove: (name) => {
        this.#recorded.delete(`publisher ${name}`);
        this.#changed("publisher", name, this.#index.deletePublisher(name));
      },
    });
  }

  #followSubscribers(zk: ZooKeeper): Promise<void> {
    return this.#follow(zk, SUBSCRIBERS, parseSubscriberRecord, {
      set: (record) => {
        this.#recorded.add(`subscriber ${record.id}`);
        this.#changed("subscriber", record.id, this.#index.setSubscriber(record));
      },
      remove: (name) => {
        this.#recorded.delete(`subscriber ${name}`);
        this.#changed("subscriber", name, this.#index.deleteSubscriber(name));
      },
    });
  }

  #followBrokers(zk: ZooKeeper): Promise<void> {
    return this.#follow(zk, BROKERS, parseBrokerRecord, {
      set: (record) => {
        this.#brokers.set(record.broker, record);
        this.#everybodyDirty = true;
        this.#rebalancer?.poke();
      },
      remove: (name) => {
        this.#brokers.delete(name);
        this.#everybodyDirty = true;
        this.#rebalancer?.poke();
      },
    });
  }

  /** Those of our clients that this one may or might be matched with on these topics have to be told. */
  #changed(role: Asker["role"], id: string, topics: Iterable<string>): void {
    const others = role === "publisher" ? "subscriber" : "publisher";
    for (const topic of topics) {
      for (const client of this.#registry.on(others, topic)) {
        client.feed.touch(topic, id);
        this.#dirty.add(client);
      }
    }
  }

  // --- leading

  async #lead(election: Election): Promise<void> {
    for await (const term of election.terms()) {
      if (term.signal.aborted) continue;
      this.#term = term;
      const record = this.#current();
      log.info(`${this.id}: primary of zone ${this.zone}, epoch ${term.epoch}`);
      this.#primaryNode = new EphemeralRecord(this.#zk!, primaryPath(this.zone), JSON.stringify(record));
      this.#clientsNode = new EphemeralRecord(this.#zk!, zoneClientsPath(this.zone), "0");
      this.#countWritten = "0";
      await this.#announce();
      this.#loadCounter!.start();
      this.#rebalancer!.start();
      this.#events.push({ type: "primary", epoch: term.epoch });
      await new Promise((resolve) => {
        if (term.signal.aborted) resolve(undefined);
        term.signal.addEventListener("abort", resolve, { once: true });
      });
      await this.#stepDown();
    }
  }

  /** Its record as it is now. */
  #current(): BrokerRecord {
    return {
      ...this.#record!,
      ...this.#term ? { standby: false, epoch: String(this.#term.epoch) } : {},
      ...this.#draining ? { draining: true } : {},
    };
  }

  /** Have everybody know what it is now. */
  async #announce(): Promise<void> {
    const record = JSON.stringify(this.#current());
    const outcomes = await Promise.allSettled([
      this.#brokerNode?.update(record),
      this.#term && this.#primaryNode?.update(record),
    ]);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      log.debug(`${this.id}: the record is written when ZooKeeper is back: ${reasonOf(outcome.reason)}`);
    }
  }

  // --- draining and balancing

  /**
   * Send all clients to other zones, and take no new ones if there is another zone; with `false` no longer.
   * The event `drained` tells when none is left that goes. Data goes on until {@link close}.
   */
  async drain(on = true): Promise<void> {
    if (this.#draining === on) return;
    this.#draining = on;
    this.#drainedTold = false;
    log.info(`${this.id}: ${on ? "drains" : "no longer drains"}`);
    await this.#announce();
    this.#checkDrained();
  }

  #checkDrained(): void {
    const { size, pinned } = this.#registry;
    if (!this.#draining || this.#drainedTold || size > pinned) return;
    this.#drainedTold = true;
    this.#events.push({ type: "drained", pinned });
  }

  /** The zones that have a primary. */
  #zones(): { zone: number; draining: boolean }[] {
    return [...this.#brokers.values()].filter(({ standby }) => !standby)
      .map(({ zone, draining = false }) => ({ zone, draining }));
  }

  /** Send so many clients to another zone, those first that have been here longest. @returns how many were sent. */
  #sendAway(zone: number, count: number, reason: string): number {
    const now = monotonic();
    let sent = 0;
    for (const client of this.#registry) {
      if (sent >= count) break;
      if (client.pinned || now - (client.sentAwayAt ?? -Infinity) < SENT_AWAY_MS) continue;
      client.sentAwayAt = now;
      this.#send(client.route, { type: "reassign", zone, reason: reason.slice(0, 300) });
      sent++;
    }
    return sent;
  }

  async #stepDown(): Promise<void> {
    this.#term = undefined;
    for (const client of this.#registry) this.#forgetUnrecorded(client);
    this.#registry.clear();
    this.#loadCounter!.stop();
    this.#rebalancer!.stop();
    await Promise.allSettled([this.#primaryNode?.close(), this.#clientsNode?.close()]);
    this.#primaryNode = this.#clientsNode = undefined;
    if (this.#abort.signal.aborted) return;
    log.warn(`${this.id}: no longer primary of zone ${this.zone}`);
    this.#events.push({ type: "standby" });
    await this.#announce();
  }

  // --- control plane

  async #serve(control: Socket): Promise<void> {
    for await (const messages of control.messages()) {
      for (const frames of messages) this.#receive(frames);
    }
  }

  #receive(frames: Uint8Array[]): void {
    const [route, bytes] = frames;
    if (route === undefined || bytes === undefined || frames.length !== 2) {
      return this.#drop("a message of one part");
    }
    this.#bytesIn += bytes.length;
    const message = decodeClientMessage(bytes);
    if (message instanceof FormatError) {
      this.#drop(message.message);
      this.#send(route, { type: "rejected", code: "bad_message", reason: message.message });
      return;
    }
    if (message.type === "status") {
      this.#send(route, { type: "status", status: this.#status(message.brief ?? false) });
    } else if (!this.#term?.active) {
      const primary = this.#primaryOfZone();
      this.#send(route, { type: "not_primary", ...(primary === undefined ? {} : { primary }) });
    } else {
      this.#handle(route, message);
    }
  }

  #handle(route: Uint8Array, message: Exclude<ClientMessage, { type: "status" }>): void {
    const now = monotonic();
    if (message.type === "register") {
      const { pinned = false } = message;
      const asker: Asker = message.role === "publisher"
        ? { role: message.role, info: message.publisher }
        : { role: message.role, info: message.subscriber };
      return this.#register(route, asker, pinned, now);
    }
    const client = this.#registry.get(message.id);
    if (!client || !equal(client.route, route)) {
      if (message.type === "ping") this.#send(route, { type: "not_primary" });
      return;
    }
    client.heardAt = now;
    if (message.type === "ping") {
      client.stats = message.stats;
      const { version } = client.feed;
      this.#send(route, { type: "pong", time: message.time, clock: wallClock(), version });
    } else if (message.type === "resync") {
      this.#tellAll(client);
    } else {
      this.#registry.delete(client.id);
      this.#countSoon();
      this.#checkDrained();
      this.#forgetUnrecorded(client);
      this.#events.push({ type: "client", id: client.id, role: client.asker.role, what: "left" });
    }
  }

  #register(route: Uint8Array, asker: Asker, pinned: boolean, now: number): void {
    const { role, info } = asker;
    const others = role === "publisher" ? this.#index.publishers : this.#index.subscribers;
    const other = others.get(info.id);
    if (
      (other && other.incarnation !== info.incarnation) ||
      this.#registry.taken(info.id, info.incarnation, now)
    ) {
      const reason =
        `id ${info.id} is in use by another ${role}, which is alive or whose session is not over`;
      return this.#send(route, { type: "rejected", code: "id_in_use", reason });
    }
    const client = this.#registry.add(asker, new MatchFeed(asker, this.#index), route, pinned, now);
    this.#countSoon();
    // Known here at once; the other brokers know it from its record.
    const topics = role === "publisher" ? this.#index.setPublisher(info) : this.#index.setSubscriber(info);
    this.#changed(role, info.id, topics);
    this.#dispatchSoon();
    log.info(`${this.id}: ${role} ${info.id} registered in zone ${this.zone}`);
    this.#events.push({ type: "client", id: info.id, role, what: "registered" });
    this.#send(route, { type: "registered", zone: this.zone, broker: this.id, heartbeat: HEARTBEAT_MS });
    this.#tellAll(client);
  }

  /** A client that left before its record was there is known to nobody else. */
  #forgetUnrecorded({ id, asker: { role } }: Client): void {
    if (this.#recorded.has(`${role} ${id}`)) return;
    const topics = role === "publisher" ? this.#index.deletePublisher(id) : this.#index.deleteSubscriber(id);
    this.#changed(role, id, topics);
    this.#dispatchSoon();
  }

  #send(route: Uint8Array, message: BrokerMessage): void {
    const bytes = encodeControl(message);
    this.#bytesOut += bytes.length;
    if (message.type === "matches") this.#matchBytes += bytes.length;
    this.#control!.send([route, bytes]);
  }

  #drop(reason: string): void {
    this.#dropped++;
    const now = monotonic();
    if (now - this.#complainedAt < COMPLAINT_MS) return;
    this.#complainedAt = now;
    const count = this.#dropped - this.#droppedTold;
    this.#droppedTold = this.#dropped;
    log.warn(`${this.id}: dropped ${count} bad control message(s), the last one: ${reason}`);
  }

  #primaryOfZone(): string | undefined {
    for (const { zone, standby, broker } of this.#brokers.values()) {
      if (zone === this.zone && !standby && broker !== this.id) return broker;
    }
    return undefined;
  }

  // --- matching

  #dispatchSoon(): void {
    this.#dispatchTimer ??= setTimeout(() => {
      this.#dispatchTimer = undefined;
      const routing = this.#routing();
      for (const client of this.#everybodyDirty ? this.#registry : this.#dirty) {
        if (this.#registry.get(client.id) !== client) continue;
        for (const message of client.feed.news(routing)) this.#send(client.route, message);
      }
      this.#dirty.clear();
      this.#everybodyDirty = false;
    }, DEBOUNCE_MS);
  }

  /** Send a client all its matches. */
  #tellAll(client: Client): void {
    for (const message of client.feed.whole(this.#routing())) this.#send(client.route, message);
  }

  #routing(): Routing {
    const ingress = [...this.#brokers.values()].map((broker) => broker.ingress).sort();
    return { egress: this.#routes(), ingress, centralized: this.#options.centralized ?? false };
  }

  /** Egress endpoints for our subscribers: our own, then others of our zone, then of other zones. */
  #routes(): string[] {
    const rank = ({ zone, standby }: BrokerRecord) => (zone === this.zone ? 0 : 2) + (standby ? 1 : 0);
    const others = [...this.#brokers.values()]
      .filter(({ broker, draining }) => broker !== this.id && !draining)
      .sort((a, b) => rank(a) - rank(b) || (a.broker < b.broker ? -1 : 1));
    return [this.#record!, ...others].slice(0, ROUTES).map(({ egress }) => egress);
  }

  // --- time and figures

  #keepHouse(): void {
    for (const client of this.#registry.expire(monotonic())) {
      const { id, asker: { role } } = client;
      this.#forgetUnrecorded(client);
      log.info(`${this.id}: ${role} ${id} has gone silent`);
      this.#events.push({ type: "client", id, role, what: "silent" });
    }
    this.#countSoon();
    this.#checkDrained();
  }

  /** Have the number of our clients written, if it has changed. */
  #countSoon(): void {
    this.#countTimer ??= setTimeout(() => {
      this.#countTimer = undefined;
      const count = formatZoneCount({ clients: this.#registry.size, pinned: this.#registry.pinned });
      if (!this.#clientsNode || count === this.#countWritten) return;
      this.#countWritten = count;
      this.#clientsNode.update(count).catch((error) => {
        log.debug(`${this.id}: the number of clients is written later: ${reasonOf(error)}`);
        this.#countWritten = "";
      });
    }, COUNT_MS);
  }

  /** Counters and state. */
  stats(): BrokerStats {
    return {
      id: this.id,
      zone: this.zone,
      role: this.role,
      draining: this.#draining,
      epoch: this.#term ? String(this.#term.epoch) : null,
      clients: this.#registry.size,
      dropped: this.#dropped,
    };
  }

  #status(brief: boolean): Record<string, unknown> {
    const status = { ...this.stats(), costs: this.#costs(), ...healthOf(this.#registry) };
    if (brief) return status;
    return {
      ...status,
      clients: [...this.#registry].map(({ id, asker, stats }) => ({ ...stats, id, role: asker.role })),
    };
  }

  /** What it knows of the system, and what that has cost so far. */
  #costs(): BrokerCosts {
    const { user, system } = process.cpuUsage();
    const { sent, received } = this.#control!.counters;
    return {
      publishers: this.#index.publishers.size,
      subscribers: this.#index.subscribers.size,
      brokers: this.#brokers.size,
      zookeeper: this.#zk!.counters(),
      control: {
        ...{ sent, received, bytesIn: this.#bytesIn },
        ...{ bytesOut: this.#bytesOut, matchBytes: this.#matchBytes },
      },
      cpuMs: (user + system) / 1000,
    };
  }

  // --- leaving

  /** Hand the zone on, let subscribers move, stop forwarding. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#abort.abort();
    clearInterval(this.#housekeeping);
    clearTimeout(this.#dispatchTimer);
    clearTimeout(this.#countTimer);
    // Records first, so that a client that hears of the end finds a successor and not us.
    await Promise.allSettled([
      this.#primaryNode?.close(),
      this.#clientsNode?.close(),
      this.#brokerNode?.close(),
    ]);
    // The last one to leave writes the load: nobody else will.
    if (this.#zk?.acting) {
      await this.#loadCounter?.recompute().catch((error) =>
        log.debug(`${this.id}: the load: ${reasonOf(error)}`)
      );
    }
    await Promise.allSettled([
      this.#election?.close(),
      this.#loadCounter?.close(),
      this.#rebalancer?.close(),
    ]);
    if (this.#started) await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
    await this.#control?.[Symbol.asyncDispose]();
    await this.#forwarder?.close();
    await this.#zk?.close();
    await Promise.allSettled(this.#tasks);
    this.#events.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
