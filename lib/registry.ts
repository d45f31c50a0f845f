/** The clients that are registered with one broker. Pure: time is a parameter, monotonic milliseconds. */
import type { PublisherInfo, SubscriberInfo } from "./wire/control.ts";

/** A client that nothing was heard of for so long is forgotten. */
const FORGET_AFTER_MS = 10_000;
/** A client heard of within this time is alive: nobody else gets its id. */
const ALIVE_MS = 3000;

/** A registered client. */
export interface Client {
  readonly id: string;
  readonly role: "publisher" | "subscriber";
  readonly info: PublisherInfo | SubscriberInfo;
  /** Where answers go. */
  readonly route: Uint8Array;
  heardAt: number;
  /** What it told with its last keep-alive. */
  stats: Record<string, unknown>;
  /** The matches sent last, as JSON without the version. */
  sent: string;
  version: number;
}

/** The clients of a broker by id. */
export class Registry {
  readonly #clients = new Map<string, Client>();

  get size(): number {
    return this.#clients.size;
  }
  /** All clients. */
  [Symbol.iterator](): MapIterator<Client> {
    return this.#clients.values();
  }
  get(id: string): Client | undefined {
    return this.#clients.get(id);
  }

  /** Whether another live client has this id. */
  taken(id: string, incarnation: number, now: number): boolean {
    const client = this.#clients.get(id);
    return client !== undefined && client.info.incarnation !== incarnation && now - client.heardAt < ALIVE_MS;
  }

  add(role: Client["role"], info: Client["info"], route: Uint8Array, now: number): Client {
    const client = { id: info.id, role, info, route, heardAt: now, stats: {}, sent: "", version: 0 };
    this.#clients.set(info.id, client);
    return client;
  }

  delete(id: string): boolean {
    return this.#clients.delete(id);
  }

  clear(): void {
    this.#clients.clear();
  }

  /** Forget those who have gone silent. @returns them. */
  expire(now: number): Client[] {
    const silent = [...this.#clients.values()].filter(({ heardAt }) => now - heardAt > FORGET_AFTER_MS);
    for (const { id } of silent) this.#clients.delete(id);
    return silent;
  }
}
