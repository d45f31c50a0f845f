/**
 * The embedded coordination server: ZooKeeper's wire protocol on a TCP port, single node.
 *
 * Guarantees: an answered write is on disk when there is a data directory; a connection's requests are answered
 * in order; a client that misbehaves costs itself its connection and nobody else anything. Without a data
 * directory nothing is kept, and zxids start from the clock so that they never go back across restarts.
 *
 * When the disk fails nothing more is answered, every connection is closed and {@link ZooKeeperServer.failed}
 * rejects: the process should end and be started again.
 */
import { PubsubError, reasonOf, UsageError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { checkOptions } from "../base/option_rules.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { Engine } from "./engine.ts";
import { answerWord, DEFAULT_WORDS, hex, refusal } from "./four_letter_words.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { Journal } from "./journal.ts";
import { resolver } from "../net/resolve.ts";
import { listenTcp, type TcpListener, type TcpPeer } from "../net/tcp.ts";
import { formatAddress, parseListenAddress } from "./listen_address.ts";
import { OutputGate } from "./output_gate.ts";
import { SERVER_RULES, type ServerOptions, type ServerStats } from "./server_options.ts";
import { DataTree } from "./tree.ts";

const log = logger("zookeeper");

/** A bound that was reached is logged this often at most, in milliseconds. */
const BOUND_LOG_MS = 60_000;

/** A running server. Made by {@link ZooKeeperServer.start}. */
export class ZooKeeperServer implements AsyncDisposable {
  /** `host:port` really bound. */
  readonly address: string;
  /** Rejects when the server cannot go on; otherwise never settles. */
  readonly failed: Promise<never>;

  readonly #engine: Engine;
  readonly #host: ConnectionHost;
  readonly #options: ServerOptions;
  readonly #tickTimeMs: number;
  readonly #listener: TcpListener;
  readonly #journal: Journal | null;
  readonly #connections = new Set<Connection>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #gate: OutputGate<Connection>;
  readonly #fail: (error: Error) => void;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #startedAt = performance.now();
  readonly #perAddress = new Map<string, number>();
  readonly #words: ReadonlySet<string>;
  #unfinishedBytes = 0;
  readonly #boundLogged = new Map<string, number>();
  #closing: Promise<void> | null = null;
  #stopping = false;
  #broken = false;

  private constructor(options: ServerOptions, listener: TcpListener, journal: Journal | null) {
    this.#options = options;
    this.#listener = listener;
    this.#journal = journal;
    this.#words = new Set(options.words ?? DEFAULT_WORDS);
    this.address = formatAddress(listener.addr);
    const tick = this.#tickTimeMs = options.tickTimeMs ?? 2000;
    const minTimeoutMs = options.minSessionTimeoutMs ?? 2 * tick;
    const sweepMs = Math.max(5, Math.min(100, minTimeoutMs / 20));
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {}); // Nobody has to wait for it.
    this.failed = promise;
    this.#fail = reject;
    this.#engine = new Engine({
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      minTimeoutMs,
      maxTimeoutMs: Math.max(minTimeoutMs, options.maxSessionTimeoutMs ?? 20 * tick),
      tickMs: sweepMs,
      zxid: journal?.recovered.zxid ?? zxidFromClock(),
      tree: journal?.recovered.tree ?? new DataTree(),
      sessions: journal?.recovered.sessions.values() ?? [],
      sink: journal?.encoder ?? null,
      newIdentity,
      now: performance.now(),
      wall: Date.now(),
    });
    if (journal !== null) journal.source = this.#engine;
    this.#host = {
      engine: this.#engine,
      enter: () => this.#enter(),
      leave: () => this.#gate.open(),
      wrote: (connection) => this.#gate.wrote(connection),
      word: (word) => this.#word(word),
      unfinished: (bytes) => this.#unfinished(bytes),
      bounded: (reason, connection) => this.#bounded(reason, connection),
      broken: (error) => this.#break(error),
    };
    this.#gate = new OutputGate<Connection>(journal, (error) => this.#break(error));
    this.#timers.push(
      setInterval(() => this.#sweep(), sweepMs),
      setInterval(() => this.#checkConnections(), 1000),
      setInterval(() => this.#run(() => this.#engine.sweepNodes()), this.#engine.limits.mortalCheckMs),
    );
    this.#tasks.add(this.#accept());
  }

  /**
   * Start a server. It is listening when this resolves.
   *
   * @throws UsageError for an option that breaks its rule or does not exist; PubsubError when the address is taken or the data
   * directory is in use; CorruptFile when a file in it is damaged
   */
  static async start(options: ServerOptions): Promise<ZooKeeperServer> {
    checkOptions("ZooKeeper server", options, SERVER_RULES);
    if (options.listen === undefined) throw new UsageError("No listen address given: must be HOST:PORT");
    const wanted = parseListenAddress(options.listen);
    const { dataDir } = options;
    const bytesPerSnapshot = options.limits?.logBytesPerSnapshot ?? DEFAULT_LIMITS.logBytesPerSnapshot;
    const journal = dataDir === undefined
      ? null
      : await Journal.open(dataDir, zxidFromClock(), bytesPerSnapshot);
    let listener: TcpListener;
    try {
      // Listening on a name would stop the process for as long as a name server is silent.
      const [hostname] = await resolver.resolve(wanted.hostname);
      listener = listenTcp({ hostname: hostname!, port: wanted.port });
    } catch (cause) {
      await journal?.close();
      throw new PubsubError(`Cannot listen on ${options.listen}: ${reasonOf(cause)}`, { cause });
    }
    const server = new ZooKeeperServer(options, listener, journal);
    const kept = journal === null
      ? "no data directory: nothing is kept when this process ends"
      : `data directory ${dataDir}: ${server.#engine.tree.size} nodes, ${server.#engine.sessions.size} sessions`;
    log.info(`listening on ${server.address}; ${kept}`);
    return server;
  }

  /** Counters of this moment. */
  stats(): ServerStats {
    const { tree, watches, sessions } = this.#engine;
    return {
      connections: this.#connections.size,
      sessions: sessions.size,
      nodes: tree.size,
      ephemerals: tree.ephemeralCount,
      watches: watches.size,
      zxid: this.#engine.zxid,
      packetsReceived: this.#engine.packetsReceived,
      packetsSent: this.#engine.packetsSent,
    };
  }

  /** Stop: no more connections, all connections closed. Sessions are not ended. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#stopListening();
    await this.#gate.idle();
    await Promise.all(this.#tasks);
    try {
      if (this.#journal?.dirty && !this.#broken) await this.#journal.sync();
    } finally {
      await this.#journal?.close();
    }
  }

  #stopListening(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stopping = true;
    try {
      this.#listener.close();
    } catch {
      // It is closed already.
    }
    for (const connection of this.#connections) connection.end("now");
  }

  /** The disk failed, or the engine: nothing can be promised any more. */
  #break(error: unknown): void {
    if (this.#broken) return;
    const failure = error instanceof Error ? error : new PubsubError(String(error));
    log.error(`stopped: ${reasonOf(failure)}`);
    this.#broken = true;
    this.#stopListening();
    this.#fail(failure);
  }

  async #accept(): Promise<void> {
    for (;;) {
      let socket: TcpPeer;
      try {
        socket = await this.#listener.accept();
      } catch (error) {
        if (this.#stopping) return;
        // Out of descriptors, or a client that left before it was accepted: go on, but do not spin.
        this.#bounded(`it could not be accepted: ${reasonOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      if (this.#connections.size >= this.#engine.limits.connections) {
        this.#bounded(`more than ${this.#engine.limits.connections} connections`);
        socket.close();
        continue;
      }
      const { hostname } = socket.remoteAddr as Deno.NetAddr;
      if ((this.#perAddress.get(hostname) ?? 0) >= this.#engine.limits.connectionsPerAddress) {
        this.#bounded(`more than ${this.#engine.limits.connectionsPerAddress} connections from ${hostname}`);
        socket.close();
        continue;
      }
      this.#serve(new Connection(socket, this.#host, performance.now()));
    }
  }

  #count(address: string, change: 1 | -1): void {
    const count = (this.#perAddress.get(address) ?? 0) + change;
    if (count > 0) this.#perAddress.set(address, count);
    else this.#perAddress.delete(address);
  }

  #serve(connection: Connection): void {
    this.#connections.add(connection);
    this.#count(connection.address, 1);
    const task = connection.run().finally(() => {
      this.#connections.delete(connection);
      this.#count(connection.address, -1);
      this.#tasks.delete(task);
    });
    this.#tasks.add(task);
  }

  #enter(): void {
    this.#engine.advance(performance.now(), Date.now());
  }

  #run(action: () => void): void {
    try {
      this.#enter();
      action();
      this.#gate.open();
    } catch (error) {
      this.#break(error);
    }
  }

  #sweep(): void {
    this.#run(() => {
      const ids = this.#engine.sweep().map(hex);
      if (ids.length > 3) ids.splice(3, ids.length, `and ${ids.length - 3} more`);
      if (ids.length > 0) log.info(`expired sessions: ${ids.join(", ")}`);
    });
  }

  #checkConnections(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.check(now);
  }

  #unfinished(bytes: number): boolean {
    this.#unfinishedBytes += bytes;
    return this.#unfinishedBytes <= this.#engine.limits.unfinishedBytes;
  }

  #word(word: string): string | null {
    if (!this.#words.has(word)) return refusal(word);
    let outstanding = 0;
    for (const connection of this.#connections) outstanding += connection.queued;
    return answerWord(word, this.#engine, {
      address: this.address,
      dataDir: this.#options.dataDir ?? null,
      tickTimeMs: this.#tickTimeMs,
      upMs: performance.now() - this.#startedAt,
      connections: this.#connections,
      connectionCount: this.#connections.size,
      latency: this.#gate.latency,
      outstanding,
    });
  }

  #bounded(reason: string, connection?: Connection): void {
    const kind = reason.replaceAll(/\d+/g, "");
    const now = performance.now();
    if (now - (this.#boundLogged.get(kind) ?? -Infinity) < BOUND_LOG_MS) return;
    if (this.#boundLogged.size > 100) this.#boundLogged.clear();
    this.#boundLogged.set(kind, now);
    const which = connection === undefined
      ? "a connection was refused"
      : `connection of ${connection.name} ended`;
    log.warn(`${which}: ${reason} (said once a minute at most)`);
  }
}

/**
 * Microseconds since the epoch: above every zxid that a server started earlier has reached, because none handles
 * a transaction a microsecond. The finer clock matters when one is started right after another; it does not
 * count the time a machine was asleep, so the coarser one may be ahead of it.
 */
function zxidFromClock(): number {
  return Math.floor(Math.max(Date.now(), performance.timeOrigin + performance.now()) * 1000);
}

/** A session id below 2^53, so that a number holds it exactly, and a password. */
function newIdentity(): { id: number; password: Uint8Array } {
  const random = crypto.getRandomValues(new Uint8Array(24));
  const view = new DataView(random.buffer);
  const id = (view.getUint32(0) & 0x1fffff) * 2 ** 32 + view.getUint32(4);
  return id === 0 ? newIdentity() : { id, password: random.subarray(8) };
}
