/**
 * One TCP connection: bytes in, frames to the engine, bytes out.
 *
 * Guarantees: frames may arrive in any pieces and are answered strictly in order; what is written goes out in
 * order, and only as far as {@link Connection.release} allows (the log is on disk). A client that does not take
 * its answers is first no longer read, then disconnected; it is never buffered for ever. Malformed bytes end
 * this connection and nothing else. Memory grows with what has arrived, never with what a length field claims.
 *
 * The end of a connection suspends its session; the engine decides when the session is over.
 */
import type { Identity } from "./acl.ts";
import type { Engine } from "./engine.ts";
import { BUSY_BYTES, InputBuffer } from "./input_buffer.ts";
import { JuteReader, JuteWriter, Malformed } from "./jute.ts";
import type { Peer } from "./peer.ts";
import type { Session } from "./sessions.ts";
import type { TcpPeer } from "../net/tcp.ts";

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly engine: Engine;
  /** Called before and after the engine runs: tells it the time; sends what became ready. */
  enter(): void;
  leave(): void;
  /** Output was written to `connection`: it will be released when it may be sent. */
  wrote(connection: Connection): void;
  /** The text for a four-letter word, or null. */
  word(word: string): string | null;
  /** A connection's unfinished frame takes so many bytes more, or fewer. False when all of them are too many. */
  unfinished(bytes: number): boolean;
  /** Why a connection was ended by a bound; logged now and then. */
  bounded(reason: string, connection: Connection): void;
  /** The engine failed in a way that nobody foresaw: the server cannot go on. */
  broken(error: unknown): void;
}

/** How long a connection that was answered for the last time is kept for its client to close it. */
const LINGER_MS = 2000;

/** An output buffer larger than this is dropped when it is not needed. */
const SMALL_OUTPUT = 1 << 12;

export class Connection implements Peer {
  readonly out = new JuteWriter(0);
  readonly address: string;
  readonly name: string;
  session: Session<Peer> | null = null;
  identities: Identity[] = [];
  received = 0;
  sent = 0;
  readonly openedAt: number;

  readonly #socket: TcpPeer;
  readonly #host: ConnectionHost;
  readonly #reader = new JuteReader();
  readonly #input = new InputBuffer();

  /** Absolute offsets in the stream of output: where `out` begins, what was sent, what may be sent. */
  #base = 0;
  #sentTo = 0;
  #releasedTo = 0;
  #writing = false;
  #progressAt: number;
  #outstanding = 0;
  /** Bytes of a long frame that has not arrived whole, and since when. */
  #unfinished = 0;
  #unfinishedSince = 0;
  #overLimit = false;

  #resume: PromiseWithResolvers<void> | null = null;
  #ending: "no" | "sent" | "now" = "no";
  readonly #drained = Promise.withResolvers<void>();
  #lingeringSince = Infinity;
  #active = true;

  constructor(socket: TcpPeer, host: ConnectionHost, now: number) {
    this.#socket = socket;
    this.#host = host;
    const { hostname, port } = socket.remoteAddr as Deno.NetAddr;
    this.address = hostname;
    this.name = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
    this.openedAt = now;
    this.#progressAt = now;
  }

  /** Bytes written and not taken by the socket. */
  get unsent(): number {
    return this.#base + this.out.length - this.#sentTo;
  }

  /** Requests whose answers have not all been taken by the socket. */
  get queued(): number {
    return this.#outstanding;
  }

  /** Where the output ends now: what {@link release} takes later. */
  get written(): number {
    return this.#base + this.out.length;
  }

  get ended(): boolean {
    return this.#ending !== "no";
  }

