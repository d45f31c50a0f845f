/**
 * A TCP proxy inside the test's process, to make a network fail on purpose: cut connections, stall them, delay them,
 * swallow bytes, refuse new ones, or do any of these at an exact place in the stream.
 *
 * "up" is from the client to the server, "down" is back.
 */

export type Direction = "up" | "down";

/** What to do with a chunk: hand it on, swallow it, cut the connection instead, or hand it on and then cut. */
export type Verdict = "pass" | "drop" | "cut" | "pass-then-cut";

/**
 * Looks at each chunk before it is handed on; a promise keeps it, and what comes behind it, until it resolves.
 * `connection` tells connections apart.
 */
export type Interceptor = (
  chunk: Uint8Array,
  direction: Direction,
  connection: number,
) => Verdict | Promise<Verdict>;

export interface TcpProxyOptions {
  /** Port of the server on 127.0.0.1. */
  target: number;
  /** A fixed port to listen on instead of a free one. */
  port?: number;
  /** Loopback address to listen on. @default {"127.0.0.1"} */
  hostname?: string;
}

/** Bytes that may wait in a delayed or held direction before reading stops. */
const MAX_QUEUED_BYTES = 4 << 20;

export class TcpProxy implements AsyncDisposable {
  /** Decides about each chunk while set. */
  intercept: Interceptor | undefined;
  /** Milliseconds by which bytes are late. */
  readonly delayMs: Record<Direction, number> = { up: 0, down: 0 };
  readonly #listener: Deno.TcpListener;
  readonly #target: number;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #accepting: Promise<void>;
  #gate: PromiseWithResolvers<void> | undefined;
  #refusing = false;
  #accepted = 0;

  constructor(options: TcpProxyOptions) {
    this.#target = options.target;
    this.#listener = Deno.listen({ hostname: options.hostname ?? "127.0.0.1", port: options.port ?? 0 });
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** `127.0.0.1:PORT` */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Close every connection, on both sides. */
  cut(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Close new connections as soon as they come, until {@link admit}. */
  refuse(): void {
    this.#refusing = true;
  }

  admit(): void {
    this.#refusing = false;
  }

  /** A silent network: nothing passes in either direction, new connections too, until {@link release}. */
  hold(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  /** Hand on what was held, in order. */
  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    this.release();
    await this.#accepting;
    await Promise.all([...this.#connections].map((connection) => connection.ended));
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.#accepted += 1;
      if (this.#refusing) client.close();
      else void this.#serve(client, this.#accepted);
    }
  }

  async #serve(client: Deno.TcpConn, number: number): Promise<void> {
    const connection = new ProxiedConnection(client, this.#target, {
      held: () => this.#gate?.promise,
      delayMs: (direction) => this.delayMs[direction],
      verdict: (chunk, direction) => this.intercept?.(chunk, direction, number) ?? "pass",
    });
    this.#connections.add(connection);
    await connection.ended;
    this.#connections.delete(connection);
  }
}

interface Rules {
  held(): Promise<void> | undefined;
  delayMs(direction: Direction): number;
  verdict(chunk: Uint8Array, direction: Direction): Verdict | Promise<Verdict>;
}

class ProxiedConnection {
  readonly ended: Promise<void>;
  readonly #client: Deno.TcpConn;
  readonly #rules: Rules;
  readonly #closing = Promise.withResolvers<void>();
  #server: Deno.TcpConn | undefined;
  #closed = false;

  constructor(client: Deno.TcpConn, target: number, rules: Rules) {
    this.#client = client;
    this.#rules = rules;
    this.ended = this.#run(target);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.resolve();
    closeQuietly(this.#client);
    if (this.#server !== undefined) closeQuietly(this.#server);
  }

  async #run(target: number): Promise<void> {
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: target });
      if (this.#closed) return closeQuietly(server);
      this.#server = server;
      this.#client.setNoDelay();
      server.setNoDelay();
      await Promise.all([this.#pump(this.#client, server, "up"), this.#pump(server, this.#client, "down")]);
    } catch {
      // The server cannot be reached, or one side is gone: the other side learns of it.
    } finally {
      this.close();
    }
  }

  /** Read and write apart from each other, so that a delay does not lower the throughput. */
  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, direction: Direction): Promise<void> {
    const queue: { chunk: Uint8Array; dueAt: number }[] = [];
    let queued = 0;
    let reading = true;
    let wake = Promise.withResolvers<void>();
    const write = async () => {
      for (;;) {
        const next = queue.shift();
        if (next === undefined) {
          if (!reading || this.#closed) return;
          await Promise.race([wake.promise, this.#closing.promise]);
          wake = Promise.withResolvers<void>();
          continue;
        }
        await this.#sleepUntil(next.dueAt);
        while (this.#rules.held() !== undefined && !this.#closed) {
          await Promise.race([this.#rules.held(), this.#closing.promise]);
        }
        if (this.#closed) return;
        const verdict = await Promise.race([
          this.#rules.verdict(next.chunk, direction),
          this.#closing.promise,
        ]);
        if (verdict === "pass" || verdict === "pass-then-cut") await writeAll(to, next.chunk);
        queued -= next.chunk.length;
        if (verdict === "cut" || verdict === "pass-then-cut") return this.close();
      }
    };
    // A write fails when the other side is gone: then this connection is over, which is all there is to say.
    const writing = write().catch(() => {}).finally(() => this.close());
    try {
      const buffer = new Uint8Array(65_536);
      while (!this.#closed) {
        const count = await from.read(buffer);
        if (count === null) break;
        queue.push({
          chunk: buffer.slice(0, count),
          dueAt: performance.now() + this.#rules.delayMs(direction),
        });
        queued += count;
        wake.resolve();
        while (queued > MAX_QUEUED_BYTES && !this.#closed) await this.#sleepUntil(performance.now() + 1);
      }
    } catch {
      // Closed or reset: what was read is still handed on, unless we were closed.
    }
    reading = false;
    wake.resolve();
    await writing;
  }

  async #sleepUntil(dueAt: number): Promise<void> {
    const ms = dueAt - performance.now();
    if (ms <= 0 || this.#closed) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const slept = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([slept, this.#closing.promise]);
    clearTimeout(timer);
  }
}

async function writeAll(to: Deno.TcpConn, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length;) offset += await to.write(chunk.subarray(offset));
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
