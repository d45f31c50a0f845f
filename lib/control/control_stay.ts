/**
 * One stay of a client with a broker: what it says to it, what it makes of the answers, and when it has to leave. Pure:
 * time is a parameter, monotonic milliseconds.
 *
 * Guarantee: whatever the broker answers, late, wrongly, or not at all, the stay makes progress or ends: a broker that
 * is silent is left after three heartbeats, one that does not accept us after {@link ACCEPT_MS}; nothing is sent again
 * without a pause, and the pauses grow. A broker's refusal ends a stay, never the client.
 */
import type { BrokerClock } from "../model/broker_clock.ts";
import { type Matches, MatchSet, MAX_MATCHES } from "../model/match_set.ts";
import type { BrokerMessage, BrokerRecord, MatchMessage } from "../wire/control.ts";

/** A broker that does not answer a registration is left after this, ... */
const REGISTER_DEADLINE_MS = 2000;
/** ... one that answers and does not accept it after this. */
const ACCEPT_MS = 5000;
/** That its id is in use is said after this, if it was its own before. */
const HAD_ID_MS = 4000;
/** Not looked at for longer than this: our process was stopped, or had no time. */
const STALL_MS = 1000;
/** The first pause before registering again; each is twice the one before, up to the last. */
const REPEAT_MS = 250;
const REPEAT_MAX_MS = 1000;
/** A keep-alive goes out this often unless the broker wants another interval, which is at least the second. */
const HEARTBEAT_MS = 1000;
const LEAST_HEARTBEAT_MS = 100;
/** All matches are asked for at most this often. */
const RESYNC_MS = 500;

/** Why a broker is left. */
export interface Leaving {
  readonly reason: string;
  /** The broker is not to be tried again soon, if there is another. */
  readonly avoid: boolean;
  /** The zone to go to. */
  readonly prefer?: number;
}

/** What is to be done now. */
export type StayStep =
  | { readonly do: "send"; readonly what: "register" | "ping" | "resync" }
  | { readonly do: "accepted" }
  | { readonly do: "matches"; readonly matches: Matches }
  | { readonly do: "warn"; readonly text: string }
  /** Tell what is waited for. */
  | { readonly do: "wait"; readonly reason: string }
  | { readonly do: "leave"; readonly leaving: Leaving };

/** Who stays where. */
export interface StayOptions {
  readonly id: string;
  readonly role: "publisher" | "subscriber";
  /** It does not go to another zone. */
  readonly pinned: boolean;
  /** A broker has accepted it under its id before this stay. */
  readonly hadId: boolean;
  readonly zone: number;
  readonly primary: BrokerRecord;
  readonly clock: BrokerClock;
}

/** One stay. */
export class Stay {
  readonly #options: StayOptions;
  readonly #matches: MatchSet;
  #accepted = false;
  #wasAccepted = false;
  /** Since when it has not been accepted. */
  #unacceptedSince: number;
  #heartbeatMs = HEARTBEAT_MS;
  #heardAt: number;
  #lookedAt: number;
  #pingedAt: number;
  /** When to register again, if at all. */
  #repeatAt: number | undefined;
  #repeats = 0;
  #resyncAt = -Infinity;
  #fullTold = false;

  constructor(options: StayOptions, now: number) {
    this.#options = options;
    this.#matches = new MatchSet(options.role);
    this.#unacceptedSince =
      this.#heardAt =
      this.#lookedAt =
      this.#pingedAt =
        now;
  }

  /** Whether the broker has accepted us at any time. */
  get wasAccepted(): boolean {
    return this.#wasAccepted;
  }

  /** To be called first: introduces us. */
  begin(): StayStep[] {
    return [{ do: "send", what: "register" }];
  }

  /** The broker has said something. */
  hear(message: BrokerMessage, now: number, wall: number): StayStep[] {
    this.#notice(now);
    this.#heardAt = now;
    return [...this.#answer(message, now, wall), ...this.#due(now)];
  }

  /** The zone's primary is this one now; undefined when there is none. */
  primaryIs(current: BrokerRecord | undefined, now: number): StayStep[] {
    this.#notice(now);
    const { zone, primary } = this.#options;
    if (current?.broker === primary.broker && current.epoch === primary.epoch) return this.#due(now);
    const reason = current ? `zone ${zone} has a new primary` : `zone ${zone} has lost its primary`;
    return [{ do: "leave", leaving: { reason, avoid: false, prefer: zone } }];
  }

  /** Time has passed. To be called several times a second. */
  look(now: number): StayStep[] {
    this.#notice(now);
    return this.#due(now);
  }

  /** If we were stopped ourselves, what the broker has said meanwhile is still to be read: nobody was silent. */
  #notice(now: number): void {
    const stopped = now - this.#lookedAt;
    this.#lookedAt = now;
    if (stopped <= STALL_MS) return;
    this.#heardAt = now;
    this.#unacceptedSince += stopped;
  }

