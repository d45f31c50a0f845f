/** A pubsub process of the world. It never outlives the runner, however that one ends. */
import { existsSync } from "node:fs";
import { fileURLToPath as fromFileUrl } from "node:url";
import { until } from "../harness/condition.ts";
import type { TcpProxy } from "../harness/tcp_proxy.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
/** util-linux: has the kernel kill the process when the runner ends. */
const SETPRIV = "/usr/bin/setpriv";
const STDERR_LINES = 400;
/** It listens to signals and does what it is there for. */
const READY = {
  broker: /standby of zone/,
  publisher: /registered in zone/,
  subscriber: /registered in zone/,
};

export type Kind = "broker" | "publisher" | "subscriber";

/** How a process is started, and what it is told. */
export interface ActorOptions {
  name: string;
  kind: Kind;
  args: readonly string[];
  /** On its way to each ZooKeeper server. */
  zookeeper: readonly TcpProxy[];
  /** On the way of others to it, a port each. */
  proxies: readonly TcpProxy[];
  /** Put into its environment, and with that into that of whatever it starts. */
  mark: string;
  /** A line of standard output. */
  onLine?: (line: string) => void;
  /** A line of standard error. */
  onWords?: (line: string) => void;
  /** It ended, and nobody had asked for that. */
  onDeath: (actor: Actor, code: number) => void;
}

/** One process. */
export class Actor {
  readonly name: string;
  readonly kind: Kind;
  readonly zookeeper: readonly TcpProxy[];
  readonly proxies: readonly TcpProxy[];
  /** The last lines of standard error. */
  readonly stderr: string[] = [];
  /** Connections of data that it reported lost. */
  connectionsLost = 0;
  ready = false;
  /** A broker's: it said that it leads its zone, and not the opposite since. */
  leads = false;
  /** The epoch of the term it spoke of last. */
  epoch = "";
  /** A publisher's: it said that it owns its topic, and not the opposite since. */
  owns = false;
  /** How it ended; undefined while it runs. */
  status: Deno.CommandStatus | undefined;
  /** Its end is wanted. */
  leaving = false;
  /** Its latency file is on a full disk: it goes on, and fails at the end. */
  readonly mayFail: boolean;
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  readonly #wrong: string[] = [];
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(options: ActorOptions) {
    const { name, kind, args, zookeeper, proxies, mark, onLine, onWords, onDeath } = options;
    this.name = name;
    this.kind = kind;
    this.zookeeper = zookeeper;
    this.proxies = proxies;
    this.mayFail = args.includes("/dev/full");
    const command = [Deno.execPath(), "run", "-A", MAIN, kind, "--id", name, ...args];
    if (existsSync(SETPRIV)) command.unshift(SETPRIV, "--pdeathsig", "KILL");
    this.#process = new Deno.Command(command[0]!, {
      args: command.slice(1),
      env: {
        PUBSUB_ZOOKEEPER: zookeeper.map(({ address }) => address).join(","),
        PUBSUB_CHAOS_RUN: mark,
        NO_COLOR: "1",
      },
      stdin: kind === "publisher" ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.allSettled([
      this.#lines(this.#process.stdout, onLine ?? (() => {})),
      this.#lines(this.#process.stderr, (line) => {
        this.#hear(line);
        onWords?.(line);
      }),
    ]);
    void this.#process.status.then((status) => {
      this.status = status;
      if (!this.leaving) onDeath(this, status.code);
    });
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
  /** What it said last, in one line. */
  get lastWords(): string {
    return this.stderr.slice(-5).join(" | ");
  }
  /** Lines that no process may ever say. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  #hear(line: string): void {
    this.stderr.push(line);
    if (this.stderr.length > STDERR_LINES) this.stderr.shift();
    this.ready ||= READY[this.kind].test(line);
    if (line.includes("lost the connection to")) this.connectionsLost++;
    const term = this.kind === "broker" ? /primary of zone \d+(?:, epoch (\d+))?/.exec(line) : null;
    if (term) {
      this.leads = term[1] !== undefined;
      this.epoch = term[1] ?? this.epoch;
    }
    if (/ owns topic | does not own topic /.test(line)) this.owns = line.includes(" owns topic ");
    if (/panicked|Uncaught|RangeError|TypeError/.test(line)) this.#wrong.push(line);
  }

  async #lines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      if (stream === this.#process.stdout) await this.#gate?.promise;
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      for (const part of parts) take(part);
    }
    // The last line of who was killed may be half a line.
    if (rest !== "" && (await this.#process.status).signal === null) take(rest);
  }

  /** Read no more of its standard output until {@link resumeReading}. */
  pauseReading(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  resumeReading(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  signal(signal: Deno.Signal): void {
    if (!this.running) return;
    if (signal !== "SIGSTOP" && signal !== "SIGCONT") this.leaving = true;
    try {
      this.#process.kill(signal);
    } catch {
      // It has just ended.
    }
  }

  async says(pattern: RegExp, deadlineMs = 20_000): Promise<void> {
    await this.#until(`says ${pattern}`, () => this.stderr.some((line) => pattern.test(line)), deadlineMs);
  }

  async becomesReady(deadlineMs = 30_000): Promise<void> {
    await this.#until("is ready", () => this.ready, deadlineMs);
  }

  async ended(deadlineMs: number): Promise<Deno.CommandStatus> {
    await this.#until("ends", () => this.status !== undefined, deadlineMs);
    await this.#reading;
    return this.status!;
  }

  async #until(what: string, predicate: () => boolean, deadlineMs: number): Promise<void> {
    await until(`${this.name} ${what}`, predicate, deadlineMs).catch((error) => {
      throw new Error(`${error.message}; it said: ${this.stderr.slice(-12).join(" | ")}`);
    });
  }

  async close(): Promise<void> {
    this.resumeReading();
    this.signal("SIGKILL");
    await this.#process.status;
    await this.#reading;
    for (const proxy of [...this.zookeeper, ...this.proxies]) await proxy[Symbol.asyncDispose]();
  }
}

/** Ids of all processes that have this mark in their environment. */
export function marked(mark: string): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Deno.readTextFileSync(`/proc/${name}/environ`).includes(`PUBSUB_CHAOS_RUN=${mark}`)) {
        found.push(Number(name));
      }
    } catch {
      // It has ended, or belongs to somebody else.
    }
  }
  return found;
}
