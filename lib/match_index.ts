/** All publishers and subscribers of the system by topic, and who is matched with whom. Pure. */
import { mismatchesOf } from "./match.ts";
import type {
  Mismatch,
  PublisherInfo,
  StreamMatch,
  SubscriberInfo,
  SubscriberMatch,
} from "./wire/control.ts";

/** Clients of one role, by id and by topic. */
class Directory<T extends { id: string; topics: string[] }> {
  readonly byId = new Map<string, T>();
  readonly #byTopic = new Map<string, Map<string, T>>();

  set(info: T): string[] {
    const before = this.delete(info.id);
    this.byId.set(info.id, info);
    for (const topic of info.topics) {
      this.#byTopic.getOrInsertComputed(topic, () => new Map()).set(info.id, info);
    }
    return [...before, ...info.topics];
  }

  delete(id: string): string[] {
    const info = this.byId.get(id);
    if (!info) return [];
    this.byId.delete(id);
    for (const topic of info.topics) {
      const clients = this.#byTopic.get(topic);
      clients?.delete(id);
      if (clients?.size === 0) this.#byTopic.delete(topic);
    }
    return info.topics;
  }

  on(topic: string): Iterable<T> {
    return this.#byTopic.get(topic)?.values() ?? [];
  }
}

/** Where a subscriber can receive from. */
export interface Routing {
  /** Brokers' egress endpoints for this subscriber, best first. */
  brokers: string[];
  /** What a subscriber gets that does not say: through the broker or from the publisher. */
  centralized: boolean;
}

/** Everybody, and who is matched. The mutators return the topics whose matches may have changed. */
export class MatchIndex {
  readonly #publishers = new Directory<PublisherInfo>();
  readonly #subscribers = new Directory<SubscriberInfo>();

  get publishers(): ReadonlyMap<string, PublisherInfo> {
    return this.#publishers.byId;
  }
  get subscribers(): ReadonlyMap<string, SubscriberInfo> {
    return this.#subscribers.byId;
  }

  setPublisher(info: PublisherInfo): string[] {
    return this.#publishers.set(info);
  }
  deletePublisher(id: string): string[] {
    return this.#publishers.delete(id);
  }
  setSubscriber(info: SubscriberInfo): string[] {
    return this.#subscribers.set(info);
  }
  deleteSubscriber(id: string): string[] {
    return this.#subscribers.delete(id);
  }

  /** The streams for a subscriber, whether or not it is in the index, and what keeps others from it. */
  forSubscriber(
    subscriber: SubscriberInfo,
    routing: Routing,
  ): { streams: StreamMatch[]; mismatches: Mismatch[] } {
    const streams: StreamMatch[] = [];
    const mismatches: Mismatch[] = [];
    for (const topic of subscriber.topics) {
      for (const publisher of this.#publishers.on(topic)) {
        const failed = mismatchesOf(topic, publisher, subscriber);
        mismatches.push(...failed);
        if (failed.length > 0) continue;
        const throughBroker = publisher.centralized || (subscriber.centralized ?? routing.centralized);
        streams.push({
          topic,
          publisher: publisher.id,
          incarnation: publisher.incarnation,
          ownership: publisher.ownership,
          through: throughBroker ? "broker" : "publisher",
          endpoints: throughBroker ? routing.brokers : [publisher.address],
        });
      }
    }
    return { streams, mismatches };
  }

  /** The subscribers for a publisher, whether or not it is in the index, and what keeps others from it. */
  forPublisher(publisher: PublisherInfo): { subscribers: SubscriberMatch[]; mismatches: Mismatch[] } {
    const subscribers: SubscriberMatch[] = [];
    const mismatches: Mismatch[] = [];
    for (const topic of publisher.topics) {
      for (const subscriber of this.#subscribers.on(topic)) {
        const failed = mismatchesOf(topic, publisher, subscriber);
        mismatches.push(...failed);
        if (failed.length > 0) continue;
        subscribers.push({
          topic,
          subscriber: subscriber.id,
          reliable: subscriber.reliability === "reliable",
        });
      }
    }
    return { subscribers, mismatches };
  }
}
