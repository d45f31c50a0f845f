/**
 * What one client is told of its matches: everything once, then only what has changed. Pure.
 *
 * Guarantee: a client that applies every message (`MatchSet`) has exactly what the index says at the moment of the
 * last one. A change costs the pairs it concerns, not the size of the set. Messages are numbered, so a client that
 * has missed one notices, at the latest with the next keep-alive, and asks for everything again.
 */
import type { Asker, Match, MatchIndex } from "./match_index.ts";
import type { MatchMessage } from "../wire/control.ts";

/** Entries of one message at most: with the longest names it stays below the limit of control messages. */
const MAX_ENTRIES = 1000;

/** What brokers offer to clients of theirs. */
export interface Routing {
  /** Egress endpoints for a subscriber, best first. */
  readonly egress: readonly string[];
  /** Every broker's ingress. */
  readonly ingress: readonly string[];
  /** What a subscriber gets that does not say: through the broker or from the publisher. */
  readonly centralized: boolean;
}

/** The messages of one client. */
export class MatchFeed {
  readonly #asker: Asker;
  readonly #index: MatchIndex;
  readonly #pending = new Map<string, { topic: string; peer: string }>();
  #version = 0;
  #brokers = "";
  /** Some stream of it goes through brokers: it wants to know them. */
  #throughBroker = false;

  constructor(asker: Asker, index: MatchIndex) {
    this.#asker = asker;
    this.#index = index;
  }

  /** Number of the last message. */
  get version(): number {
    return this.#version;
  }

  /** What is between it and this other client on this topic may have changed. */
  touch(topic: string, peer: string): void {
    this.#pending.set(`${topic}\0${peer}`, { topic, peer });
  }

  /** Everything. */
  whole(routing: Routing): MatchMessage[] {
    this.#pending.clear();
    this.#brokers = "";
    this.#throughBroker = false;
    const matches = [...this.#index.of(this.#asker, routing.centralized)];
    return this.#messages(matches.map((match) => ({ ...match, match })), routing, true);
  }

  /** What has changed since the last message; no messages when nothing has. */
  news(routing: Routing): MatchMessage[] {
    const pairs = [...this.#pending.values()].map(({ topic, peer }) => ({
      topic,
      peer,
      match: this.#index.pair(this.#asker, topic, peer, routing.centralized),
    }));
    this.#pending.clear();
    return this.#messages(pairs, routing, false);
  }

  #messages(
    pairs: readonly { topic: string; peer: string; match: Match | undefined }[],
    routing: Routing,
    whole: boolean,
  ): MatchMessage[] {
    this.#throughBroker ||= pairs.some(({ match }) => match?.stream?.through === "broker");
    const brokers = this.#newBrokers(routing);
    if (pairs.length === 0 && brokers === undefined && !whole) return [];
    const messages: MatchMessage[] = [];
    for (let at = 0; at === 0 || at < pairs.length; at += MAX_ENTRIES) {
      const message = this.#message(pairs.slice(at, at + MAX_ENTRIES), whole && at === 0);
      if (at === 0 && brokers !== undefined) message.brokers = brokers;
      if (at + MAX_ENTRIES < pairs.length) message.more = true;
      messages.push(message);
    }
    return messages;
  }

  #message(
    pairs: readonly { topic: string; peer: string; match: Match | undefined }[],
    whole: boolean,
  ): MatchMessage {
    const message: MatchMessage = {
      type: "matches",
      ...whole ? {} : { base: this.#version },
      version: ++this.#version,
      streams: [],
      subscribers: [],
      mismatches: [],
      removed: [],
    };
    for (const { topic, peer, match } of pairs) {
      if (match?.stream) message.streams.push(match.stream);
      else if (match?.subscriber) message.subscribers.push(match.subscriber);
      else if (match) message.mismatches.push(...match.mismatches);
      else message.removed.push({ topic, peer });
    }
    return message;
  }

  #newBrokers(routing: Routing): string[] | undefined {
    const wanted = this.#asker.role === "publisher"
      ? routing.ingress
      : this.#throughBroker
      ? routing.egress
      : [];
    const text = wanted.join(" ");
    if (text === this.#brokers) return undefined;
    this.#brokers = text;
    return [...wanted];
  }
}
