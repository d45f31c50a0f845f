/**
 * A client's side of the control plane: finds a zone with a primary, registers there, keeps alive, and starts
 * over when the primary changes, falls silent or sends it elsewhere. Data does not wait for any of it.
 *
 * Znodes: watches `/primaries/zone_<n>` of its own zone, and no other; keeps the client's ephemeral record, created
 * once a broker has accepted the client, through every later session. Suspended: goes on with the broker it has.
 * Session lost: the record comes back with the new session.
 */
import { AsyncQueue } from "./async_queue.ts";
import { monotonic } from "./clock.ts";
import { controlHeartbeats } from "./control_heartbeats.ts";
import { CoordinationError, FormatError, PubsubError, reasonOf } from "./errors.ts";
import { Latch } from "./latch.ts";
import { logger } from "./log.ts";
import { type Matches, MatchSet } from "./match_set.ts";
import { primaryPath } from "./paths.ts";
import { EphemeralRecord } from "./recipes/ephemeral_record.ts";
import {
  type BrokerMessage,
  type BrokerRecord,
  type ClientMessage,
  decodeBrokerMessage,
  encodeControl,
  type MatchMessage,
  parseBrokerRecord,
} from "./wire/control.ts";
import { isTransient } from "./zk/list_children.ts";
import { watchData } from "./zk/watch.ts";
import type { ZooKeeper } from "./zk/zookeeper.ts";
import { Socket } from "./zmq/socket.ts";
import type { Assignment } from "./zone_choice.ts";
import { ZoneSearch, type ZoneTarget } from "./zone_search.ts";

const REGISTER_DEADLINE_MS = 2000;
const TICK_MS = 250;
/** Longer between two ticks: this process was stopped, or had no time. */
const STALL_MS = 4 * TICK_MS;
/** How long a leaderless zone is waited for before its clients go to another one. */
const ELECTION_GRACE_MS = 1500;

const log = logger("control");

export type { Matches } from "./match_set.ts";
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
  /** Sent with every keep-alive. */
  stats: () => Record<string, unknown>;
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
}

type Item =
  | { kind: "message"; bytes: Uint8Array }
  | { kind: "tick" }
  | { kind: "primary"; primary: BrokerRecord | undefined };

/** One stay with a broker. */
/** What the clock of a broker is, by the round trips of keep-alives. */
export interface ClockEstimate {
  readonly broker: string;
  /** By how much it is ahead of ours, milliseconds. */
  readonly offset: number;
  /** How far that may be wrong: half a round trip, milliseconds. */
  readonly bound: number;
}

