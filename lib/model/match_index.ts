/** All publishers and subscribers of the system by topic, and who is matched with whom. Pure. */
import { mismatchesOf } from "./match.ts";
import type {
  Mismatch,
  PublisherInfo,
  StreamMatch,
  SubscriberInfo,
  SubscriberMatch,
} from "../wire/control.ts";

/** A client that asks whom it is matched with. */
export type Asker =
  | { readonly role: "publisher"; readonly info: PublisherInfo }
  | { readonly role: "subscriber"; readonly info: SubscriberInfo };

/** What a client is told of one other client on one topic. */
export interface Match {
  readonly topic: string;
  readonly peer: string;
  /** For a subscriber. */
  readonly stream?: StreamMatch;
  /** For a publisher. */
  readonly subscriber?: SubscriberMatch;
  /** Why they do not match; then there is neither. */
  readonly mismatches: readonly Mismatch[];
}

/** Clients of one role, by id and by topic. */
class Directory<T extends PublisherInfo | SubscriberInfo> {
  readonly byId = new Map<string, T>();
  readonly #byTopic = new Map<string, Map<string, T>>();

  set(info: T): string[] {
    const known = this.byId.get(info.id);
    if (known && declarationOf(known) === declarationOf(info)) return [];
    const before = this.delete(info.id);
    this.byId.set(info.id, info);
    for (const topic of info.topics) {
      this.#byTopic.getOrInsertComputed(topic, () => new Map()).set(info.id, info);
    }
    return [...new Set([...before, ...info.topics])];
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

  find(topic: string, id: string): T | undefined {
    return this.#byTopic.get(topic)?.get(id);
  }
}

/** What a client declares, without where it is registered: what matching depends on. */
function declarationOf(info: PublisherInfo | SubscriberInfo): string {
  return JSON.stringify({ ...info, zone: undefined }, Object.keys(info).sort());
}

/**
 * Everybody, and who is matched. The mutators return the topics whose matches may have changed: none when a client
 * declares what it declared before.
 */
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

  /**
   * All others on a client's topics, whether or not the client itself is in the index.
   *
   * @param centralized what a subscriber gets that does not say: through a broker or from the publisher.
   */
  *of(asker: Asker, centralized: boolean): Generator<Match> {
    for (const topic of asker.info.topics) {
      if (asker.role === "subscriber") {
        for (const publisher of this.#publishers.on(topic)) {
          yield matchOf(topic, publisher, asker.info, asker.role, centralized);
        }
      } else {
        for (const subscriber of this.#subscribers.on(topic)) {
          yield matchOf(topic, asker.info, subscriber, asker.role, centralized);
        }
      }
    }
  }

  /** One other client on one topic; undefined when it is not there. `centralized` as in {@link of}. */
  pair(asker: Asker, topic: string, peer: string, centralized: boolean): Match | undefined {
    if (asker.role === "subscriber") {
      const publisher = this.#publishers.find(topic, peer);
      return publisher && matchOf(topic, publisher, asker.info, asker.role, centralized);
    }
    const subscriber = this.#subscribers.find(topic, peer);
    return subscriber && matchOf(topic, asker.info, subscriber, asker.role, centralized);
  }
}

function matchOf(
  topic: string,
  publisher: PublisherInfo,
  subscriber: SubscriberInfo,
  asking: Asker["role"],
  centralized: boolean,
): Match {
  const peer = asking === "publisher" ? subscriber.id : publisher.id;
  const mismatches = mismatchesOf(topic, publisher, subscriber);
  if (mismatches.length > 0) return { topic, peer, mismatches };
  if (asking === "publisher") {
    const reliable = subscriber.reliability === "reliable";
    const { id, incarnation: life } = subscriber;
    return { topic, peer, mismatches, subscriber: { topic, subscriber: id, reliable, life } };
  }
  const throughBroker = publisher.centralized || (subscriber.centralized ?? centralized);
  return {
    topic,
    peer,
    mismatches,
    stream: {
      topic,
      publisher: publisher.id,
      incarnation: publisher.incarnation,
      ownership: publisher.ownership,
      through: throughBroker ? "broker" : "publisher",
      endpoints: throughBroker ? [] : [publisher.address],
    },
  };
}
