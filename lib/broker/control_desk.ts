/**
 * A broker's side of the control plane: registers clients, tells them whom they are matched with, hears their
 * keep-alives, sends them to other zones.
 *
 * Guarantee: nothing a client sends, or stops sending, holds up another one: messages are parsed against a schema,
 * answers are never waited for, and what anybody may ask for is bounded (`Admission`). A name is bound to the connection
 * that it was last registered by: nobody else is answered in it. Nobody is matched, nor told of matches, before its
 * record is in ZooKeeper. While the broker does not act as a primary everybody is told so, and nothing else.
 */
import { Admission } from "./admission.ts";
import { Allowance } from "../base/allowance.ts";
import { monotonic, wallClock } from "../base/clock.ts";
import { controlHeartbeats, type Heartbeats } from "../model/control_heartbeats.ts";
import type { ControlTraffic, DeskOwner } from "./desk_owner.ts";
import { FormatError } from "../base/errors.ts";
import { Homecomers } from "./homecomers.ts";
import { logger } from "../base/log.ts";
import { MatchFeed } from "../model/match_feed.ts";
import type { Asker } from "../model/match_index.ts";
import { type Client, Registry } from "./registry.ts";
import {
  type BrokerMessage,
  type ClientMessage,
  decodeClientMessage,
  encodeControl,
  MAX_CONTROL_BYTES,
} from "../wire/control.ts";
import { type MessageSocket, openSocket } from "../zmq/sockets.ts";

/** Clients are to send keep-alives this often. */
const HEARTBEAT_MS = 1000;
/** Changes are gathered for so long before clients are told. */
const DEBOUNCE_MS = 10;
const COMPLAINT_MS = 10_000;
/** A client that was sent to another zone is not sent again for so long. */
const SENT_AWAY_MS = 2500;
/** Clients without a record: of more the one is forgotten that has been waited for longest. */
const MAX_UNRECORDED = 2000;
/** A client has its record after this, or is named as one without. */
const UNRECORDED_MS = 1000;
/** Of clients without a record so many are named. */
const UNRECORDED_TOLD = 50;
/** A client gets all its matches again at most this often. */
const TELL_ALL_MS = 250;
/** Messages that wait for one client: what it misses it asks for again. */
const SEND_HIGH_WATER_MARK = 256;
/** Bytes of answers to `status`, at once and a second. */
const STATUS_BYTES = { burst: 16 << 20, perSecond: 4 << 20 };

const log = logger("broker");

/** Serves the clients of one broker. */
export class ControlDesk implements AsyncDisposable {
  readonly clients: Registry = new Registry();
  readonly #owner: DeskOwner;
  readonly #socket: MessageSocket;
  readonly #admission = new Admission();
  readonly #statusBytes = new Allowance(STATUS_BYTES);
  /** Clients that wait for their record to be seen, those first that have waited longest. */
  readonly #unrecorded = new Set<Client>();
  /** Clients whose matches may have changed. */
  readonly #dirty = new Set<Client>();
  readonly #homecomers = new Homecomers();
  readonly #serving: Promise<void>;
  #everybodyDirty = false;
  #dispatchTimer: ReturnType<typeof setTimeout> | undefined;
  #housekeeping: ReturnType<typeof setInterval>;
  #bytes = { bytesIn: 0, bytesOut: 0, matchBytes: 0 };
  #dropped = 0;
  #droppedTold = 0;
  #complainedAt = -COMPLAINT_MS;

