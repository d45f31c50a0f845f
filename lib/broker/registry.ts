/** The clients that are registered with one broker. Pure: time is a parameter, monotonic milliseconds. */
import type { MatchFeed } from "../model/match_feed.ts";
import type { Asker } from "../model/match_index.ts";

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
  /** Who knows it is this client, whatever connection it comes by. */
  readonly key: string;
  /** Number of the registration: a lower one has come late. */
  readonly attempt: number;
  readonly registeredAt: number;
  heardAt: number;
  /** It was told to go to another zone, when; undefined otherwise. */
  sentAwayAt: number | undefined;
  /** What it told with its last keep-alive. */
  stats: Record<string, unknown>;
  /** What it is told of its matches. */
  readonly feed: MatchFeed;
  /** When it was last told all of them, undefined before its record was there: until then it is told nothing. */
  toldAt: number | undefined;
}

/** What a client registers with. */
export type Newcomer = Pick<Client, "asker" | "feed" | "route" | "pinned" | "key" | "attempt">;

/** The clients of a broker by role and id, and by topic. */
export class Registry {
  /** A publisher and a subscriber may have the same id. */
  readonly #clients = new Map<string, Client>();
  readonly #byTopic = new Map<string, Set<Client>>();
  #pinned = 0;
  #topics = 0;

  get size(): number {
    return this.#clients.size;
  }
  /** How many of them do not go to another zone. */
  get pinned(): number {
    return this.#pinned;
  }
  /** Topics of all clients together, each as often as it is named. */
  get topics(): number {
    return this.#topics;
  }
  /** All clients, those first that have been here longest. */
  [Symbol.iterator](): MapIterator<Client> {
    return this.#clients.values();
  }

  /** The client that has this id and is answered there. */
  at(route: Uint8Array, id: string): Client | undefined {
    for (const role of ["publisher", "subscriber"] as const) {
      const client = this.#clients.get(key(role, id));
      if (client && sameBytes(client.route, route)) return client;
    }
    return undefined;
  }

  /** Whether this client is registered and has not registered again since. */
  has(client: Client): boolean {
    return this.#clients.get(key(client.asker.role, client.id)) === client;
  }

  /** The clients of a role on a topic. */
  on(role: Asker["role"], topic: string): Iterable<Client> {
    return this.#byTopic.get(`${role} ${topic}`) ?? [];
  }

  /** The client of this role and id. */
  get(role: Asker["role"], id: string): Client | undefined {
    return this.#clients.get(key(role, id));
  }

  /** Whether it was heard of lately. */
  isAlive({ heardAt }: Client, now: number): boolean {
    return now - heardAt < ALIVE_MS;
  }

  /** A client has registered, perhaps again. */
  add(newcomer: Newcomer, now: number): Client {
    const { role, info: { id, topics } } = newcomer.asker;
    const before = this.#clients.get(key(role, id));
    if (before) this.delete(before);
    const client: Client = {
      id,
      ...newcomer,
      registeredAt: now,
      heardAt: now,
      sentAwayAt: undefined,
      stats: {},
      toldAt: undefined,
    };
    this.#clients.set(key(role, id), client);
    if (newcomer.pinned) this.#pinned++;
    this.#topics += topics.length;
    for (const topic of topics) {
      this.#byTopic.getOrInsertComputed(`${role} ${topic}`, () => new Set()).add(client);
    }
    return client;
  }

  /** @returns false when it was not registered. */
  delete(client: Client): boolean {
    if (!this.has(client)) return false;
    const { role, info } = client.asker;
    this.#clients.delete(key(role, client.id));
    if (client.pinned) this.#pinned--;
    this.#topics -= info.topics.length;
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
    this.#pinned = this.#topics = 0;
  }

  /** Forget those who have gone silent. @returns them. */
  expire(now: number): Client[] {
    const silent = [...this.#clients.values()].filter(({ heardAt }) => now - heardAt > FORGET_AFTER_MS);
    for (const client of silent) this.delete(client);
    return silent;
  }
}

function key(role: Asker["role"], id: string): string {
  return `${role} ${id}`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
