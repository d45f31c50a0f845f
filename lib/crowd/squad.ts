/**
 * One process's share of a crowd of simulated clients: of `of` squads the one with number `number` has the clients
 * `number`, `number + of`, `number + 2 of`, …, so that every squad grows in every stage.
 */
import process from "node:process";
import { monotonic } from "../base/clock.ts";
import { DeadlineError } from "../base/errors.ts";
import { type Layout, peersOf, personaOf } from "./layout.ts";
import { SimulatedClient, type SimulatedClientOptions } from "./simulated_client.ts";

/** What all squads of a crowd have in common. */
export interface SquadOptions extends SimulatedClientOptions {
  readonly layout: Layout;
  /** Registrations under way at once, in each squad. */
  readonly concurrency: number;
}

/** Which squad of how many. */
export interface SquadPlace {
  readonly number: number;
  readonly of: number;
}

/** What a squad has cost so far. */
export interface SquadReading {
  /** ZooKeeper operations of its clients. */
  readonly operations: number;
  /** Bytes that ZooKeeper sent them. */
  readonly bytesIn: number;
  /** CPU of the process it is in, milliseconds. */
  readonly cpuMs: number;
}

/** A squad, in this process or in another one. */
export interface Squad extends AsyncDisposable {
  /** Register its clients of a crowd of `size`. @throws {DeadlineError} after `ms`. */
  growTo(size: number, ms: number, signal: AbortSignal): Promise<void>;
  /** Each of its clients is matched with as many as its topic has. @throws {DeadlineError} after `ms`. */
  matched(size: number, ms: number, signal: AbortSignal): Promise<void>;
  read(): Promise<SquadReading>;
  /** Its clients leave. */
  close(): Promise<void>;
}

const LOOK_MS = 10;

/** A squad in this process. */
export class LocalSquad implements Squad {
  readonly #options: SquadOptions;
  readonly #place: SquadPlace;
  readonly #clients: SimulatedClient[] = [];
  #closed = false;

  constructor(place: SquadPlace, options: SquadOptions) {
    this.#place = place;
    this.#options = options;
  }

  /** The number in the crowd of the client that is the `i`th here. */
  #number(i: number): number {
    return this.#place.number + i * this.#place.of;
  }

  async growTo(size: number, ms: number, signal: AbortSignal): Promise<void> {
    const deadline = monotonic() + ms;
    const clients = this.#clients;
    const worker = async () => {
      while (this.#number(clients.length) < size && !this.#closed) {
        signal.throwIfAborted();
        const persona = personaOf(this.#number(clients.length), this.#options.layout);
        const client = new SimulatedClient(persona, this.#options);
        clients.push(client);
        await inTime(deadline, signal, `${size} clients to be registered`, client.start());
      }
    };
    await Promise.all(Array.from({ length: this.#options.concurrency }, worker));
  }

  async matched(size: number, ms: number, signal: AbortSignal): Promise<void> {
    const deadline = monotonic() + ms;
    for (const [i, client] of this.#clients.entries()) {
      const wanted = peersOf(this.#number(i), size, this.#options.layout);
      while (client.peers !== wanted) {
        const what = `client ${this.#number(i)} to be matched with ${wanted} (it is with ${client.peers})`;
        await inTime(deadline, signal, what, pause(LOOK_MS));
      }
    }
  }

  read(): Promise<SquadReading> {
    const reading = { operations: 0, bytesIn: 0 };
    for (const { zookeeper } of this.#clients) {
      reading.operations += zookeeper.operations;
      reading.bytesIn += zookeeper.bytesIn;
    }
    const { user, system } = process.cpuUsage();
    return Promise.resolve({ ...reading, cpuMs: (user + system) / 1000 });
  }

  async close(): Promise<void> {
    this.#closed = true;
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

/** Wait for a promise, for as long as there is time. @throws {DeadlineError} naming what was waited for. */
export async function inTime<T>(
  deadline: number,
  signal: AbortSignal,
  what: string,
  promise: Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new DeadlineError(`gave up waiting for ${what}`)),
    Math.max(0, deadline - monotonic()),
  );
  const aborted = () => late.reject(signal.reason);
  signal.addEventListener("abort", aborted);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
  }
}

/** Resolves after so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