  constructor(owner: DeskOwner, heartbeats: Heartbeats) {
    this.#owner = owner;
    this.#socket = openSocket("router", {
      maxMessageSize: MAX_CONTROL_BYTES,
      sendHighWaterMark: SEND_HIGH_WATER_MARK,
      ...controlHeartbeats(heartbeats),
    });
    this.#serving = this.#serve();
    this.#housekeeping = setInterval(() => this.#keepHouse(), HEARTBEAT_MS);
  }

  /** Listen on an endpoint. @returns the real one. */
  bind(endpoint: string): string {
    return this.#socket.bind(endpoint);
  }

  /** Ends when it is closed; with an error when it cannot go on. */
  get ended(): Promise<void> {
    return this.#serving;
  }
  /** Messages that were not of this system, or not according to its schema. */
  get dropped(): number {
    return this.#dropped;
  }
  get traffic(): ControlTraffic {
    const { sent, received } = this.#socket.counters;
    return { sent, received, ...this.#bytes };
  }

  // --- what clients say

  async #serve(): Promise<void> {
    for await (const messages of this.#socket.messages()) {
      for (const frames of messages) this.#receive(frames);
    }
  }

  #receive(frames: Uint8Array[]): void {
    const [route, bytes] = frames;
    if (route === undefined || bytes === undefined || frames.length !== 2) {
      return this.#drop("a message of one part");
    }
    this.#bytes.bytesIn += bytes.length;
    const message = decodeClientMessage(bytes);
    if (message instanceof FormatError) {
      this.#drop(message.message);
      this.#send(route, { type: "rejected", code: "bad_message", reason: message.message });
      return;
    }
    const { directory, zone } = this.#owner;
    if (message.type === "status") {
      if (!this.#statusBytes.has(monotonic())) return this.#drop("status was asked for too often");
      const status = this.#owner.status(message.brief ?? false);
      this.#statusBytes.take(this.#send(route, { type: "status", status }));
    } else if (!this.#owner.acts) {
      const primary = directory.primaryOf(zone);
      this.#send(route, { type: "not_primary", ...(primary === undefined ? {} : { primary }) });
    } else {
      this.#handle(route, message);
    }
  }

  #handle(route: Uint8Array, message: Exclude<ClientMessage, { type: "status" }>): void {
    const now = monotonic();
    if (message.type === "register") return this.#register(route, message, now);
    const client = this.clients.at(route, message.id);
    if (!client) {
      if (message.type === "ping") this.#send(route, { type: "unregistered" });
      return;
    }
    client.heardAt = now;
    if (message.type === "ping") {
      client.stats = message.stats;
      const version = client.toldAt === undefined ? {} : { version: client.feed.version };
      this.#send(route, { type: "pong", time: message.time, clock: wallClock(), ...version });
    } else if (message.type === "resync") {
      if (client.toldAt !== undefined && now - client.toldAt >= TELL_ALL_MS) this.#tellAll(client);
    } else {
      this.clients.delete(client);
      this.#gone(client, "left");
    }
  }

  #register(route: Uint8Array, message: Extract<ClientMessage, { type: "register" }>, now: number): void {
    const asker: Asker = message.role === "publisher"
      ? { role: message.role, info: message.publisher }
      : { role: message.role, info: message.subscriber };
    const { role, info } = asker;
    const { id, zone, directory } = this.#owner;
    const { key = "", attempt = 0, pinned = false } = message;
    const recorded = directory.incarnationOf(role, info.id);
    const verdict = this.#admission.decide({ asker, key, attempt }, recorded, this.clients, now);
    if (verdict === "late") return;
    if (verdict !== "welcome") return void this.#send(route, { type: "rejected", ...verdict });
    const before = this.clients.get(role, info.id);
    if (before) this.#unrecorded.delete(before);
    const feed = new MatchFeed(asker, directory.index);
    const client = this.clients.add({ asker, feed, route, pinned, key, attempt }, now);
    this.#homecomers.registered(nameOf(client), now, (to) => directory.hasTerm(to));
    log.debug(`${id}: ${role} ${info.id} registers in zone ${zone}`);
    this.#owner.onEvent({ type: "client", id: info.id, role, what: "registered" });
    this.#owner.onCount();
    this.#send(route, { type: "registered", zone, broker: id, heartbeat: HEARTBEAT_MS });
    if (recorded === info.incarnation) this.#tellAll(client);
    else this.#awaitRecord(client);
  }

  /** It has no record yet, or none that was seen here: then it is nobody, and only if there is room. */
  #awaitRecord(client: Client): void {
    this.#unrecorded.add(client);
    if (this.#unrecorded.size <= MAX_UNRECORDED) return;
    const [oldest] = this.#unrecorded;
    this.clients.delete(oldest!);
    this.#gone(oldest!, "silent");
  }

  #gone(client: Client, what: "left" | "silent"): void {
    this.#unrecorded.delete(client);
    this.#owner.onEvent({ type: "client", id: client.id, role: client.asker.role, what });
    this.#owner.onCount();
  }

  #keepHouse(): void {
    for (const client of this.clients.expire(monotonic())) {
      const level = client.toldAt === undefined ? "debug" : "info";
      log[level](`${this.#owner.id}: ${client.asker.role} ${client.id} has gone silent`);
      this.#gone(client, "silent");
    }
    this.#owner.onCount();
  }

  /** Some of the clients that have had no record for a while, by id. */
  unrecorded(): string[] {
    const now = monotonic();
    const ids: string[] = [];
    for (const { id, asker, registeredAt } of this.clients) {
      if (ids.length >= UNRECORDED_TOLD) break;
      const has = this.#owner.directory.incarnationOf(asker.role, id) === asker.info.incarnation;
      if (!has && now - registeredAt >= UNRECORDED_MS) ids.push(id);
    }
    return ids;
  }

  #drop(reason: string): void {
    this.#dropped++;
    const now = monotonic();
    if (now - this.#complainedAt < COMPLAINT_MS) return;
    this.#complainedAt = now;
    const count = this.#dropped - this.#droppedTold;
    this.#droppedTold = this.#dropped;
    log.warn(`${this.#owner.id}: dropped ${count} bad control message(s), the last one: ${reason}`);
  }

  // --- what they are told

  /** @returns how many bytes it has. */
  #send(route: Uint8Array, message: BrokerMessage): number {
    const bytes = encodeControl(message);
    this.#bytes.bytesOut += bytes.length;
    if (message.type === "matches") this.#bytes.matchBytes += bytes.length;
    this.#socket.send([route, bytes]);
    return bytes.length;
  }

  /** Those clients that this one is or might be matched with on these topics have to be told, soon. */
  changed(role: Asker["role"], id: string, topics: Iterable<string>): void {
    const self = this.clients.get(role, id);
    if (self && this.#unrecorded.has(self)) this.#seen(self);
    const others = role === "publisher" ? "subscriber" : "publisher";
    for (const topic of topics) {
      for (const client of this.clients.on(others, topic)) {
        // Who was told nothing yet is told everything then.
        if (client.toldAt === undefined) continue;
        client.feed.touch(topic, id);
        this.#dirty.add(client);
      }
    }
    this.#dispatchSoon();
  }

  /** Its record may be there: then it is somebody. */
  #seen(client: Client): void {
    const { role, info } = client.asker;
    if (this.#owner.directory.incarnationOf(role, info.id) === info.incarnation) this.#tellAll(client);
  }

  /** Brokers have changed: that may concern everybody. */
  brokersChanged(): void {
    this.#everybodyDirty = true;
    this.#dispatchSoon();
  }

  #dispatchSoon(): void {
    if (this.#dirty.size === 0 && !this.#everybodyDirty) return;
    this.#dispatchTimer ??= setTimeout(() => {
      this.#dispatchTimer = undefined;
      const routing = this.#owner.routing();
      for (const client of this.#everybodyDirty ? this.clients : this.#dirty) {
        if (client.toldAt === undefined || !this.clients.has(client)) continue;
        for (const message of client.feed.news(routing)) this.#send(client.route, message);
      }
      this.#dirty.clear();
      this.#everybodyDirty = false;
    }, DEBOUNCE_MS);
  }

  /** Send a client all its matches. */
  #tellAll(client: Client): void {
    this.#unrecorded.delete(client);
    // Who has no record is nobody yet, and could be invented by the thousand.
    if (client.toldAt === undefined) {
      const { id, zone } = this.#owner;
      log.info(`${id}: ${client.asker.role} ${client.id} registered in zone ${zone}`);
    }
    client.toldAt = monotonic();
    for (const message of client.feed.whole(this.#owner.routing())) this.#send(client.route, message);
  }

  /**
   * Send so many clients to another zone, those first that have been here longest.
   *
   * @param all those, too, that have come back from there.
   * @returns how many were sent.
   */
  sendAway(zone: number, count: number, reason: string, all: boolean): number {
    const now = monotonic();
    const to = this.#owner.directory.termOf(zone);
    let sent = 0;
    for (const client of this.clients) {
      if (sent >= count) break;
      if (client.pinned || now - (client.sentAwayAt ?? -Infinity) < SENT_AWAY_MS) continue;
      if (!all && this.#homecomers.stays(nameOf(client), to, now)) continue;
      client.sentAwayAt = now;
      this.#homecomers.sent(nameOf(client), to, now);
      this.#send(client.route, { type: "reassign", zone, reason: reason.slice(0, 300) });
      sent++;
    }
    return sent;
  }

  /** Forget all clients: they are somebody else's now. */
  clear(): void {
    this.clients.clear();
    this.#unrecorded.clear();
    this.#dirty.clear();
  }

  /** Be silent from now on; answers that are on their way still leave. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#housekeeping);
    clearTimeout(this.#dispatchTimer);
    await this.#socket[Symbol.asyncDispose]();
    await this.#serving;
  }
}

/** Who this is: another life under the same id is somebody else. */
function nameOf({ asker: { role, info } }: Client): string {
  return `${role} ${info.id} ${info.incarnation}`;
}
