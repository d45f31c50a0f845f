/**
 * A real Apache ZooKeeper, where Debian's packages have installed it, for tests that compare with it.
 */
import { fourLetterWord } from "../harness/raw_zookeeper.ts";

const JAR = "/usr/share/java/zookeeper.jar";

/** Whether Apache ZooKeeper and Java are installed here (and may be looked for). */
export function apacheIsInstalled(): boolean {
  try {
    Deno.statSync(JAR);
    return new Deno.Command("java", { args: ["-version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/** A running Apache ZooKeeper: one process, one temporary directory. */
export class ApacheZooKeeper implements AsyncDisposable {
  private constructor(
    readonly address: string,
    readonly process: Deno.ChildProcess,
    readonly dataDir: string,
  ) {}

  get pid(): number {
    return this.process.pid;
  }

  /** Start one on a free port; it answers when this resolves. `properties` are Java system properties. */
  static async start(options: { properties?: Record<string, string>; tickTimeMs?: number } = {}) {
    const dataDir = await Deno.makeTempDir({ prefix: "apache-zookeeper-" });
    const port = freePort();
    const config = `${dataDir}/zoo.cfg`;
    await Deno.writeTextFile(
      config,
      [
        `tickTime=${options.tickTimeMs ?? 2000}`,
        `dataDir=${dataDir}/data`,
        `clientPort=${port}`,
        "clientPortAddress=127.0.0.1",
        "maxClientCnxns=0",
        "admin.enableServer=false",
        "4lw.commands.whitelist=*",
        "",
      ].join("\n"),
    );
    const properties = { "zookeeper.extendedTypesEnabled": "true", ...options.properties };
    const process = new Deno.Command("java", {
      args: [
        ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
        "-Xmx1g",
        "-cp",
        `${JAR}:/usr/share/java/*`,
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        config,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new ApacheZooKeeper(`127.0.0.1:${port}`, process, dataDir);
    try {
      await server.#answering();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  async #answering(): Promise<void> {
    const deadline = performance.now() + 30_000;
    let over = false;
    void this.process.status.then(() => over = true);
    while (performance.now() < deadline && !over) {
      try {
        if ((await fourLetterWord(this.address, "srvr")).startsWith("Zookeeper version")) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("Apache ZooKeeper did not answer within 30 s");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has exited.
    }
    await this.process.status;
    await Deno.remove(this.dataDir, { recursive: true });
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
