/**
 * A coordination server for tests, behind one interface with two back ends: real Apache ZooKeeper (the Debian
 * package), or the embedded one (`main.ts zookeeper`), which needs no installation and is the default.
 * PUBSUB_TEST_BACKEND=apache|embedded chooses.
 *
 * `startCoordinator` resolves when the server answers, and rejects at once with what it printed when it exits before.
 */
import { fileURLToPath as fromFileUrl } from "node:url";
import { GuardedProcess } from "./guarded_process.ts";

export type Backend = "apache" | "embedded";

export interface CoordinatorOptions {
  /** @default {PUBSUB_TEST_BACKEND, else embedded} */
  backend?: Backend;
  /** The server's tick: sessions of 2 to 20 ticks are granted (Apache). @default {500} */
  tickMs?: number;
  /** A fixed port instead of a free one. */
  port?: number;
}

/** A running server. Data survive kill and restart. */
export interface Coordinator extends AsyncDisposable {
  readonly backend: Backend;
  /** `127.0.0.1:PORT` */
  readonly servers: string;
  readonly port: number;
  readonly pid: number;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Kill it if it runs, and start it again on the same port and data. */
  restart(): Promise<void>;
  /** SIGSTOP. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Kill it and remove its data. */
  stop(): Promise<void>;
}

const APACHE_JARS = "/usr/share/java";
const READY_DEADLINE_MS = 60_000;
const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** Whether Apache ZooKeeper and a Java to run it are installed. */
export function apacheInstalled(): boolean {
  try {
    return Deno.statSync(`${APACHE_JARS}/zookeeper.jar`).isFile && Deno.statSync("/usr/bin/java").isFile;
  } catch {
    return false;
  }
}

/** The back end that tests use unless they ask for one. */
export function defaultBackend(): Backend {
  const asked = Deno.env.get("PUBSUB_TEST_BACKEND");
  if (asked === "apache" || asked === "embedded") return asked;
  if (asked !== undefined && asked !== "") {
    throw new Error(`PUBSUB_TEST_BACKEND is ${asked}: apache or embedded`);
  }
  return "embedded";
}

export async function startCoordinator(options: CoordinatorOptions = {}): Promise<CoordinatorServer> {
  const { backend = defaultBackend(), port = freePort(), tickMs = 500 } = options;
  const server = new CoordinatorServer({ backend, port, tickMs });
  await server.restart();
  return server;
}

const givenPorts = new Set<number>();
const MAX_GIVEN_PORTS = 5000;

/**
 * A port nobody listens on at the moment, and that nobody else is given, neither here nor by the system: a server
 * that is killed and started again must find its port free, so it is not one of the ephemeral ones (32768 and above).
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (givenPorts.has(port)) continue;
    givenPorts.add(port);
    for (const oldest of givenPorts) if (givenPorts.size > MAX_GIVEN_PORTS) givenPorts.delete(oldest);
    try {
      using _listener = Deno.listen({ hostname: "127.0.0.1", port });
      return port;
    } catch {
      // Somebody has it: try another one.
    }
  }
}

/** How one server is set up. */
export interface ServerSetup {
  backend: Backend;
  port: number;
  tickMs: number;
  /** Its number in an ensemble, and further lines of its configuration (Apache). */
  member?: { id: number; configuration: string[] };
}

/** One server, not yet started. */
export class CoordinatorServer implements Coordinator {
  readonly servers: string;
  readonly #setup: ServerSetup;
  readonly #directory = Deno.makeTempDirSync({ prefix: "pubsub-zk-" });
  #process: GuardedProcess | undefined;

  constructor(setup: ServerSetup) {
    this.#setup = setup;
    this.servers = `127.0.0.1:${setup.port}`;
  }

  get backend(): Backend {
    return this.#setup.backend;
  }

  get port(): number {
    return this.#setup.port;
  }

  get pid(): number {
    return this.#started().pid;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  async restart(): Promise<void> {
    await this.kill();
    const command = this.backend === "apache" ? this.#apache() : this.#embedded();
    const process = this.#process = await GuardedProcess.start(command, `${this.#directory}/server.log`);
    const end = performance.now() + READY_DEADLINE_MS;
    while (!(await answers(this.port))) {
      if (!process.running || performance.now() > end) {
        const why = process.running ? `did not answer within ${READY_DEADLINE_MS} ms` : "exited early";
        await this.kill();
        throw new Error(`${this.backend} ZooKeeper ${why}: ${process.lastLines()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.kill();
  }

  /** Kill it, wait, and start it again on the same port with no data at all. */
  async wipe(pauseMs = 0): Promise<void> {
    await this.kill();
    await Deno.remove(`${this.#directory}/data`, { recursive: true }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    await this.restart();
  }

  pause(): void {
    this.#started().signal("SIGSTOP");
  }

  resume(): void {
    this.#started().signal("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.kill();
    await Deno.remove(this.#directory, { recursive: true }).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #started(): GuardedProcess {
    if (this.#process === undefined) throw new Error("the coordination server does not run");
    return this.#process;
  }

  #apache(): string[] {
    const { member, tickMs } = this.#setup;
    Deno.mkdirSync(`${this.#directory}/data`, { recursive: true });
    if (member !== undefined) Deno.writeTextFileSync(`${this.#directory}/data/myid`, String(member.id));
    const configuration = `${this.#directory}/zoo.cfg`;
    Deno.writeTextFileSync(
      configuration,
      [
        `tickTime=${tickMs}`,
        `dataDir=${this.#directory}/data`,
        `clientPort=${this.port}`,
        "clientPortAddress=127.0.0.1",
        "admin.enableServer=false",
        "4lw.commands.whitelist=*",
        "maxClientCnxns=0",
        "autopurge.purgeInterval=0",
        ...(member?.configuration ?? []),
      ].join("\n"),
    );
    // A killed process loses nothing that was written, so the tests need no fsync.
    return [
      "/usr/bin/java",
      ...[
        "-Xmx128m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Djava.awt.headless=true",
      ],
      ...["-Dzookeeper.forceSync=no", "-Dzookeeper.preAllocSize=1024", "-Dzookeeper.jmx.log4j.disable=true"],
      // Of the loggers that Debian installs, one that prints: what went wrong is in the file when it exits early.
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      ...["-cp", `${APACHE_JARS}/zookeeper.jar:${APACHE_JARS}/slf4j-simple.jar:${APACHE_JARS}/*`],
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      configuration,
    ];
  }

  #embedded(): string[] {
    const data = `${this.#directory}/data`;
    return [
      Deno.execPath(),
      "run",
      "-A",
      `${ROOT}main.ts`,
      "zookeeper",
      "--listen",
      this.servers,
      "--data-dir",
      data,
      "--tick-time",
      String(this.#setup.tickMs),
      "--words",
      "*",
    ];
  }
}

/** Whether the server on this port serves: it tells its mode. */
async function answers(port: number): Promise<boolean> {
  try {
    return (await fourLetterWord(port, "srvr")).includes("Mode:");
  } catch {
    return false;
  }
}

/** The answer of the server to one of its four-letter words. */
export async function fourLetterWord(port: number, word: string, deadlineMs = 1_000): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  // A server that is just starting may take the connection and never answer.
  const timer = setTimeout(() => connection.close(), deadlineMs);
  try {
    await connection.write(new TextEncoder().encode(word));
    return await new Response(connection.readable).text();
  } finally {
    clearTimeout(timer);
    closeQuietly(connection);
  }
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // Closed already: at the end of its stream, or by the deadline.
  }
}
