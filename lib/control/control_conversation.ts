/**
 * A client's conversation with one broker: the socket and the record of the zone's primary around what `Stay` decides.
 *
 * Guarantee: it ends when the stay does, when the zone's primary can no longer be followed, or when the client is to
 * leave; whatever the broker sends is checked against its schema, and what is none is named now and then. Its socket
 * is its own, so what comes late for an earlier conversation is never taken for an answer in this one.
 */
import type { AsyncQueue } from "../base/async_queue.ts";
import type { BrokerClock } from "../model/broker_clock.ts";
import { monotonic, wallClock } from "../base/clock.ts";
import { controlHeartbeats, type Heartbeats } from "../model/control_heartbeats.ts";
import { type Leaving, Stay, type StayOptions, type StayStep } from "./control_stay.ts";
import { FormatError, reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Matches } from "../model/match_set.ts";
import { numericEndpoint } from "../net/reach.ts";
import {
  type BrokerRecord,
  type ClientMessage,
  decodeBrokerMessage,
  encodeControl,
} from "../wire/control.ts";
import { type MessageSocket, openSocket } from "../zmq/sockets.ts";

/** Messages that are none are named this often at most. */
const COMPLAINT_MS = 10_000;

const log = logger("control");

export type Registration = Extract<ClientMessage, { type: "register" }>;

/** What happens to a conversation from outside. */
export type Item =
  | { kind: "message"; bytes: Uint8Array }
  | { kind: "tick" }
  | { kind: "primary"; primary: BrokerRecord | undefined };

/** Who converses. */
export interface Speaker {
  readonly id: string;
  readonly heartbeats: Heartbeats;
  readonly clock: BrokerClock;
  /** Whether a broker has accepted it before. */
  readonly hadId: boolean;
  /** The registration to send now. */
  registration(): Registration;
  /** What a keep-alive tells. */
  stats(): Record<string, unknown>;
  accepted(zone: number, primary: BrokerRecord): void;
  matches(matches: Matches): void;
  /** Something is waited for. */
  say(reason: string): void;
}

/** How a conversation ended. */
export interface Ending {
  /** Undefined when it was not the broker that gave a reason, but the client is leaving altogether. */
  readonly leaving: Leaving | undefined;
  readonly wasAccepted: boolean;
}

/** One conversation. */
export class Conversation {
  readonly #speaker: Speaker;
  readonly #zone: number;
  readonly #primary: BrokerRecord;
  readonly #socket: MessageSocket;
  #complainedAt = -Infinity;

  constructor(speaker: Speaker, zone: number, primary: BrokerRecord) {
    this.#speaker = speaker;
    this.#zone = zone;
    this.#primary = primary;
    // Without a routing id: no two connections of ours can ever be taken for one.
    this.#socket = openSocket("dealer", {
      ...controlHeartbeats(speaker.heartbeats),
      linger: 200,
    });
  }

  /** Register and stay. @param items ticks and primaries; what the broker says is put there, too. */
  async hold(items: AsyncQueue<Item>, signal: AbortSignal): Promise<Ending> {
    const { id, clock } = this.#speaker;
    const { role, pinned = false } = this.#speaker.registration();
    const { hadId } = this.#speaker;
    const options: StayOptions = { id, role, pinned, hadId, zone: this.#zone, primary: this.#primary, clock };
    let stay: Stay | undefined;
    const reading = this.#readInto(items);
    try {
      this.#socket.connect(await numericEndpoint(this.#primary.control, signal));
      stay = new Stay(options, monotonic());
      const leaving = await this.#converse(stay, items, signal);
      this.#send({ type: "unregister", id });
      return { leaving, wasAccepted: stay.wasAccepted };
    } catch (error) {
      if (signal.aborted) return { leaving: undefined, wasAccepted: stay?.wasAccepted ?? false };
      return { leaving: { reason: reasonOf(error), avoid: true }, wasAccepted: stay?.wasAccepted ?? false };
    } finally {
      this.#socket.close();
      await reading;
    }
  }

  async #converse(stay: Stay, items: AsyncQueue<Item>, signal: AbortSignal): Promise<Leaving | undefined> {
    let steps = stay.begin();
    for (;;) {
      for (const step of steps) {
        if (step.do === "leave") return step.leaving;
        this.#take(step);
      }
      const { value: item } = await items.next();
      if (item === undefined || signal.aborted) return undefined;
      steps = this.#next(stay, item);
    }
  }

  #next(stay: Stay, item: Item): StayStep[] {
    const now = monotonic();
    if (item.kind === "tick") return stay.look(now);
    if (item.kind === "primary") return stay.primaryIs(item.primary, now);
    const message = decodeBrokerMessage(item.bytes);
    if (!(message instanceof FormatError)) return stay.hear(message, now, wallClock());
    if (now - this.#complainedAt >= COMPLAINT_MS) {
      this.#complainedAt = now;
      const { broker } = this.#primary;
      log.warn(`${this.#speaker.id}: broker ${broker} sent a message that is dropped: ${message.message}`);
    }
    return stay.look(now);
  }

  #take(step: Exclude<StayStep, { do: "leave" }>): void {
    const speaker = this.#speaker;
    if (step.do === "accepted") speaker.accepted(this.#zone, this.#primary);
    else if (step.do === "matches") speaker.matches(step.matches);
    else if (step.do === "wait") speaker.say(step.reason);
    else if (step.do === "warn") log.warn(`${speaker.id}: ${step.text}`);
    else if (step.what === "register") this.#send(speaker.registration());
    else if (step.what === "resync") this.#send({ type: "resync", id: speaker.id });
    else this.#send({ type: "ping", id: speaker.id, time: speaker.clock.lastAsked, stats: speaker.stats() });
  }

  #send(message: ClientMessage): void {
    this.#socket.send(encodeControl(message));
  }

  async #readInto(items: AsyncQueue<Item>): Promise<void> {
    for await (const messages of this.#socket.messages()) {
      for (const frames of messages) items.push({ kind: "message", bytes: frames.at(-1)! });
    }
  }
}
