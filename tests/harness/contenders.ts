/** Processes full of contenders, what they said, and whether any two of them ever held the same thing at once. */
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import type { ContenderLine } from "./contender_program.ts";
import type { Coordinator } from "./zookeeper.ts";

const PROGRAM = fileURLToPath(new URL("./contender_program.ts", import.meta.url));

export interface ContendersOptions {
  coordinator: Coordinator;
  chroot: string;
  sessionMs: number;
  /** Contenders in this process. @default {1} */
  count?: number;
  path?: string;
  topic?: string;
}

/** One process. */
export class ContenderProcess implements AsyncDisposable {
  readonly lines: ContenderLine[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #ended = false;

  constructor(options: ContendersOptions) {
    const { coordinator, chroot, sessionMs, count = 1, path = "/elections/zone_1", topic = "T" } = options;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", "--quiet", PROGRAM],
        ...[coordinator.servers + chroot, String(sessionMs), path, topic, String(count)],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  get pid(): number {
    return this.#process.pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** How many contenders have said `kind`. */
  count(kind: ContenderLine["kind"]): number {
    return this.lines.filter((line) => line.kind === kind).length;
  }

  signal(name: Deno.Signal): void {
    if (!this.#ended) Deno.kill(this.pid, name);
  }

  /** Withdraw one contender. */
  async close(contender: number): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`close ${contender}\n`)).catch(() => {});
  }

  /** SIGKILL; resolves when it is gone and everything it said was read. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#input.abort().catch(() => {});
    await this.#reading;
  }

  /** Withdraw everybody in it; resolves when it has exited. */
  async leave(): Promise<void> {
    this.signal("SIGCONT");
    await this.#input.close().catch(() => {});
    await this.#reading;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const chunk of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.lines.push(JSON.parse(line));
    }
    await this.#process.status;
    this.#ended = true;
  }
}

/**
 * When each epoch was held, by its holder's own view: at `from` and at `to` at the latest and the earliest. A look
 * lies between two readings of the clock, so it is certainly held from the end of the first look to the begin of the
 * last one.
 */
export interface Held {
  epoch: bigint;
  pid: number;
  contender: number;
  from: number;
  to: number;
}

/** The epochs of what `kind` says, oldest first. @throws when one epoch was held by two. */
export function heldBy(processes: readonly ContenderProcess[], kind: "lead" | "own"): Held[] {
  const held = new Map<bigint, Held>();
  for (const { lines } of processes) {
    for (const line of lines) {
      if (line.kind !== kind) continue;
      const epoch = BigInt(line.epoch!);
      const known = held.get(epoch);
      if (known === undefined) {
        held.set(epoch, { epoch, pid: line.pid, contender: line.contender, from: line.by, to: line.at });
      } else {
        assert.deepEqual(
          [known.pid, known.contender],
          [line.pid, line.contender],
          `epoch ${epoch} was held by two`,
        );
        known.to = line.at;
      }
    }
  }
  return [...held.values()].sort((a, b) => a.from - b.from);
}

/** No two at the same moment, and each later one with a higher epoch. */
export function assertOneAtATime(all: readonly Held[], what: string): void {
  for (const [i, next] of all.entries()) {
    const before = all[i - 1];
    if (before === undefined) continue;
    assert.ok(before.to < next.from, `two ${what} at once: ${show(before)} and ${show(next)}`);
    assert.ok(before.epoch < next.epoch, `epochs of ${what} went back: ${show(before)} and ${show(next)}`);
  }
}

function show({ epoch, pid, contender, from, to }: Held): string {
  return `epoch ${epoch} of ${pid}/${contender} from ${from.toFixed(2)} to ${to.toFixed(2)}`;
}
