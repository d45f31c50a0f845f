/**
 * The world that faults happen in: brokers, publishers and subscribers in slots, each slot filled again when its
 * process was ended; every process real, every connection through a proxy of its own.
 */
import { TcpProxy } from "../harness/tcp_proxy.ts";
import { freePort } from "../harness/zookeeper.ts";
import { Actor, type Kind } from "./actor.ts";
import type { Delivered, Ledger } from "./ledger.ts";
import type { Servers } from "./servers.ts";

export type { Actor, Kind } from "./actor.ts";

/** The session time-out of every process: short, and yet longer than a loaded machine's hesitations. */
export const SESSION_MS = 3000;
const SESSION = ["--session-timeout", String(SESSION_MS / 1000)];
/** Where processes listen, and where others reach them: the proxies are in between. */
export const INSIDE = "127.0.0.1";
export const OUTSIDE = "127.0.0.2";
const FEED_MS = 10;
/** What a publisher may have unacknowledged: little, so that the flow control has something to do. */
export const MAX_IN_FLIGHT = 100;
/** Of topic S: so long that few samples fit into the system's pipes. */
const LONG_BYTES = 2048;

type Ownership = "shared" | "exclusive";

/** A place in the world for a process of one kind. One fault at a time concerns it. */
export class Slot {
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    readonly kind: Kind,
    readonly topic: string,
    readonly begin: () => Actor,
    public actor: Actor,
  ) {}

  /** Do something to it when whatever is being done to it is over. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Fill it with a new process. */
  refill(): Actor {
    return this.actor = this.begin();
  }
}

/** What all processes of a world have in common. */
export interface WorldOptions {
  linesPerSecond: number;
}

/** All slots of a run. */
export class World implements AsyncDisposable {
  readonly slots: Slot[] = [];
  /** In the environment of every process of this world. */
  readonly mark = crypto.randomUUID();
  readonly #actors: Actor[] = [];
  readonly #feeders: Promise<void>[] = [];
  #feeding = true;
  #count = 0;

  constructor(readonly servers: Servers, readonly ledger: Ledger, readonly options: WorldOptions) {}

  of(kind: Kind): Slot[] {
    return this.slots.filter((slot) => slot.kind === kind);
  }

  broken(what: string): void {
    this.ledger.violations.push({ time: Date.now(), what });
  }

  /** What processes said that none may ever say. */
  wrongWords(): string[] {
    return this.#actors.flatMap(({ name, wrong }) => wrong.map((line) => `${name} said: ${line}`));
  }

  #slot(kind: Kind, topic: string, begin: () => Actor): Slot {
    const slot = new Slot(kind, topic, begin, begin());
    this.slots.push(slot);
    return slot;
  }

  #start(prefix: string, kind: Kind, args: string[], ports: number, onLine?: (line: string) => void): Actor {
    const numbers = Array.from({ length: ports }, freePort);
    const actor = new Actor({
      name: `${prefix}-${++this.#count}`,
      kind,
      args: [...args, ...SESSION, ...portFlags(kind, numbers)],
      zookeeper: this.servers.ports.map((target) => new TcpProxy({ target })),
      proxies: numbers.map((port) => new TcpProxy({ target: port, port, hostname: OUTSIDE })),
      mark: this.mark,
      ...onLine ? { onLine } : {},
      onDeath: ({ name, lastWords }, code) =>
        this.broken(`${name} ended by itself with ${code}: ${lastWords}`),
    });
    this.#actors.push(actor);
    return actor;
  }

  broker(zone: number): Slot {
    const args = ["--zone", String(zone), "--bind", INSIDE, "--address", OUTSIDE];
    return this.#slot("broker", "", () => this.#start(`broker-z${zone}`, "broker", args, 3));
  }

  publisher(topic: string, ownership: Ownership, history: number): Slot {
    const args = ["--topics", topic, "--ownership", ownership, "--when-not-owner", "wait", "--stdin"];
    args.push("--history", String(history), "--max-in-flight", String(MAX_IN_FLIGHT));
    args.push("--bind", INSIDE, "--address", OUTSIDE);
    return this.#slot("publisher", topic, () => {
      const actor = this.#start(`pub-${topic}`, "publisher", args, 1);
      this.#feeders.push(this.#feed(actor, topic === "S" ? LONG_BYTES : 0));
      return actor;
    });
  }

  subscriber(topic: string, ownership: Ownership, history: number, ...more: string[]): Slot {
    const args = ["--topics", topic, "--ownership", ownership, "--json", "--indefinite"];
    args.push("--history", String(history));
    const prefix = `sub-${topic}${more.includes("--centralized") ? "-c" : ""}`;
    return this.#slot("subscriber", topic, () => {
      const actor: Actor = this.#start(prefix, "subscriber", [...args, ...more], 0, (line) => {
        try {
          this.ledger.take(actor.name, JSON.parse(line) as Delivered, Date.now(), history);
        } catch (error) {
          this.broken(`${actor.name} printed ${line.slice(0, 100)}: ${error}`);
        }
      });
      return actor;
    });
  }

  /** Give a publisher its lines, as it takes them. */
  async #feed(actor: Actor, size: number): Promise<void> {
    const writer = actor.input.getWriter();
    const encoder = new TextEncoder();
    const each = Math.max(1, Math.round(this.options.linesPerSecond * FEED_MS / 1000));
    try {
      while (this.#feeding && actor.running) {
        let text = "";
        for (let i = 0; i < each; i++) text += `${this.ledger.give(actor.name, size)}\n`;
        await writer.write(encoder.encode(text));
        await new Promise((resolve) => setTimeout(resolve, FEED_MS));
      }
      actor.leaving = true;
      await writer.close();
    } catch {
      // It was killed: what it had not read was never published.
    }
  }

  /** No more lines: publishers deliver what they have and end. */
  endOfInput(): void {
    this.#feeding = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#feeding = false;
    await Promise.allSettled(this.#actors.map((actor) => actor.close()));
    await Promise.allSettled(this.#feeders);
  }
}

/** Flags that fix the ports of a process of this kind. */
export function portFlags(kind: Kind, ports: readonly number[]): string[] {
  const names = kind === "broker"
    ? ["--control-port", "--ingress-port", "--egress-port"]
    : kind === "publisher"
    ? ["--bind-port"]
    : [];
  return names.flatMap((name, i) => [name, String(ports[i])]);
}
