/**
 * Child processes of a simulated machine: the broker processes of a backup pool, in which the role itself runs. What
 * parent and child say to each other goes through pipes, which end with either of them.
 */
import { parseArgs } from "node:util";
import type { Child, Command } from "../../lib/base/child.ts";
import { runPoolBroker } from "../../roles/pool_broker.ts";
import type { Process, World } from "./world.ts";

const PIPE_MS = 0.1;
const encoder = new TextEncoder();

/** One direction of a pipe: what is written arrives in the other process a moment later. */
class Pipe {
  readonly writable: WritableStream<Uint8Array>;
  readonly readable: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #ended = false;

  constructor(readonly world: World, readonly to: Process) {
    this.readable = new ReadableStream({ start: (controller) => void (this.#controller = controller) });
    this.writable = new WritableStream({
      write: (bytes) => this.write(bytes),
      close: () => this.end(),
      abort: () => this.end(),
    });
  }

  write(bytes: Uint8Array): void {
    this.world.after(PIPE_MS, this.to, () => this.#ended || this.#controller.enqueue(bytes.slice()));
  }

  /** Nobody writes to it any more. */
  end(): void {
    this.world.after(PIPE_MS, this.to, () => {
      if (!this.#ended) this.#controller.close();
      this.#ended = true;
    });
  }
}

/** Starts the broker processes of pools, in the process whose event is under way. */
export function simulatedChildren(world: World): (command: Command) => Child {
  return (command) => {
    const parent = world.current!;
    const { values } = parseArgs({
      args: command.slice(command.indexOf("pool-broker") + 1),
      options: {
        "zookeeper": { type: "string" },
        "id": { type: "string" },
        "session-timeout": { type: "string" },
        "heartbeat-interval": { type: "string" },
        "heartbeat-timeout": { type: "string" },
        "address": { type: "string" },
        "no-rebalance": { type: "boolean" },
        "centralized": { type: "boolean" },
      },
    });
    const status = Promise.withResolvers<{ code: number; signal: Deno.Signal | null }>();
    const child = world.spawn(values.id!, async (process) => {
      let code = 0;
      try {
        await runPoolBroker(
          {
            zookeeper: values.zookeeper!,
            id: values.id!,
            // Its parent's address is another host's here: each process has one of its own.
            address: process.host,
            sessionTimeoutMs: Number(values["session-timeout"]) * 1000,
            heartbeatIntervalMs: Number(values["heartbeat-interval"]) * 1000,
            heartbeatTimeoutMs: Number(values["heartbeat-timeout"]) * 1000,
            rebalance: values["no-rebalance"] !== true,
            centralized: values.centralized ?? false,
          },
          {
            signal: new AbortController().signal,
            out: (line) => output.write(encoder.encode(`${line}\n`)),
            outBytes: () => Promise.resolve(),
            note: () => {},
          },
          () => input.readable,
        );
      } catch (error) {
        world.tell(values.id!, `ends with ${error instanceof Error ? error.stack : error}`);
        code = 1;
      }
      ending.code = code;
      world.after(0, undefined, () => world.kill(process));
    });
    const ending: { code: number; signal: Deno.Signal | null } = { code: 0, signal: null };
    const input = new Pipe(world, child);
    const output = new Pipe(world, parent);
    world.onKilled.push((process) => {
      if (process === parent) input.end();
      if (process !== child) return;
      output.end();
      world.after(PIPE_MS, parent, () => status.resolve(ending));
    });
    return {
      pid: child.number,
      stdin: input.writable,
      stdout: output.readable,
      status: status.promise,
      kill: (signal) => {
        ending.signal = signal;
        world.after(0, undefined, () => world.kill(child));
      },
    };
  };
}
