/**
 * The subscribers of one publisher: whom its broker has named, who has joined, and what they say against the stream of
 * samples.
 *
 * Guarantee: only those who were named are heard; who has not joined in time gets everything from then on when it does,
 * and who is not matched any more is waited for like a slow one, as it may be back in a moment.
 */
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

/** They, over all topics. */
export class Readers {
  readonly #publisher: string;
  readonly #incarnation: number;
  readonly #topics: ReadonlyMap<string, PublishedTopic>;
  readonly #roster = new Roster();
  readonly #check = new ReaderCheck(this.#roster);
  readonly #onEvent: (event: ReaderEvent) => void;
  readonly #onChange: () => void;

  /**
   * @param incarnation of the publisher: what is said to another one is not heard.
   * @param onChange called when one has said something.
   */
  constructor(
    publisher: string,
    incarnation: number,
    topics: ReadonlyMap<string, PublishedTopic>,
    onEvent: (event: ReaderEvent) => void,
    onChange: () => void,
  ) {
    this.#publisher = publisher;
    this.#incarnation = incarnation;
    this.#topics = topics;
    this.#onEvent = onEvent;
    this.#onChange = onChange;
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
      if (this.#topics.get(topic)?.stream.flow.has(peer)) this.#roster.joined(topic, peer);
      this.#topics.get(topic)?.stream.flow.back(peer);
      this.#onEvent({ type: "matched", topic, peer });
    }
    for (const { topic, subscriber: peer } of gone) {
      this.#topics.get(topic)?.stream.gone(peer);
      this.#onEvent({ type: "unmatched", topic, peer });
    }
    for (const early of this.#check.named(monotonic())) {
      this.#hear(early, this.#topics.get(early.topic)!, monotonic());
    }
  }

  /** A message has come against the stream of samples. */
  upstream(bytes: Uint8Array): void {
    const message = decodeUpstream(bytes);
    if (message instanceof FormatError) return log.debug(`${this.#publisher}: dropped: ${message.message}`);
    const entry = this.#topics.get(message.topic);
    if (!entry || message.incarnation !== this.#incarnation) return;
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
          `${this.#publisher}: ${subscriber} asks for ${message.depth} samples of ${stream.topic}, offered: ${stream.window.offered}`,
        );
      } else if (!known) {
        log.debug(
          `${this.#publisher}: ${subscriber} joined topic ${stream.topic} after sample ${stream.last}`,
        );
      }
    } else if (message.kind === "acknowledge") {
      if (stream.acknowledge(subscriber, message.delivered, now, message.givenUp)) {
        log.info(`${this.#publisher}: subscriber ${subscriber} of topic ${stream.topic} has caught up`);
        this.#onEvent({ type: "caught_up", topic: stream.topic, subscriber });
      }
    } else {
      stream.leave(subscriber);
    }
    if (message.kind !== "bye") stream.setCredit(subscriber, message.credit);
    this.#onChange();
  }

  /** Who is matched and has not joined, for people; and how many more there are to be of each topic. */
  missing(atLeast: number): string[] {
    const missing: string[] = [];
    for (const [topic, { stream }] of this.#topics) {
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
    for (const [topic, { stream }] of this.#topics) {
      for (const id of this.#roster.reliable(topic)) stream.expect(id, now);
    }
  }

  /** To be called now and then: tells of strangers. */
  look(now: number): void {
    const strangers = this.#check.notice(now);
    if (strangers !== undefined) log.warn(`${this.#publisher}: ${strangers}`);
  }
}
