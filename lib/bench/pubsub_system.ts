/** This program as the system under test: an embedded ZooKeeper unless one is given, one broker, and clients. */
import { randomId } from "../base/names.ts";
import { selfCommand } from "../base/self_command.ts";
import { Child, type CommandLine } from "./child.ts";
import type { RunningSystem, Shape, System } from "./job.ts";
import type { ClientTask } from "./protocol.ts";

const READY_MS = 30_000;

/** How samples travel and what is promised. */
export interface PubsubSettings {
  mode: "direct" | "centralized";
  history: number;
  reliability: "reliable" | "best-effort";
  /** How the subscriber takes samples: batch by batch, or one object each. */
  take: "batches" | "samples";
}

/** A client's task with these settings. */
export type PubsubTask = ClientTask & PubsubSettings;

/** A pubsub process with these arguments. */
export function pubsubCommand(...args: string[]): CommandLine {
  const self = selfCommand();
  return { command: self.command, args: [...self.args, ...args] };
}

/** Start an embedded ZooKeeper. @returns the process and its address. */
export async function startZooKeeper(signal: AbortSignal): Promise<{ child: Child; address: string }> {
  const child = new Child("zookeeper", pubsubCommand("zookeeper", "--listen", "127.0.0.1:0"));
  try {
    const [, address] = await child.line(/listening on ([^\s;]+)/, READY_MS, signal);
    return { child, address: address! };
  } catch (error) {
    await child.close();
    throw error;
  }
}

/** pubsub as a system under test. */
export class PubsubSystem implements System {
  readonly name = "pubsub";
  readonly #settings: PubsubSettings;
  readonly #zookeeper: string | undefined;

  /** @param zookeeper an address; without it every run has its own embedded one. */
  constructor(settings: PubsubSettings, zookeeper?: string) {
    this.#settings = settings;
    this.#zookeeper = zookeeper;
  }

  async start(_shape: Shape, signal: AbortSignal): Promise<RunningSystem> {
    await using stack = new AsyncDisposableStack();
    let address = this.#zookeeper;
    if (address === undefined) {
      const zookeeper = await startZooKeeper(signal);
      stack.use(zookeeper.child);
      address = zookeeper.address;
    }
    const id = randomId("bench-broker");
    const broker = stack.use(
      new Child("broker", pubsubCommand("broker", "--zone", "1", "--id", id, "--zookeeper", address)),
    );
    await broker.line(/: primary of zone 1/, READY_MS, signal);
    const keep = stack.move();
    return {
      address,
      servers: [{ name: "broker", pid: broker.pid }],
      client: (task) => pubsubCommand("bench", "--client", JSON.stringify({ ...task, ...this.#settings })),
      [Symbol.asyncDispose]: () => keep.disposeAsync(),
    };
  }
}