interface Stay {
  readonly zone: number;
  readonly primary: BrokerRecord;
  readonly socket: Socket;
  matches: MatchSet;
  /** Monotonic milliseconds; undefined before the broker has accepted us. */
  registeredAt: number | undefined;
  /** When to register again, if at all: the broker did not act as a primary. */
  repeatAt: number | undefined;
}

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
  readonly #running: Promise<void>;
  readonly #recorded = Promise.withResolvers<void>();
  #items = new AsyncQueue<Item>();
  #record: EphemeralRecord | undefined;
  #waitingFor = "";
  #zone = 0;
  #broker = "";
  #clock: ClockEstimate | undefined;

  constructor(zk: ZooKeeper, options: ControlClientOptions) {
    this.#zk = zk;
    this.#options = options;
    const { registration, zone: pinned, assignment } = options;
    this.#registration = pinned === undefined ? registration : { ...registration, pinned: true };
    this.#id = registration.role === "publisher" ? registration.publisher.id : registration.subscriber.id;
    this.#search = new ZoneSearch(zk, { pinned, assignment, onChange: this.#changed.set });
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
  /** Of the broker that answered last; undefined before the first answer. */
  get clock(): ClockEstimate | undefined {
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

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const target = await this.#choose();
      if (target !== undefined) await this.#attend(target);
    }
  }

  #say(reason: string): void {
    if (this.#waitingFor === reason) return;
    this.#waitingFor = reason;
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
    const timer = setTimeout(this.#changed.set, ms);
    await this.#changed.wait(this.#abort.signal);
    clearTimeout(timer);
  }

  /** Wait for the zone's primary, register, and stay with it until there is a reason not to. */
  async #attend(target: ZoneTarget): Promise<void> {
    const items = this.#items = new AsyncQueue<Item>();
    const ending = new AbortController();
    const following = this.#followPrimary(target.zone, items, ending.signal);
    const ticker = setInterval(() => items.push({ kind: "tick" }), TICK_MS);
    try {
      const primary = await this.#primaryOf(target, items);
      if (primary === undefined) return;
      const reason = await this.#stay(target.zone, primary, items);
      if (this.#abort.signal.aborted) return;
      log.info(`${this.#id}: leaving broker ${primary.broker} of zone ${target.zone}: ${reason}`);
      this.#events.push({ type: "left", broker: primary.broker, reason });
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
        items.push({ kind: "primary", primary: node && this.#parsePrimary(zone, node.data) });
      }
    } finally {
      items.close();
    }
  }

  #parsePrimary(zone: number, data: Uint8Array): BrokerRecord | undefined {
    try {
      return parseBrokerRecord(data, primaryPath(zone));
    } catch (error) {
      log.warn(`${this.#id}: ignoring znode ${primaryPath(zone)}: ${reasonOf(error)}`);
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
      if (known && (monotonic() >= target.until || primary?.draining)) {
        this.#search.passOver(target.zone);
        return undefined;
      }
      if (known && target.until === Infinity) this.#say(`a primary broker in zone ${target.zone}`);
      if (!known && !this.#zk.acting) {
        if (monotonic() >= target.until) return undefined;
        this.#say("ZooKeeper");
      }
    }
  }

  /** Register with a primary and stay with it. @returns why not any longer. */
  async #stay(zone: number, primary: BrokerRecord, items: AsyncQueue<Item>): Promise<string> {
    // Without a routing id: no two connections of ours can ever be taken for one.
    const socket = new Socket("dealer", { ...controlHeartbeats(this.#options), linger: 200 });
    const reading = readInto(socket, items);
    const matches = new MatchSet(this.#registration.role);
    try {
      socket.connect(primary.control);
      socket.send(encodeControl(this.#registration));
      const stay = { zone, primary, socket, matches, registeredAt: undefined, repeatAt: undefined };
      const reason = await this.#converse(stay, items);
      socket.send(encodeControl({ type: "unregister", id: this.#id }));
      return reason;
    } catch (error) {
      if (error instanceof PubsubError && error.cause === "rejected") throw error;
      this.#search.avoid(primary);
      await this.#pause(TICK_MS);
      return reasonOf(error);
    } finally {
      socket.close();
      await reading;
    }
  }

  async #converse(stay: Stay, items: AsyncQueue<Item>): Promise<string> {
    const { zone, primary, socket } = stay;
    let heartbeat = 1000;
    let heard = monotonic();
    let pinged = heard;
    let before = heard;
    for await (const item of items) {
      if (this.#abort.signal.aborted) return "closing";
      const now = monotonic();
      // We were stopped ourselves: what the broker has said meanwhile is still to be read.
      if (now - before > STALL_MS) heard = now;
      before = now;
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
          stay.registeredAt = now;
          stay.repeatAt = undefined;
          heartbeat = Math.max(100, message.heartbeat);
          this.#registered(zone, primary);
        } else {
          const reason = this.#handle(message, now, stay);
          if (reason !== undefined) return reason;
        }
      } else if (item.kind === "primary") {
        const current = item.primary;
        if (current?.broker !== primary.broker || current.epoch !== primary.epoch) {
          this.#search.prefer(zone, ELECTION_GRACE_MS);
          return current ? `zone ${zone} has a new primary` : `zone ${zone} has lost its primary`;
        }
      }
      const deadline = stay.registeredAt === undefined ? REGISTER_DEADLINE_MS : 3 * heartbeat;
      if (now - heard > deadline) {
        this.#search.avoid(primary);
        return `no answer for ${Math.round(now - heard)} ms`;
      }
      if (stay.repeatAt !== undefined && now >= stay.repeatAt) {
        stay.repeatAt = undefined;
        socket.send(encodeControl(this.#registration));
      } else if (stay.registeredAt !== undefined && now - pinged >= heartbeat) {
        pinged = now;
        socket.send(encodeControl({ type: "ping", id: this.#id, time: now, stats: this.#options.stats() }));
      }
    }
    return "closing";
  }

  #registered(zone: number, primary: BrokerRecord): void {
    this.#zone = zone;
    this.#broker = primary.broker;
    this.#waitingFor = "";
    const data = this.#options.record(zone);
    if (this.#record) {
      this.#record.update(data).catch((error) => {
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
  #handle(message: BrokerMessage, now: number, stay: Stay): string | undefined {
    const { zone, primary } = stay;
    switch (message.type) {
      case "matches":
        this.#matched(message, stay);
        return;
      case "pong": {
        const bound = (now - message.time) / 2;
        const { broker } = primary;
        if (this.#clock?.broker !== broker || bound <= this.#clock.bound * 1.05) {
          this.#clock = { broker, offset: message.clock - (performance.timeOrigin + now - bound), bound };
        }
        // A message that told of a change has got lost: connections break.
        if (message.version !== undefined && message.version !== stay.matches.version) this.#resync(stay);
        return;
      }
      case "not_primary":
        // It has lost touch with ZooKeeper, or has just been elected or succeeded: if succeeded, we shall be told.
        this.#say(`broker ${primary.broker} to be the acting primary of zone ${zone}`);
        stay.repeatAt = now + TICK_MS;
        return;
      case "reassign":
        if (this.#registration.pinned) return;
        this.#search.prefer(message.zone, ELECTION_GRACE_MS);
        return `reassigned to zone ${message.zone}: ${message.reason}`;
      case "rejected":
        if (message.code !== "id_in_use" && message.code !== "busy") {
          throw new PubsubError(`Broker ${primary.broker} rejected ${this.#id}: ${message.reason}`, {
            cause: "rejected",
          });
        }
        this.#say(`broker ${primary.broker}: ${message.reason}`);
        stay.repeatAt = now + 2 * TICK_MS;
        return;
      default:
        return;
    }
  }

  #matched(message: MatchMessage, stay: Stay): void {
    const outcome = stay.matches.apply(message);
    if (outcome === "complete") this.#events.push({ type: "matches", matches: stay.matches.matches });
    else if (outcome === "gap") this.#resync(stay);
  }

  #resync({ socket }: Stay): void {
    log.debug(`${this.#id}: asks for all its matches again`);
    socket.send(encodeControl({ type: "resync", id: this.#id }));
  }

  /** Leave: unregister, remove the record. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#items.push({ kind: "tick" });
    await this.#record?.close();
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
