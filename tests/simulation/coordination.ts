/** The coordination server of a simulated system: where it is, what it keeps, how it ends, and who starts it again. */
import { reasonOf } from "../../lib/base/errors.ts";
import { useDisk } from "../../lib/zookeeper_server/disk.ts";
import { ZooKeeperServer } from "../../lib/zookeeper_server/server.ts";
import type { ServerOptions } from "../../lib/zookeeper_server/server_options.ts";
import { DISK_ERROR, Disks } from "./disk.ts";
import type { Process, World } from "./world.ts";

const PORT = 2181;
/** Small logs: snapshots are taken every few seconds, or some times in a run. */
const LOG_BYTES = [2000, 40_000] as const;

export class Coordination {
  server: Process;
  /** When it lost its data. */
  wipedAt = -Infinity;
  readonly #world: World;
  readonly #disks: Disks;
  /** Where it has its data, if it keeps them. */
  readonly #kept: Pick<ServerOptions, "dataDir" | "limits">;
  /** After a failure of its disk it is started again after so long. */
  #againMs = 0;
  /** Called when it ends. @param ms after which it is there again */
  onEnd: (ms: number) => void = () => {};

  /** @param durable whether it keeps its data on a disk */
  constructor(world: World, durable: boolean) {
    this.#world = world;
    this.#disks = new Disks(world);
    useDisk(this.#disks);
    const limits = { logBytesPerSnapshot: durable ? world.between(...LOG_BYTES) : 0 };
    this.#kept = durable ? { dataDir: "/data", limits } : {};
    this.server = this.#start();
  }

  /** Have real disks again. */
  end(): void {
    useDisk();
  }

  get address(): string {
    return `${this.server.host}:${PORT}`;
  }

  #start(host?: string): Process {
    return this.#world.spawn("zookeeper", (process) => this.#serve(process), host);
  }

  async #serve({ host }: Process): Promise<void> {
    try {
      const server = await ZooKeeperServer.start({
        listen: `${host}:${PORT}`,
        minSessionTimeoutMs: 1000,
        tickTimeMs: 500,
        ...this.#kept,
      });
      await server.failed;
    } catch (error) {
      if (!reasonOf(error).includes(DISK_ERROR)) throw error;
      // It ends, and whoever looks after services starts it again.
      this.#world.tell("zookeeper", `has failed: ${reasonOf(error)}`);
      this.restart(false, this.#againMs);
    }
  }

  /** It ends, and is there again after a while. @param silent with its host */
  restart(silent: boolean, ms: number): void {
    const { host } = this.server;
    this.onEnd(ms);
    this.#world.kill(this.server, silent);
    this.#world.after(ms, undefined, () => this.server = this.#start(host));
  }

  /** It ends while a file is made, renamed or removed, the next time that one is. @param silent with its host */
  endAtNextName(silent: boolean, ms: number): void {
    this.#disks.atNextName(this.server, () => {
      if (this.server.alive) this.restart(silent, ms);
    });
  }

  /** Its disk will not fail any more, nor its host's power. */
  calm(): void {
    this.#disks.calm();
  }

  /** Its disk fails, soon. @param againMs after so long it is started again */
  failDisk(againMs: number): void {
    this.#againMs = againMs;
    this.#disks.fail(this.server);
  }

  /** Another one in its place, without its data. */
  wipe(): void {
    this.wipedAt = this.#world.now;
    const { host } = this.server;
    this.#world.kill(this.server);
    this.#disks.replace(this.server);
    this.server = this.#start(host);
  }
}
