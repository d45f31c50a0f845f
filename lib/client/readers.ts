/**
 * The subscribers of one publisher: whom its broker has named, who has joined, and what they say against the stream of
 * samples.
 *
 * Guarantee: only those who were named are heard; who has not joined in time gets everything from then on when it does,
 * and who is not matched any more is waited for like a slow one, as it may be back in a moment.
 */
import type { Outlet } from "./outlet.ts";
import type { PublishedTopic } from "./published_topic.ts";
import { ReaderCheck } from "./reader_check.ts";
import { Roster } from "./roster.ts";
import type { Unreached } from "./unreached.ts";
import { monotonic } from "../base/clock.ts";
import { FormatError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { SubscriberMatch } from "../wire/control.ts";
import { decodeUpstream, type Upstream } from "../wire/upstream.ts";

const log = logger("publisher");

/** What is told of them. */
export type ReaderEvent = { type: "matched" | "unmatched"; topic: string; peer: string } | {
  type: "caught_up";
  topic: string;
  subscriber: string;
};

/** What they need of their publisher. */
export interface ReadersOwner {
  readonly publisher: string;
  /** What is said to another one is not heard. */
  readonly incarnation: number;
  readonly topics: ReadonlyMap<string, PublishedTopic>;
  /** Who waits there looks again when one has said something. */
  readonly outlet: Pick<Outlet, "wake" | "woken">;
  readonly leaving: AbortSignal;
}

/** They, over all topics. */
export class Readers {
  readonly #owner: ReadersOwner;
  readonly #roster = new Roster();
  readonly #check = new ReaderCheck(this.#roster);
  readonly #onEvent: (event: ReaderEvent) => void;

  constructor(owner: ReadersOwner, onEvent: (event: ReaderEvent) => void) {
    this.#owner = owner;
    this.#onEvent = onEvent;
  }

  /** Messages dropped because they came in the name of nobody whom a broker has named. */
  get strangers(): number {
    return this.#check.dropped;
  }

  /** Who is matched and has not joined us at `endpoint`. */
  awaited(endpoint: string): Unreached[] {
    return this.#roster.awaited(endpoint);
  }

  /** Whether it has joined whatever it is matched on. */
  hasJoined(subscriber: string): boolean {
    return this.#roster.hasJoined(subscriber);
  }

  /** These are matched now, and nobody else. */
  matched(subscribers: readonly SubscriberMatch[]): void {
    const { came, gone } = this.#roster.update(subscribers, monotonic());
    for (const { topic, subscriber: peer } of came) {
      if (this.#owner.topics.get(topic)?.stream.flow.has(peer)) this.#roster.joined(topic, peer);
      this.#owner.topics.get(topic)?.stream.flow.back(peer);
      this.#onEvent({ type: "matched", topic, peer });
    }
    for (const { topic, subscriber: peer } of gone) {
      this.#owner.topics.get(topic)?.stream.gone(peer);
      this.#onEvent({ type: "unmatched", topic, peer });
    }
    for (const early of this.#check.named(monotonic())) {
      this.#hear(early, this.#owner.topics.get(early.topic)!, monotonic());
    }
  }

  /** A message has come against the stream of samples. */
  upstream(bytes: Uint8Array): void {
    const message = decodeUpstream(bytes);
    if (message instanceof FormatError) {
      return log.debug(`${this.#owner.publisher}: dropped: ${message.message}`);
    }
    const entry = this.#owner.topics.get(message.topic);
    if (!entry || message.incarnation !== this.#owner.incarnation) return;
    const now = monotonic();
    if (this.#check.admits(message, now)) this.#hear(message, entry, now);
  }

  /** A subscriber that a broker has named says something. */
  #hear(message: Upstream, entry: PublishedTopic, now: number): void {
    const { stream } = entry;
    const { subscriber } = message;
    if (message.kind === "request") {
      const known = stream.flow.has(subscriber);
      this.#roster.joined(stream.topic, subscriber);
      if (!stream.request(subscriber, message, entry.lease(now), now)) {
        log.debug(
          `${this.#owner.publisher}: ${subscriber} asks for ${message.depth} samples of ${stream.topic}, offered: ${stream.window.offered}`,
        );
      } else if (!known) {
        log.debug(
          `${this.#owner.publisher}: ${subscriber} joined topic ${stream.topic} after sample ${stream.last}`,
        );
      }
    } else if (message.kind === "acknowledge") {
      if (stream.acknowledge(subscriber, message.delivered, now, message.givenUp)) {
        log.info(`${this.#owner.publisher}: subscriber ${subscriber} of topic ${stream.topic} has caught up`);
        this.#onEvent({ type: "caught_up", topic: stream.topic, subscriber });
      }
    } else {
      stream.leave(subscriber);
    }
    if (message.kind !== "bye") stream.setCredit(subscriber, message.credit);
    this.#owner.outlet.wake();
  }

  /**
   * Wait until at least `atLeast` of each topic, and all that are matched now, have joined; at most `ms` milliseconds.
   *
   * @returns whether they have.
   */
  async joined(ms: number, atLeast: number): Promise<boolean> {
    const { publisher, outlet, leaving } = this.#owner;
    const end = monotonic() + ms;
    for (;;) {
      const missing = this.#missing(atLeast);
      if (missing.length === 0) return true;
      if (monotonic() >= end) {
        log.warn(
          `${publisher}: going on without ${missing.slice(0, 5).join(", ")}: not joined within ${ms} ms`,
        );
        return false;
      }
      if (leaving.aborted) return false;
      await outlet.woken();
    }
  }

  /** Who is matched and has not joined, for people; and how many more there are to be of each topic. */
  #missing(atLeast: number): string[] {
    const missing: string[] = [];
    for (const [topic, { stream }] of this.#owner.topics) {
      for (const id of this.#roster.reliable(topic)) {
        if (!stream.flow.has(id)) missing.push(`${id} (${topic})`);
      }
      if (stream.flow.size < atLeast) {
        missing.push(`${atLeast - stream.flow.size} more subscribers of ${topic}`);
      }
    }
    return missing;
  }

  /** Who is matched and has not joined in time gets everything from here on when it does. */
  expectTheRest(): void {
    const now = monotonic();
    for (const [topic, { stream }] of this.#owner.topics) {
      for (const id of this.#roster.reliable(topic)) stream.expect(id, now);
    }
  }

  /** To be called now and then: tells of strangers. */
  look(now: number): void {
    const strangers = this.#check.notice(now);
    if (strangers !== undefined) log.warn(`${this.#owner.publisher}: ${strangers}`);
  }
}
