/**
 * The world that faults happen in: brokers in two zones, publishers and subscribers of a shared and of an exclusive
 * topic, in both modes; every process real, every connection through a proxy of its own.
 */
import { fileURLToPath as fromFileUrl } from "node:url";
import { until } from "../harness/condition.ts";
import { TcpProxy } from "../harness/tcp_proxy.ts";
import { type Coordinator, freePort } from "../harness/zookeeper.ts";
import type { Delivered, Ledger } from "./ledger.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const SESSION = ["--session-timeout", "2"];
/** Where processes listen, and where others reach them: the proxies are in between. */
const INSIDE = "127.0.0.1";
const OUTSIDE = "127.0.0.2";
const FEED_MS = 10;

export type Kind = "broker" | "publisher" | "subscriber";

/** A process of the world. */
export class Actor {
  readonly stderr: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  /** How it ended; undefined while it runs. */
  status: Deno.CommandStatus | undefined;
  stopped = false;
  /** Its latency file is on a full disk: it goes on, and fails at the end. */
  readonly mayFail: boolean;

  constructor(
    readonly name: string,
    readonly kind: Kind,
    args: readonly string[],
    readonly zookeeper: TcpProxy,
    readonly proxies: readonly TcpProxy[],
    readonly start: () => Promise<Actor>,
    onLine?: (line: string) => void,
  ) {
    this.mayFail = args.includes("/dev/full");
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--node-modules-dir=manual", MAIN, kind, "--id", name, ...SESSION, ...args],
      env: { PUBSUB_ZOOKEEPER: zookeeper.address },
      stdin: kind === "publisher" ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.allSettled([
      lines(this.#process.stdout, onLine ?? (() => {})),
      lines(this.#process.stderr, (line) => {
        this.stderr.push(line);
        if (this.stderr.length > 400) this.stderr.shift();
      }),
    ]);
    this.#process.status.then((status) => this.status = status);
  }

  get pid(): number {
    return this.#process.pid;
  }
  get input(): WritableStream<Uint8Array> {
    return this.#process.stdin;
  }
  get running(): boolean {
    return this.status === undefined;
  }

  signal(signal: Deno.Signal): void {
    if (!this.running) return;
    if (signal === "SIGSTOP") this.stopped = true;
    if (signal === "SIGCONT") this.stopped = false;
    try {
      this.#process.kill(signal);
    } catch {
      // It has just ended.
    }
  }

  async ended(deadlineMs: number): Promise<Deno.CommandStatus> {
    await until(`${this.name} ends`, () => this.status !== undefined, deadlineMs).catch((error) => {
      throw new Error(`${error.message}; it said:\n${this.stderr.slice(-12).join("\n")}`);
    });
    await this.#reading;
    return this.status!;
  }

  async close(): Promise<void> {
    this.signal("SIGKILL");
    await this.#process.status;
    await this.#reading;
    for (const proxy of [this.zookeeper, ...this.proxies]) await proxy[Symbol.asyncDispose]();
  }
}

/** All actors of a run. */
export class World implements AsyncDisposable {
  readonly actors: Actor[] = [];
  readonly #feeders: Promise<void>[] = [];
  #feeding = true;
  #count = 0;

  constructor(
    readonly coordinator: Coordinator,
    readonly ledger: Ledger,
    readonly options: { linesPerSecond: number; directory: string; verbose: boolean },
  ) {}

  /** Running actors of a kind that no fault has stopped. */
  healthy(kind: Kind): Actor[] {
    return this.actors.filter((actor) => actor.kind === kind && actor.running && !actor.stopped);
  }

  #name(prefix: string): string {
    return `${prefix}-${++this.#count}`;
  }

  #add(actor: Actor): Actor {
    this.actors.push(actor);
    return actor;
  }

  #zookeeper(): TcpProxy {
    return new TcpProxy({ target: this.coordinator.port });
  }

  /** `count` ports that a process listens on, each reached through a proxy on the same port outside. */
  #ports(count: number): { ports: number[]; proxies: TcpProxy[] } {
    const ports = Array.from({ length: count }, freePort);
    return { ports, proxies: ports.map((port) => new TcpProxy({ target: port, port, hostname: OUTSIDE })) };
  }

  broker(zone: number): Promise<Actor> {
    const { ports, proxies } = this.#ports(3);
    const [control, ingress, egress] = ports.map(String) as [string, string, string];
    const args = ["--zone", String(zone), "--bind", INSIDE, "--address", OUTSIDE];
    args.push("--control-port", control, "--ingress-port", ingress, "--egress-port", egress);
    const again = () => this.broker(zone);
    return Promise.resolve(
      this.#add(new Actor(this.#name(`broker-z${zone}`), "broker", args, this.#zookeeper(), proxies, again)),
    );
  }

  publisher(topic: string, ownership: "shared" | "exclusive", history: number): Promise<Actor> {
    const { ports, proxies } = this.#ports(1);
    const name = this.#name(`pub-${topic}`);
    const args = [
      "--topics",
      topic,
      "--ownership",
      ownership,
      "--when-not-owner",
      "wait",
      "--stdin",
      "--history",
    ];
    args.push(String(history), "--bind", INSIDE, "--address", OUTSIDE, "--bind-port", String(ports[0]));
    const again = () => this.publisher(topic, ownership, history);
    const actor = this.#add(new Actor(name, "publisher", args, this.#zookeeper(), proxies, again));
    this.#feeders.push(this.#feed(actor));
    return Promise.resolve(actor);
  }

  subscriber(topic: string, ownership: "shared" | "exclusive", ...more: string[]): Promise<Actor> {
    const name = this.#name(`sub-${topic}${more.includes("--centralized") ? "-c" : ""}`);
    const args = [
      "--topics",
      topic,
      "--ownership",
      ownership,
      "--json",
      "--indefinite",
      "--history",
      "0",
      ...more,
    ];
    const again = () => this.subscriber(topic, ownership, ...more);
    const take = (line: string) => {
      try {
        this.ledger.take(name, JSON.parse(line) as Delivered, Date.now());
      } catch (error) {
        this.ledger.violations.push({
          time: Date.now(),
          what: `${name} printed ${line.slice(0, 100)}: ${error}`,
        });
      }
    };
    return Promise.resolve(
      this.#add(new Actor(name, "subscriber", args, this.#zookeeper(), [], again, take)),
    );
  }

  /** Give a publisher its lines, as it takes them. */
  async #feed(actor: Actor): Promise<void> {
    const writer = actor.input.getWriter();
    const encoder = new TextEncoder();
    const each = Math.max(1, Math.round(this.options.linesPerSecond * FEED_MS / 1000));
    try {
      while (this.#feeding && actor.running) {
        let text = "";
        for (let i = 0; i < each; i++) text += `${this.ledger.give(actor.name)}\n`;
        await writer.write(encoder.encode(text));
        await new Promise((resolve) => setTimeout(resolve, FEED_MS));
      }
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
    await Promise.allSettled(this.actors.map((actor) => actor.close()));
    await Promise.allSettled(this.#feeders);
  }
}

async function lines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    for (const part of parts) take(part);
  }
}
