/**
 * One simulated client: a real session with ZooKeeper, a real control connection with a broker, a real record; no
 * data socket, and no samples. What it costs ZooKeeper and the brokers is what a client costs them.
 *
 * Session suspended or lost: as every client, see `lib/control/control_client.ts`.
 */
import { ControlClient } from "../control/control_client.ts";
import { publisherPath, subscriberPath } from "../model/paths.ts";
import { CONTROL_VERSION } from "../wire/control.ts";
import type { Assignment } from "../model/zone_choice.ts";
import { ZooKeeper } from "../zk/zookeeper.ts";
import type { Persona } from "./layout.ts";

/** What all of a crowd have in common. */
export interface SimulatedClientOptions {
  readonly zookeeper: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly assignment?: Assignment | undefined;
}

/** Registers like a publisher or a subscriber, and stays. */
export class SimulatedClient implements AsyncDisposable {
  readonly #zk: ZooKeeper;
  readonly #control: ControlClient;
  readonly #following: Promise<void>;
  #peers = 0;
  #registrations = 0;

  constructor({ role, info }: Persona, options: SimulatedClientOptions) {
    this.#zk = new ZooKeeper({ servers: options.zookeeper, sessionTimeoutMs: options.sessionTimeoutMs });
    const common = { type: "register" as const, v: CONTROL_VERSION as 1 };
    this.#control = new ControlClient(this.#zk, {
      registration: role === "publisher"
        ? { ...common, role, publisher: info }
        : { ...common, role, subscriber: info },
      recordPath: role === "publisher" ? publisherPath(info.id) : subscriberPath(info.id),
      record: (zone) => JSON.stringify({ ...info, zone }),
      assignment: options.assignment,
      stats: () => ({ received: 0, lost: 0 }),
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      heartbeatTimeoutMs: options.heartbeatTimeoutMs,
    });
    this.#following = this.#follow();
  }

  /** Resolves when it is registered and every broker can know it. Rejects when a broker refuses it for good. */
  start(): Promise<unknown> {
    return Promise.race([this.#control.recorded, this.#control.ended]);
  }

  /** Those it is matched with now. */
  get peers(): number {
    return this.#peers;
  }
  /** Zone of its broker. */
  get zone(): number {
    return this.#control.zone;
  }
  /** How often it has registered with a broker. */
  get registrations(): number {
    return this.#registrations;
  }
  /** What it has cost ZooKeeper. */
  get zookeeper(): { operations: number; watches: number; bytesIn: number } {
    return this.#zk.counters();
  }

  async #follow(): Promise<void> {
    for await (const event of this.#control.events()) {
      if (event.type === "registered") this.#registrations++;
      if (event.type !== "matches") continue;
      const { streams, subscribers } = event.matches;
      this.#peers = streams.length + subscribers.length;
    }
  }

  async close(): Promise<void> {
    await this.#control.close();
    await this.#zk.close();
    await this.#following;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
