/** A whole system for tests: one coordination server for the file, a chroot of its own for each test. */
import { type Coordinator, startCoordinator } from "./zookeeper.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { until } from "./condition.ts";
import { title, unrestricted } from "./permissions.ts";
import { type Pubsub, pubsub, type StartOptions } from "./process.ts";

let shared: Coordinator | undefined;
let sharing = false;
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

/** Starts the server that the tests of this file share before the first one, and ends it after the last. */
function share(): void {
  if (sharing || !unrestricted) return;
  sharing = true;
  Deno.test.beforeAll(async () => {
    shared = await startCoordinator();
  });
  Deno.test.afterAll(async () => {
    await shared?.stop();
  });
}

/**
 * A test of the whole system. Child processes are ended by the system; the coordination server is shared by the
 * file's tests.
 *
 * @param options.own a coordination server of its own, for a test that stops it.
 */
export function systemTest(
  name: string,
  fn: (system: System) => Promise<void>,
  options: { own?: boolean } = {},
): void {
  share();
  Deno.test({
    name: title(name),
    ignore: !unrestricted,
    fn: async () => {
      const own = options.own ? await startCoordinator() : undefined;
      const coordinator = own ?? shared!;
      try {
        await using system = new System(coordinator, `${coordinator.servers}/test${++tests}`);
        await fn(system);
      } finally {
        await own?.stop();
      }
    },
  });
}
