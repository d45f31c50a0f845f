/**
 * A client's side of the control plane: finds a zone with a primary, registers there, keeps alive, and starts
 * over when the primary changes, falls silent or sends it elsewhere. Data does not wait for any of it.
 *
 * Znodes: reads `/primaries/zone_<n>`; keeps the client's ephemeral record, created once a broker has accepted
 * the client, through every later session. Suspended: goes on with the broker it has. Session lost: the record
 * comes back with the new session.
 */
import { AsyncQueue } from "./async_queue.ts";
import { monotonic } from "./clock.ts";
import { PubsubError, reasonOf } from "./errors.ts";
import { logger } from "./log.ts";
import { PRIMARIES, zoneOf } from "./paths.ts";
import { EphemeralRecord } from "./recipes/ephemeral_record.ts";
import {
  type BrokerMessage,
  type BrokerRecord,
  type ClientMessage,
  decodeBrokerMessage,
  encodeControl,
  parseBrokerRecord,
} from "./wire/control.ts";
import { FormatError } from "./errors.ts";
import { type Assignment, chooseZone, type ZoneLoad } from "./zone_choice.ts";
import { watchRecords } from "./zk/watch.ts";
import type { ZooKeeper } from "./zk/zookeeper.ts";
import { Socket } from "./zmq/socket.ts";

const REGISTER_DEADLINE_MS = 2000;
const TICK_MS = 250;
const NOT_PRIMARY_PAUSE_MS = 250;
/** How long a leaderless zone is waited for before its clients go to another one. */
const ELECTION_GRACE_MS = 1500;
/** A broker that did not answer is not tried again for so long, if there is another. */
const AVOID_MS = 5000;

const log = logger("control");

/** The broker's whole set of matches for this client. */
export type Matches = Extract<BrokerMessage, { type: "matches" }>;
type Registration = Extract<ClientMessage, { type: "register" }>;

/** What the control plane has to tell its client. */
export type ControlEvent =
  | { type: "waiting"; reason: string }
  | { type: "registered"; zone: number; broker: string }
  | { type: "left"; broker: string; reason: string }
  | { type: "matches"; matches: Matches };

/** How a client presents itself and behaves. */
export interface ControlClientOptions {
  registration: Registration;
  /** Znode of the client's record, and its content for the zone that accepted it. */
  recordPath: string;
  record: (zone: number) => string;
  /** Only this zone; otherwise one is chosen by `assignment`. */
  zone?: number | undefined;
  assignment?: Assignment | undefined;
  /** Clients a zone has now, for the assignments that look at them. */
  zoneClients?: (() => Promise<Map<number, number>>) | undefined;
  /** Sent with every keep-alive. */
  stats: () => Record<string, unknown>;
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
}

type Item = { kind: "message"; bytes: Uint8Array } | { kind: "tick" } | { kind: "primaries" };

/** Keeps one client registered. */
export class ControlClient implements AsyncDisposable {
  readonly #zk: ZooKeeper;
  readonly #options: ControlClientOptions;
  readonly #id: string;
  readonly #abort = new AbortController();
  readonly #events = new AsyncQueue<ControlEvent>();
  readonly #running: Promise<void>;
  readonly #watching: Promise<void>;
  #primaries: Map<number, BrokerRecord> | undefined;
  #items = new AsyncQueue<Item>();
  #record: EphemeralRecord | undefined;
  #preferred: { zone: number; until: number } | undefined;
  #avoid = new Map<string, number>();
  #waitingFor = "";
  #zone = 0;
  readonly #recorded = Promise.withResolvers<void>();
  #broker = "";
  /** Half the round trip bounds the error of the clock offset to the broker, milliseconds. */
  #clock: { offset: number; bound: number } | undefined;

  constructor(zk: ZooKeeper, options: ControlClientOptions) {
    this.#zk = zk;
    this.#options = options;
    const { registration } = options;
    this.#id = registration.role === "publisher" ? registration.publisher.id : registration.subscriber.id;
    this.#watching = this.#watch();
    this.#running = this.#run().finally(() => this.#events.close());
  }