  #due(now: number): StayStep[] {
    const silent = now - this.#heardAt;
    if (silent > (this.#accepted ? 3 * this.#heartbeatMs : REGISTER_DEADLINE_MS)) {
      // Before it has accepted us its address is named with the reason.
      const reason = this.#accepted
        ? `no answer from ${this.#options.primary.control} for ${Math.round(silent)} ms`
        : `no answer within ${REGISTER_DEADLINE_MS} ms`;
      return [{ do: "leave", leaving: { reason, avoid: true } }];
    }
    if (!this.#accepted && now - this.#unacceptedSince > ACCEPT_MS) {
      const reason = `it has not accepted us for ${ACCEPT_MS / 1000} s`;
      return [{ do: "leave", leaving: { reason, avoid: true } }];
    }
    if (this.#repeatAt !== undefined) {
      if (now < this.#repeatAt) return [];
      this.#repeatAt = undefined;
      return [{ do: "send", what: "register" }];
    }
    if (!this.#accepted || now - this.#pingedAt < this.#heartbeatMs) return [];
    this.#pingedAt = now;
    this.#options.clock.asked(now);
    return [{ do: "send", what: "ping" }];
  }

  #answer(message: BrokerMessage, now: number, wall: number): StayStep[] {
    const { id, zone, primary, pinned, clock } = this.#options;
    switch (message.type) {
      case "registered":
        this.#repeatAt = undefined;
        this.#heartbeatMs = Math.max(LEAST_HEARTBEAT_MS, message.heartbeat);
        if (this.#accepted) return [];
        this.#accepted = this.#wasAccepted = true;
        return [{ do: "accepted" }];
      case "matches":
        return this.#matched(message, now);
      case "pong": {
        clock.answered(primary.broker, message.time, message.clock, now, wall);
        // A message that told of a change has got lost: connections break.
        const missed = message.version !== undefined && message.version !== this.#matches.version;
        return this.#accepted && missed ? this.#resync(now) : [];
      }
      case "unregistered":
        // It knows us by another connection, or not at all.
        this.#refused(now, this.#repeats === 0 ? 0 : undefined);
        return [];
      case "not_primary":
        // It has lost touch with ZooKeeper, or has just been elected or succeeded: if succeeded, we shall be told.
        this.#refused(now);
        return [{ do: "wait", reason: `broker ${primary.broker} to be the acting primary of zone ${zone}` }];
      case "reassign":
        if (pinned) return [];
        return [{
          do: "leave",
          leaving: {
            reason: `reassigned to zone ${message.zone}: ${message.reason}`,
            avoid: false,
            prefer: message.zone,
          },
        }];
      case "rejected":
        this.#refused(now);
        if (message.code === "id_in_use") {
          // Whose id it was learns from ZooKeeper whether it still is, and sooner than this is worth a word.
          const { role, hadId } = this.#options;
          if ((hadId || this.#wasAccepted) && now - this.#unacceptedSince < HAD_ID_MS) return [];
          return [{ do: "wait", reason: `id ${id}, which is in use by another ${role}` }];
        }
        if (message.code === "busy") {
          return [{ do: "wait", reason: `broker ${primary.broker}: ${message.reason}` }];
        }
        return [{ do: "leave", leaving: { reason: `rejected: ${message.reason}`, avoid: true } }];
      default:
        return [];
    }
  }

  /** The broker does not serve us now: register again after a pause. */
  #refused(now: number, pauseMs = Math.min(REPEAT_MAX_MS, REPEAT_MS * 2 ** this.#repeats)): void {
    if (this.#accepted) this.#unacceptedSince = now;
    this.#accepted = false;
    if (this.#repeatAt !== undefined) return;
    this.#repeats++;
    this.#repeatAt = now + pauseMs;
  }

  #matched(message: MatchMessage, now: number): StayStep[] {
    if (!this.#accepted) return [];
    const outcome = this.#matches.apply(message);
    if (outcome === "gap") return this.#resync(now);
    const steps: StayStep[] = [];
    if (this.#matches.isFull && !this.#fullTold) {
      this.#fullTold = true;
      const { broker } = this.#options.primary;
      steps.push({
        do: "warn",
        text: `broker ${broker} tells of more than ${MAX_MATCHES} matches: the rest is ignored`,
      });
    }
    if (outcome === "complete") steps.push({ do: "matches", matches: this.#matches.matches });
    return steps;
  }

  #resync(now: number): StayStep[] {
    if (now - this.#resyncAt < RESYNC_MS) return [];
    this.#resyncAt = now;
    return [{ do: "send", what: "resync" }];
  }
}