  /** Serve the connection until it ends, from either side. Never rejects. */
  async run(): Promise<void> {
    try {
      this.#socket.setNoDelay(true);
      for (;;) {
        this.#consume();
        this.#account();
        if (this.ended) break;
        if (this.#mustPause()) {
          await (this.#resume = Promise.withResolvers()).promise;
          this.#resume = null;
          continue;
        }
        const count = await this.#socket.read(this.#input.room());
        if (count === null) break;
        this.#active = true;
        this.#input.received(count);
      }
      if (this.#ending === "sent") await this.#linger();
    } catch {
      // The client reset the connection, or it was closed here: either way it is over.
    } finally {
      this.#close();
    }
  }

  /** Send the rest, then wait for the client to close: closing over unread input would destroy the answer. */
  async #linger(): Promise<void> {
    this.#lingeringSince = performance.now();
    await this.#drained.promise;
    await this.#socket.closeWrite();
    while (await this.#socket.read(this.#input.bytes) !== null);
  }

  /** What a frame takes that does not arrive whole is bounded, of all connections together. */
  #account(): void {
    const bytes = this.#input.length > BUSY_BYTES ? this.#input.bytes.length : 0;
    if (bytes === this.#unfinished) return;
    if (this.#unfinished === 0) this.#unfinishedSince = performance.now();
    const fits = this.#host.unfinished(bytes - this.#unfinished);
    this.#unfinished = bytes;
    if (fits || this.ended) return;
    this.#host.bounded("too many bytes of frames that have not arrived whole", this);
    this.end("now");
  }

  /** Hand every complete frame to the engine, until one must wait. */
  #consume(): void {
    if (this.#input.length < 4) return;
    const limit = this.#host.engine.limits.packetBytes;
    this.#host.enter();
    try {
      while (this.#input.length >= 4 && !this.ended && !this.#mustPause()) {
        const reader = this.#reader;
        reader.reset(this.#input.bytes, this.#input.start, this.#input.end);
        const length = reader.int();
        if (length < 0 || length > limit) {
          this.#oddLength(length);
          break;
        }
        if (reader.remaining < length) break;
        this.#input.start = reader.end = reader.position + length;
        this.#frame();
      }
    } finally {
      this.#host.leave();
    }
  }

  #frame(): void {
    const { engine } = this.#host;
    try {
      if (this.session === null) return engine.connect(this, this.#reader);
      this.#outstanding++;
      engine.request(this, this.#reader);
    } catch (error) {
      if (error instanceof Malformed) this.#host.bounded(`not a connect request: ${error.message}`, this);
      else this.#host.broken(error);
      this.end("now");
    }
  }

  /** A length that no frame has: a four-letter word on a fresh connection, else the end. */
  #oddLength(length: number): void {
    const { bytes, start } = this.#input;
    const word = String.fromCharCode(...bytes.subarray(start, start + 4));
    if (this.session === null && this.received === 0 && /^[a-z]{4}$/.test(word)) {
      this.received++;
      const text = this.#host.word(word);
      if (text === null) return this.end("now");
      this.out.raw(new TextEncoder().encode(text));
      this.wake();
      return this.end("sent");
    }
    this.#host.bounded(`a packet of ${length} bytes`, this);
    this.end("now");
  }

  #mustPause(): boolean {
    const { limits } = this.#host.engine;
    return this.#outstanding >= limits.outstandingRequests || this.unsent > limits.pausedAtBytes;
  }

  wake(): void {
    this.#host.wrote(this);
    if (this.unsent <= this.#host.engine.limits.unsentBytes) return;
    if (this.#overLimit && !this.ended) {
      this.#host.bounded(`${this.unsent} bytes unsent: the client does not read`, this);
      this.end("now");
    }
    this.#overLimit = true;
  }

  /** Allow sending the output up to the absolute offset `to`. */
  release(to: number): void {
    if (to > this.#releasedTo) this.#releasedTo = to;
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#sentTo < this.#releasedTo && this.#ending !== "now") {
        const view = this.out.bytes.subarray(this.#sentTo - this.#base, this.#releasedTo - this.#base);
        this.#progressAt = performance.now();
        this.#sentTo += await this.#socket.write(view);
        this.#trim();
      }
      this.#writing = false;
      if (this.#ending === "sent" && this.#sentTo === this.written) this.#drained.resolve();
    } catch {
      this.#writing = false;
      this.end("now"); // The client is gone.
    }
  }

  /** Forget what was sent; let the client be read again when it has taken enough. */
  #trim(): void {
    const gone = this.#sentTo - this.#base;
    if (gone === this.out.length) {
      this.out.length = 0;
      this.#base = this.#sentTo;
      this.#outstanding = 0;
    } else if (gone > this.out.length / 2) {
      this.out.bytes.copyWithin(0, gone, this.out.length);
      this.out.length -= gone;
      this.#base = this.#sentTo;
    }
    if (this.unsent <= this.#host.engine.limits.unsentBytes) this.#overLimit = false;
    if (this.#resume !== null && !this.#mustPause()) this.#resume.resolve();
  }

  end(when: "now" | "sent"): void {
    if (this.#ending === "now" || this.#ending === when) return;
    this.#ending = when;
    this.#resume?.resolve();
    if (when === "now") this.#close();
    else this.#host.wrote(this); // Even with nothing to send, a release closes it.
  }

  #close(): void {
    this.#ending = "now";
    this.#resume?.resolve();
    this.#drained.resolve();
    this.#host.unfinished(-this.#unfinished);
    this.#unfinished = 0;
    this.#host.engine.disconnected(this);
    try {
      this.#socket.close();
    } catch {
      // Already closed.
    }
  }

  /** A regular look, `now` as in the constructor: bounds in time, and memory that an idle client needs not. */
  check(now: number): void {
    const { limits } = this.#host.engine;
    if (this.#writing && now - this.#progressAt > limits.stalledMs) {
      this.#host.bounded(`nothing taken for ${limits.stalledMs} ms: the client does not read`, this);
      return this.end("now");
    }
    if (this.#unfinished > 0 && now - this.#unfinishedSince > limits.stalledMs) {
      this.#host.bounded(`a frame has not arrived whole for ${limits.stalledMs} ms`, this);
      return this.end("now");
    }
    if (now - this.#lingeringSince > LINGER_MS && this.unsent === 0) return this.end("now");
    if (this.session === null && now - this.openedAt > limits.handshakeMs) {
      this.#host.bounded(`no connect request for ${limits.handshakeMs} ms`, this);
      return this.end("now");
    }
    if (!this.#active && this.out.length === 0 && this.out.bytes.length > SMALL_OUTPUT) this.out.take();
    this.#active = false;
  }
}