  /** Zone of the last registration, 0 before the first. */
  get zone(): number {
    return this.#zone;
  }
  /** Broker of the last registration. */
  get broker(): string {
    return this.#broker;
  }
  /** Resolves when our record is in ZooKeeper: from then on every broker knows us. */
  get recorded(): Promise<void> {
    return this.#recorded.promise;
  }
  /** Estimated offset of the broker's clock to ours and the bound of its error, milliseconds. */
  get clock(): { offset: number; bound: number } | undefined {
    return this.#clock;
  }
  /** Ends with an error when the client cannot be served: rejected for good, or a fault of our own. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /** What happens, from now on; one consumer. */
  events(): AsyncIterableIterator<ControlEvent, undefined> {
    return this.#events;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#abort;
    for await (const { all } of watchRecords(this.#zk, PRIMARIES, parseBrokerRecord, { signal })) {
      const zones = new Map<number, BrokerRecord>();
      for (const [name, record] of all) {
        const zone = zoneOf(name);
        if (zone !== undefined) zones.set(zone, record);
      }
      this.#primaries = zones;
      this.#items.push({ kind: "primaries" });
    }
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const zone = await this.#choose();
      const primary = zone === undefined ? undefined : this.#primaries?.get(zone);
      if (zone === undefined || !primary) continue;
      const reason = await this.#attend(zone, primary);
      if (this.#abort.signal.aborted) return;
      log.info(`${this.#id}: leaving broker ${primary.broker} of zone ${zone}: ${reason}`);
      this.#events.push({ type: "left", broker: primary.broker, reason });
    }
  }

  #say(reason: string): void {
    if (this.#waitingFor === reason) return;
    this.#waitingFor = reason;
    log.warn(`${this.#id}: waiting for ${reason}`);
    this.#events.push({ type: "waiting", reason });
  }

  /** A zone to register in, or undefined after having waited a moment for one. */
  async #choose(): Promise<number | undefined> {
    const now = monotonic();
    const primaries = this.#primaries;
    const pinned = this.#options.zone;
    if (primaries === undefined) {
      if (!this.#zk.acting) await this.#pause(TICK_MS * 2);
      if (this.#primaries === undefined) {
        this.#say(this.#zk.acting ? "the list of primaries" : "ZooKeeper");
        await this.#pause(TICK_MS);
      }
      return undefined;
    }
    if (pinned !== undefined) {
      if (primaries.has(pinned)) return await this.#notAvoided(pinned, primaries.get(pinned)!);
      this.#say(`a primary broker in zone ${pinned}`);
      return await this.#pause(TICK_MS);
    }
    const preferred = this.#preferred;
    if (preferred && now < preferred.until) {
      const record = primaries.get(preferred.zone);
      if (record && !this.#avoids(record, now)) return preferred.zone;
      if (!record) return await this.#pause(50);
    }
    const healthy = [...primaries].filter(([, record]) => !this.#avoids(record, now));
    const choices = healthy.length > 0 ? healthy : [...primaries];
    if (choices.length === 0) {
      this.#say("a primary broker in any zone");
      return await this.#pause(TICK_MS);
    }
    if (healthy.length === 0) await this.#pause(TICK_MS);
    return await this.#pick(choices.map(([zone]) => zone));
  }

  async #pick(zones: number[]): Promise<number> {
    const assignment = this.#options.assignment ?? "random";
    let clients = new Map<number, number>();
    if (assignment !== "random" && this.#options.zoneClients) {
      clients = await this.#options.zoneClients().catch((error) => {
        log.debug(`${this.#id}: choosing at random, the zones' loads cannot be read: ${reasonOf(error)}`);
        return new Map();
      });
    }
    const loads: ZoneLoad[] = zones.map((zone) => ({ zone, clients: clients.get(zone) ?? 0 }));
    return chooseZone(loads, assignment, Math.random);
  }

  #avoids(record: BrokerRecord, now: number): boolean {
    return (this.#avoid.get(record.control) ?? 0) > now;
  }

  async #notAvoided(zone: number, record: BrokerRecord): Promise<number> {
    if (this.#avoids(record, monotonic())) await this.#pause(TICK_MS);
    return zone;
  }

  /** Wait until something changes, at most `ms`. */
  async #pause(ms: number): Promise<undefined> {
    const timer = setTimeout(() => this.#items.push({ kind: "tick" }), ms);
    await this.#items.next();
    clearTimeout(timer);
  }

