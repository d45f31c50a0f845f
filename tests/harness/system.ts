/** A whole system for tests: one coordination server for the file, a chroot of its own for each test. */
import { type Coordinator, startCoordinator } from "./zookeeper.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { until } from "./condition.ts";
import { title, unrestricted } from "./permissions.ts";
import { type Pubsub, pubsub, type StartOptions } from "./process.ts";

let shared: Promise<Coordinator> | undefined;
let tests = 0;

/** What a test of the whole system gets. */
export class System implements AsyncDisposable {
  readonly #processes: Pubsub[] = [];
  readonly directory: string = Deno.makeTempDirSync({ prefix: "pubsub-test-" });

  constructor(readonly coordinator: Coordinator, readonly zookeeper: string) {}

  /** Start a process of this system. */
  start(
    args: readonly string[],
    options: Omit<StartOptions, "zookeeper"> & { zookeeper?: string } = {},
  ): Pubsub {
    const process = pubsub(args, { zookeeper: this.zookeeper, ...options });
    this.#processes.push(process);
    return process;
  }

  /** Start a broker and wait until it leads its zone, or stands by. */
  async broker(...args: string[]): Promise<Pubsub> {
    const broker = this.start(["broker", ...args]);
    await broker.says(/(primary|standby) of zone/);
    return broker;
  }

  /** Resolves when a znode is there, such as the record of a client that others can be matched with. */
  present(path: string): Promise<void> {
    return this.#exists(path, true);
  }

  /** Resolves when a znode is not there (any more), such as the record of a process whose session is over. */
  absent(path: string): Promise<void> {
    return this.#exists(path, false);
  }

  async #exists(path: string, wanted: boolean): Promise<void> {
    await using zk = new ZooKeeper({ servers: this.zookeeper });
    await zk.connected();
    const what = `${path} is ${wanted ? "there" : "gone"}`;
    await until(what, async () => (await zk.exists(path) !== undefined) === wanted, 20_000);
  }

  /** A file in a directory that goes with the test. */
  file(name: string): string {
    return `${this.directory}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes.reverse()) await process.kill();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/**
 * A test of the whole system. Child processes are ended by the system; the coordination server is shared by the
 * file's tests and ended by {@link lastTest}, which is why resources outlive a test here.
 *
 * @param options.own a coordination server of its own, for a test that stops it.
 */
export function systemTest(
  name: string,
  fn: (system: System) => Promise<void>,
  options: { own?: boolean } = {},
): void {
  Deno.test({
    name: title(name),
    ignore: !unrestricted,
    // The shared server's process is started by one test and ended by another.
    sanitizeResources: false,
    sanitizeOps: false,
    fn: async () => {
      const own = options.own ? await startCoordinator() : undefined;
      const coordinator = own ?? await (shared ??= startCoordinator());
      try {
        await using system = new System(coordinator, `${coordinator.servers}/test${++tests}`);
        await fn(system);
      } finally {
        await own?.stop();
      }
    },
  });
}

/** Call at the end of a file of system tests: ends the shared server. */
export function lastTest(): void {
  Deno.test({
    name: title("the coordination server of these tests ends"),
    ignore: !unrestricted,
    // The server that is ended here was started by the first test.
    sanitizeResources: false,
    sanitizeOps: false,
    fn: async () => {
      await (await shared)?.stop();
      shared = undefined;
    },
  });
}
