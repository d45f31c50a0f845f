/**
 * A crowd of simulated clients in this process, grown in stages, and what each stage cost everybody.
 *
 * Guarantee: a stage has ended only when every broker knows every client and every client has been told of as many
 * others as its topic has; figures of a stage that never gets there are not given.
 */
import process from "node:process";
import { monotonic } from "../clock.ts";
import { DeadlineError } from "../errors.ts";
import type { BrokerQuestions } from "./broker_costs.ts";
import { type Reading, type StageFigures, stageFigures } from "./figures.ts";
import { type Layout, peersOf, personaOf } from "./layout.ts";
import { SimulatedClient, type SimulatedClientOptions } from "./simulated_client.ts";

/** How a crowd grows. */
export interface CrowdOptions extends SimulatedClientOptions {
  readonly layout: Layout;
  /** Registrations under way at once. */
  readonly concurrency: number;
  /** How long nothing happens after a stage, to see what rest costs. */
  readonly restMs: number;
  /** A stage that takes longer has failed. */
  readonly stageMs: number;
}

const LOOK_MS = 10;

/** Grows and shrinks. */
export class Crowd implements AsyncDisposable {
  readonly #options: CrowdOptions;
  readonly #brokers: readonly BrokerQuestions[];
  readonly #clients: SimulatedClient[] = [];

  constructor(brokers: readonly BrokerQuestions[], options: CrowdOptions) {
    this.#brokers = brokers;
    this.#options = options;
  }

  get size(): number {
    return this.#clients.length;
  }

  /** Clients in each zone. */
  zones(): Map<number, number> {
    const zones = new Map<number, number>();
    for (const { zone } of this.#clients) zones.set(zone, (zones.get(zone) ?? 0) + 1);
    return zones;
  }

  /** Grow to `size` clients, wait for agreement, rest. */
  async growTo(size: number, signal: AbortSignal): Promise<StageFigures> {
    const before = await this.#read();
    const registrations = size - this.size;
    const deadline = monotonic() + this.#options.stageMs;
    await this.#register(size, deadline, signal);
    const registered = monotonic();
    const [agreeMs, matchedMs] = await Promise.all([
      this.#agreed(deadline, signal).then(() => monotonic() - registered),
      this.#matched(deadline, signal).then(() => monotonic() - registered),
    ]);
    const agreed = await this.#read();
    await pause(this.#options.restMs);
    const rested = await this.#read();
    return stageFigures({ clients: size, registrations, agreeMs, matchedMs }, before, agreed, rested);
  }

  async #register(size: number, deadline: number, signal: AbortSignal): Promise<void> {
    let next = this.size;
    const worker = async () => {
      while (next < size) {
        const client = new SimulatedClient(personaOf(next++, this.#options.layout), this.#options);
        this.#clients.push(client);
        await before(deadline, signal, `${size} clients to be registered`, client.start());
      }
    };
    await Promise.all(Array.from({ length: this.#options.concurrency }, worker));
  }

  /** Every broker knows everybody. */
  async #agreed(deadline: number, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#brokers.map(async (broker) => {
      for (;;) {
        const { publishers, subscribers } = await broker.costs();
        if (publishers + subscribers === this.size) return;
        await before(deadline, signal, `broker ${broker.broker.broker} to know ${this.size}`, pause(LOOK_MS));
      }
    }));
  }

  /** Every client knows its peers. */
  async #matched(deadline: number, signal: AbortSignal): Promise<void> {
    const { layout } = this.#options;
    for (const [index, client] of this.#clients.entries()) {
      const wanted = peersOf(index, this.size, layout);
      while (client.peers !== wanted) {
        const what = `client ${index} to be matched with ${wanted} (it is with ${client.peers})`;
        await before(deadline, signal, what, pause(LOOK_MS));
      }
    }
  }

  async #read(): Promise<Reading> {
    const brokers = await Promise.all(this.#brokers.map((broker) => broker.costs()));
    const clients = { operations: 0, bytesIn: 0 };
    for (const { zookeeper } of this.#clients) {
      clients.operations += zookeeper.operations;
      clients.bytesIn += zookeeper.bytesIn;
    }
    const { user, system } = process.cpuUsage();
    return { at: monotonic(), brokers, clients, cpuMs: (user + system) / 1000 };
  }

  /** Everybody leaves. */
  async close(): Promise<void> {
    const clients = this.#clients.splice(0);
    let next = 0;
    const worker = async () => {
      while (next < clients.length) await clients[next++]!.close();
    };
    await Promise.all(Array.from({ length: this.#options.concurrency }, worker));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function before(
  deadline: number,
  signal: AbortSignal,
  what: string,
  promise: Promise<unknown>,
): Promise<void> {
  signal.throwIfAborted();
  const left = deadline - monotonic();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`gave up waiting for ${what}`)), Math.max(0, left));
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
