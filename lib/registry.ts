/** The clients that are registered with one broker. Pure: time is a parameter, monotonic milliseconds. */
import type { MatchFeed } from "./match_feed.ts";
import type { Asker } from "./match_index.ts";

/** A client that nothing was heard of for so long is forgotten. */
const FORGET_AFTER_MS = 10_000;
/** A client heard of within this time is alive: nobody else gets its id. */
const ALIVE_MS = 3000;

/** A registered client. */
export interface Client {
  readonly id: string;
  readonly asker: Asker;
  /** Where answers go. */
  readonly route: Uint8Array;
  /** It does not go to another zone. */
  readonly pinned: boolean;
  readonly registeredAt: number;
  heardAt: number;
  /** It was told to go to another zone, when; undefined otherwise. */
  sentAwayAt: number | undefined;
  /** What it told with its last keep-alive. */
  stats: Record<string, unknown>;
  /** What it is told of its matches. */
  readonly feed: MatchFeed;
}

/** The clients of a broker by id and by topic. */
export class Registry {
  readonly #clients = new Map<string, Client>();
  readonly #byTopic = new Map<string, Set<Client>>();
  #pinned = 0;

  get size(): number {
    return this.#clients.size;
  }
  /** How many of them do not go to another zone. */
  get pinned(): number {
    return this.#pinned;
  }
  /** All clients, those first that have been here longest. */
  [Symbol.iterator](): MapIterator<Client> {
    return this.#clients.values();
  }
  get(id: string): Client | undefined {
    return this.#clients.get(id);
  }

  /** The clients of a role on a topic. */
  on(role: Asker["role"], topic: string): Iterable<Client> {
    return this.#byTopic.get(`${role} ${topic}`) ?? [];
  }

  /** Whether another live client has this id. */
  taken(id: string, incarnation: number, now: number): boolean {
    const client = this.#clients.get(id);
    return client !== undefined && client.asker.info.incarnation !== incarnation &&
      now - client.heardAt < ALIVE_MS;
  }

  /** A client has registered, perhaps again. */
  add(asker: Asker, feed: MatchFeed, route: Uint8Array, pinned: boolean, now: number): Client {
    const { id, topics } = asker.info;
    this.delete(id);
    const client: Client = {
      id,
      asker,
      feed,
      route,
      pinned,
      registeredAt: now,
      heardAt: now,
      sentAwayAt: undefined,
      stats: {},
    };
    this.#clients.set(id, client);
    if (pinned) this.#pinned++;
    for (const topic of topics) {
      this.#byTopic.getOrInsertComputed(`${asker.role} ${topic}`, () => new Set()).add(client);
    }
    return client;
  }

  delete(id: string): boolean {
    const client = this.#clients.get(id);
    if (client === undefined) return false;
    this.#clients.delete(id);
    if (client.pinned) this.#pinned--;
    const { role, info } = client.asker;
    for (const topic of info.topics) {
      const clients = this.#byTopic.get(`${role} ${topic}`);
      clients?.delete(client);
      if (clients?.size === 0) this.#byTopic.delete(`${role} ${topic}`);
    }
    return true;
  }

  clear(): void {
    this.#clients.clear();
    this.#byTopic.clear();
    this.#pinned = 0;
  }

  /** Forget those who have gone silent. @returns them. */
  expire(now: number): Client[] {
    const silent = [...this.#clients.values()].filter(({ heardAt }) => now - heardAt > FORGET_AFTER_MS);
    for (const { id } of silent) this.delete(id);
    return silent;
  }
}