  /** Register with a primary and stay with it. @returns why not any longer. */
  async #attend(zone: number, primary: BrokerRecord): Promise<string> {
    const { heartbeatIntervalMs, heartbeatTimeoutMs, registration } = this.#options;
    const items = this.#items = new AsyncQueue<Item>();
    const info = registration.role === "publisher" ? registration.publisher : registration.subscriber;
    const socket = new Socket("dealer", {
      routingId: `${this.#id}:${info.incarnation}`,
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
      linger: 200,
    });
    const reading = readInto(socket, items);
    const ticker = setInterval(() => items.push({ kind: "tick" }), TICK_MS);
    try {
      socket.connect(primary.control);
      socket.send(encodeControl(registration));
      const reason = await this.#converse(zone, primary, socket, items);
      socket.send(encodeControl({ type: "unregister", id: this.#id }));
      return reason;
    } catch (error) {
      if (error instanceof PubsubError && error.cause === "rejected") throw error;
      this.#avoid.set(primary.control, monotonic() + AVOID_MS);
      return reasonOf(error);
    } finally {
      clearInterval(ticker);
      socket.close();
      await reading;
      // The iteration has closed its queue.
      this.#items = new AsyncQueue<Item>();
    }
  }

  async #converse(
    zone: number,
    primary: BrokerRecord,
    socket: Socket,
    items: AsyncQueue<Item>,
  ): Promise<string> {
    let registeredAt: number | undefined;
    let heartbeat = 1000;
    let heard = monotonic();
    let pinged = heard;
    for await (const item of items) {
      if (this.#abort.signal.aborted) return "closing";
      const now = monotonic();
      if (item.kind === "message") {
        const message = decodeBrokerMessage(item.bytes);
        if (message instanceof FormatError) {
          log.warn(
            `${this.#id}: broker ${primary.broker} sent a message that is dropped: ${message.message}`,
          );
          continue;
        }
        heard = now;
        if (message.type === "registered") {
          registeredAt = now;
          heartbeat = Math.max(100, message.heartbeat);
          await this.#registered(zone, primary);
        } else {
          const reason = await this.#handle(message, now, zone, primary, socket);
          if (reason !== undefined) return reason;
        }
      } else if (item.kind === "primaries") {
        const current = this.#primaries?.get(zone);
        if (current?.broker !== primary.broker || current.epoch !== primary.epoch) {
          this.#preferred = { zone, until: now + ELECTION_GRACE_MS };
          return current ? `zone ${zone} has a new primary` : `zone ${zone} has lost its primary`;
        }
      }
      const deadline = registeredAt === undefined ? REGISTER_DEADLINE_MS : 3 * heartbeat;
      if (now - heard > deadline) {
        this.#avoid.set(primary.control, now + AVOID_MS);
        return `no answer for ${Math.round(now - heard)} ms`;
      }
      if (registeredAt !== undefined && now - pinged >= heartbeat) {
        pinged = now;
        socket.send(encodeControl({ type: "ping", id: this.#id, time: now, stats: this.#options.stats() }));
      }
    }
    return "closing";
  }

  async #registered(zone: number, primary: BrokerRecord): Promise<void> {
    this.#zone = zone;
    this.#broker = primary.broker;
    this.#waitingFor = "";
    this.#preferred = { zone, until: Infinity };
    const data = this.#options.record(zone);
    if (this.#record) {
      await this.#record.update(data).catch((error) => {
        log.debug(`${this.#id}: the record is written when ZooKeeper is back: ${reasonOf(error)}`);
      });
    } else {
      this.#record = new EphemeralRecord(this.#zk, this.#options.recordPath, data);
      this.#record.present(this.#abort.signal).then(this.#recorded.resolve, () => {});
    }
    log.info(`${this.#id}: registered in zone ${zone} with broker ${primary.broker}`);
    this.#events.push({ type: "registered", zone, broker: primary.broker });
  }

  /** @returns why this broker is to be left, if so. */
  async #handle(
    message: BrokerMessage,
    now: number,
    zone: number,
    primary: BrokerRecord,
    socket: Socket,
  ): Promise<string | undefined> {
    switch (message.type) {
      case "matches":
        this.#events.push({ type: "matches", matches: message });
        return;
      case "pong": {
        const bound = (now - message.time) / 2;
        if (this.#clock === undefined || bound <= this.#clock.bound * 1.05) {
          this.#clock = { offset: message.clock - (performance.timeOrigin + now - bound), bound };
        }
        return;
      }
      case "not_primary":
        // It has lost touch with ZooKeeper, or has just been elected or succeeded: if succeeded, we shall be told.
        this.#say(`broker ${primary.broker} to be the acting primary of zone ${zone}`);
        await this.#pause(NOT_PRIMARY_PAUSE_MS);
        socket.send(encodeControl(this.#options.registration));
        return;
      case "reassign":
        if (this.#options.zone !== undefined) return;
        this.#preferred = { zone: message.zone, until: now + ELECTION_GRACE_MS };
        return `reassigned to zone ${message.zone}: ${message.reason}`;
      case "rejected":
        if (message.code !== "id_in_use" && message.code !== "busy") {
          throw new PubsubError(`Broker ${primary.broker} rejected ${this.#id}: ${message.reason}`, {
            cause: "rejected",
          });
        }
        this.#say(`broker ${primary.broker}: ${message.reason}`);
        await this.#pause(500);
        return message.reason;
      default:
        return;
    }
  }

  /** Leave: unregister, remove the record. Idempotent. */
  async close(): Promise<void> {
    if (!this.#abort.signal.aborted) {
      this.#abort.abort();
      this.#items.push({ kind: "tick" });
    }
    await this.#record?.close();
    await this.#watching.catch(() => {});
    await this.#running.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function readInto(socket: Socket, items: AsyncQueue<Item>): Promise<void> {
  for await (const messages of socket.messages()) {
    for (const frames of messages) items.push({ kind: "message", bytes: frames.at(-1)! });
  }
}
