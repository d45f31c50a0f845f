/**
 * A broker's side of the control plane: registers clients, tells them whom they are matched with, hears their
 * keep-alives, sends them to other zones.
 *
 * Guarantee: nothing a client sends, or stops sending, holds up another one: messages are parsed against a schema,
 * answers are never waited for. While the broker does not act as a primary everybody is told so, and nothing else.
 */
import { monotonic, wallClock } from "./clock.ts";
import { controlHeartbeats, type Heartbeats } from "./control_heartbeats.ts";
import { FormatError } from "./errors.ts";
import { logger } from "./log.ts";
import { MatchFeed, type Routing } from "./match_feed.ts";
import type { Asker } from "./match_index.ts";
import { type Client, Registry } from "./registry.ts";
import type { SystemDirectory } from "./system_directory.ts";
import {
  type BrokerMessage,
  type ClientMessage,
  decodeClientMessage,
  encodeControl,
  MAX_CONTROL_BYTES,
} from "./wire/control.ts";
import { Socket } from "./zmq/socket.ts";

/** Clients are to send keep-alives this often. */
const HEARTBEAT_MS = 1000;
/** Changes are gathered for so long before clients are told. */
const DEBOUNCE_MS = 10;
const COMPLAINT_MS = 10_000;
/** A client that was sent to another zone is not sent again for so long. */
const SENT_AWAY_MS = 2500;

const log = logger("broker");

/** What becomes of a client. */
export interface ClientEvent {
  type: "client";
  id: string;
  role: Asker["role"];
  what: "registered" | "left" | "silent";
}

/** What the desk needs of its broker. */
export interface DeskOwner {
  readonly id: string;
  readonly zone: number;
  /** Whether it acts as its zone's primary now. */
  readonly acts: boolean;
  readonly directory: SystemDirectory;
  routing(): Routing;
  status(brief: boolean): Record<string, unknown>;
  onEvent(event: ClientEvent): void;
  /** The number of clients has changed, or may have. */
  onCount(): void;
}

/** Bytes and messages so far. */
export interface ControlTraffic {
  sent: number;
  received: number;
  bytesIn: number;
  bytesOut: number;
  /** Of `bytesOut`, those of matches. */
  matchBytes: number;
}

/** Serves the clients of one broker. */
export class ControlDesk implements AsyncDisposable {
  readonly clients: Registry = new Registry();
  readonly #owner: DeskOwner;
  readonly #socket: Socket;
  /** Clients whose matches may have changed. */
  readonly #dirty = new Set<Client>();
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
    this.#socket = new Socket("router", {
      maxMessageSize: MAX_CONTROL_BYTES,
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
      this.#send(route, { type: "status", status: this.#owner.status(message.brief ?? false) });
    } else if (!this.#owner.acts) {
      const primary = directory.primaryOf(zone);
      this.#send(route, { type: "not_primary", ...(primary === undefined ? {} : { primary }) });
    } else {
      this.#handle(route, message);
    }
  }

  #handle(route: Uint8Array, message: Exclude<ClientMessage, { type: "status" }>): void {
    const now = monotonic();
    if (message.type === "register") {
      const asker: Asker = message.role === "publisher"
        ? { role: message.role, info: message.publisher }
        : { role: message.role, info: message.subscriber };
      return this.#register(route, asker, message.pinned ?? false, now);
    }
    const client = this.clients.at(route, message.id);
    if (!client) {
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
      this.clients.delete(client);
      this.#gone(client, "left");
    }
  }

  #register(route: Uint8Array, asker: Asker, pinned: boolean, now: number): void {
    const { role, info } = asker;
    const { id, zone, directory } = this.#owner;
    const other = directory.incarnationOf(role, info.id) ?? info.incarnation;
    if (other !== info.incarnation || this.clients.taken(asker, now)) {
      const reason =
        `id ${info.id} is in use by another ${role}, which is alive or whose session is not over`;
      return this.#send(route, { type: "rejected", code: "id_in_use", reason });
    }
    const client = this.clients.add(asker, new MatchFeed(asker, directory.index), route, pinned, now);
    // Known here at once; the other brokers know it from its record.
    directory.add(asker);
    log.info(`${id}: ${role} ${info.id} registered in zone ${zone}`);
    this.#owner.onEvent({ type: "client", id: info.id, role, what: "registered" });
    this.#owner.onCount();
    this.#send(route, { type: "registered", zone, broker: id, heartbeat: HEARTBEAT_MS });
    this.#tellAll(client);
  }

  #gone({ id, asker }: Client, what: "left" | "silent"): void {
    this.#owner.directory.forgetUnrecorded(asker);
    this.#owner.onEvent({ type: "client", id, role: asker.role, what });
    this.#owner.onCount();
  }

  #keepHouse(): void {
    for (const client of this.clients.expire(monotonic())) {
      log.info(`${this.#owner.id}: ${client.asker.role} ${client.id} has gone silent`);
      this.#gone(client, "silent");
    }
    this.#owner.onCount();
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

  #send(route: Uint8Array, message: BrokerMessage): void {
    const bytes = encodeControl(message);
    this.#bytes.bytesOut += bytes.length;
    if (message.type === "matches") this.#bytes.matchBytes += bytes.length;
    this.#socket.send([route, bytes]);
  }

  /** Those clients that this one is or might be matched with on these topics have to be told, soon. */
  changed(role: Asker["role"], id: string, topics: Iterable<string>): void {
    const others = role === "publisher" ? "subscriber" : "publisher";
    for (const topic of topics) {
      for (const client of this.clients.on(others, topic)) {
        client.feed.touch(topic, id);
        this.#dirty.add(client);
      }
    }
    this.#dispatchSoon();
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
        if (!this.clients.has(client)) continue;
        for (const message of client.feed.news(routing)) this.#send(client.route, message);
      }
      this.#dirty.clear();
      this.#everybodyDirty = false;
    }, DEBOUNCE_MS);
  }

  /** Send a client all its matches. */
  #tellAll(client: Client): void {
    for (const message of client.feed.whole(this.#owner.routing())) this.#send(client.route, message);
  }

  /** Send so many clients to another zone, those first that have been here longest. @returns how many were sent. */
  sendAway(zone: number, count: number, reason: string): number {
    const now = monotonic();
    let sent = 0;
    for (const client of this.clients) {
      if (sent >= count) break;
      if (client.pinned || now - (client.sentAwayAt ?? -Infinity) < SENT_AWAY_MS) continue;
      client.sentAwayAt = now;
      this.#send(client.route, { type: "reassign", zone, reason: reason.slice(0, 300) });
      sent++;
    }
    return sent;
  }

  /** Forget all clients: they are somebody else's now. */
  clear(): void {
    for (const { asker } of this.clients) this.#owner.directory.forgetUnrecorded(asker);
    this.clients.clear();
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
