/**
 * A client's matches, put together from its broker's messages (`MatchFeed`). Pure.
 *
 * Guarantee: at most {@link MAX_MATCHES} pairs of topic and peer are kept, whatever a broker sends.
 */
import type { MatchMessage, Mismatch, StreamMatch, SubscriberMatch } from "../wire/control.ts";

/** Whom a client is matched with, and why not with others. */
export interface Matches {
  readonly streams: readonly StreamMatch[];
  readonly subscribers: readonly SubscriberMatch[];
  readonly mismatches: readonly Mismatch[];
  /** Where its data goes through: egress sockets, best first; a publisher's: every ingress. */
  readonly brokers: readonly string[];
}

/** Pairs of topic and peer that one client may be matched with, or not. */
export const MAX_MATCHES = 200_000;

interface Entry {
  stream?: StreamMatch;
  subscriber?: SubscriberMatch;
  mismatches: Mismatch[];
}

/** The set as of the last message. */
export class MatchSet {
  readonly #entries = new Map<string, Entry>();
  readonly #role: "publisher" | "subscriber";
  #brokers: readonly string[] = [];
  #version: number | undefined;
  #isFull = false;

  constructor(role: "publisher" | "subscriber") {
    this.#role = role;
  }

  /** Number of the last message; undefined before the first. */
  get version(): number | undefined {
    return this.#version;
  }

  /** Whether there were more matches than are kept. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Take a message.
   *
   * @returns `gap` when one before it is missing: nothing is changed, and everything is to be asked for again; `more`
   * when another message belongs to it; otherwise `complete`.
   */
  apply(message: MatchMessage): "complete" | "more" | "gap" {
    if (message.base === undefined) {
      this.#entries.clear();
      this.#brokers = [];
    } else if (message.base !== this.#version) return "gap";
    this.#version = message.version;
    if (message.brokers !== undefined) this.#brokers = message.brokers;
    for (const { topic, peer } of message.removed) this.#entries.delete(keyOf(topic, peer));
    const fresh = new Map<string, Entry>();
    const entry = (topic: string, peer: string) =>
      fresh.getOrInsertComputed(keyOf(topic, peer), () => ({ mismatches: [] }));
    for (const stream of message.streams) entry(stream.topic, stream.publisher).stream = stream;
    for (const one of message.subscribers) entry(one.topic, one.subscriber).subscriber = one;
    for (const mismatch of message.mismatches) {
      const peer = this.#role === "publisher" ? mismatch.subscriber : mismatch.publisher;
      entry(mismatch.topic, peer).mismatches.push(mismatch);
    }
    for (const [key, value] of fresh) {
      if (this.#entries.size < MAX_MATCHES || this.#entries.has(key)) this.#entries.set(key, value);
      else this.#isFull = true;
    }
    return message.more ? "more" : "complete";
  }

  /** The whole set; streams that go through brokers have their endpoints. */
  get matches(): Matches {
    const streams: StreamMatch[] = [];
    const subscribers: SubscriberMatch[] = [];
    const mismatches: Mismatch[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.stream?.through === "broker") {
        streams.push({ ...entry.stream, endpoints: [...this.#brokers] });
      } else if (entry.stream) streams.push(entry.stream);
      if (entry.subscriber) subscribers.push(entry.subscriber);
      mismatches.push(...entry.mismatches);
    }
    return { streams, subscribers, mismatches, brokers: this.#brokers };
  }
}

function keyOf(topic: string, peer: string): string {
  return `${topic}\0${peer}`;
}
