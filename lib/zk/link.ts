/**
 * The transport of one ZooKeeper session: finds a server, shakes hands, keeps trying, cuts frames.
 *
 * Guarantees: every attempt has a deadline (a server that accepts and says nothing is left for the next one); a
 * reply that cannot be decoded, or a frame of a mad size, costs the connection and nothing else; half a frame of an
 * old connection never meets the next one; whatever was queued or under way when a connection ends is called back at
 * once with CONNECTION_LOSS, and nothing is carried over to the next connection. It knows no clock of the session:
 * `connection.ts` decides when to cut, when it is over, and tells this file to stop.
 */
import type { Buffer } from "node:buffer";
import { isIP, type LookupFunction } from "node:net";
import { monotonic } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import { resolver } from "../net/resolve.ts";
import { connectTcp, type TcpStream } from "../net/tcp.ts";
import { FrameCutter } from "./frames.ts";
import {
  buildPing,
  type ConnectionManager,
  createManager,
  MANAGER,
  type ReplyCallback,
  type Request,
  XID_PING,
} from "./native.ts";
import { formatServer, type Server, ServerList } from "./server_list.ts";

const CONNECTION_LOSS = -4;
/** A connection that stood for this long was a good one. */
const STABLE_MS = 250;

/** What the owner of a link hears from it. */
export interface LinkEvents {
  /** The handshake sent at `sentAt` was answered: this session is attached. */
  attached(sentAt: number, timeoutMs: number): void;
  /** The connection is gone. Called once for each `attached`. */
  detached(reason: string): void;
  /** The server said that the session is over. */
  expired(): void;
  /** A ping was answered. */
  pong(): void;
  /** A watch fired. */
  watch(type: number, path: string): void;
  /** One attempt to reach a server failed. */
  unreachable(server: string, reason: string): void;
}

export class Link {
  readonly #servers: ServerList;
  readonly #events: LinkEvents;
  readonly #manager: ConnectionManager;
  #socket: TcpStream | undefined;
  #server: Server | undefined;
  #attached = false;
  #attachedAt = 0;
  #stopped = false;
  #reason = "";
  #handshakeSentAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = Promise.withResolvers<void>();
  #bytesIn = 0;

  constructor(servers: readonly Server[], sessionTimeoutMs: number, events: LinkEvents) {
    this.#servers = new ServerList(servers);
    this.#events = events;
    this.#manager = this.#mend(createManager(sessionTimeoutMs), sessionTimeoutMs);
  }

  /** Bytes received so far. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** Whether a handshake was answered on the present connection. */
  get attached(): boolean {
    return this.#attached;
  }

  /** The session's id, 0 before the first handshake. */
  get sessionId(): bigint {
    return this.#manager.sessionId.readBigUInt64BE(0);
  }

  /** The zxid of the newest answer seen: what watches are re-armed against. */
  get lastZxid(): Buffer {
    return this.#manager.zxid;
  }

  /** The server we are attached to, for messages. */
  get server(): string {
    return this.#server === undefined ? "?" : formatServer(this.#server);
  }

  /** Begin to connect; from then on until {@link stop} or the session's end. */
  start(): void {
    this.#manager.connect();
  }

  /** Queue a request. Only while attached; the callback is always called, once. */
  send(request: Request, callback: ReplyCallback): void {
    this.#manager.queue(request, callback);
  }

  /** Send a ping; `pong` tells of its answer. */
  ping(): void {
    this.#manager.queue(buildPing());
  }

  /** End the present connection or attempt, and go on with the next server. */
  cut(reason: string): void {
    this.#reason = reason;
    this.#socket?.destroy();
  }

  /** Ask the server to end the session, and end the link when it has, at the latest after `deadlineMs`. */
  async closeSession(deadlineMs: number): Promise<void> {
    if (this.#stopped) return;
    if (this.#attached) {
      this.#manager.close();
      const timer = setTimeout(() => this.stop(), deadlineMs);
      await this.#ended.promise;
      clearTimeout(timer);
    }
    this.stop();
    await this.#ended.promise;
  }

  /** End at once. Whatever is under way is called back with CONNECTION_LOSS. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#socket === undefined) this.#finish();
    else this.#socket.destroy();
  }

  /** Resolves when the link has ended and its socket is closed. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Put our own functions in the place of those of the library that are at fault; `native.ts` says which. */
  #mend(manager: ConnectionManager, sessionTimeoutMs: number): ConnectionManager {
    manager.watcherManager = {
      isEmpty: () => true, // watches are kept and re-armed by the connection
      emit: ({ type, path }) => this.#events.watch(type, path),
    };
    // Pings are ours too: a timeout of 0 keeps the library's own socket timer off.
    manager.updateTimeout = (timeoutMs) =>
      Object.assign(manager, { sessionTimeout: timeoutMs, pingTimeout: 0 });
    manager.updateTimeout(sessionTimeoutMs);
    manager.connect = () => this.#schedule();
    manager.on("state", (state) => this.#onManagerState(state));
    return manager;
  }

  #onManagerState(state: number): void {
    if (state === MANAGER.CONNECTED) {
      this.#attached = true;
      this.#attachedAt = monotonic();
      clearTimeout(this.#timer);
      this.#events.attached(this.#handshakeSentAt, this.#manager.sessionTimeout);
    } else if (state === MANAGER.SESSION_EXPIRED) {
      this.#stopped = true;
      clearTimeout(this.#timer);
      this.#socket?.destroy();
      this.#events.expired();
    }
  }

  /** The next attempt: at once for a server not yet tried in this round, after a growing pause for the next round. */
  #schedule(): void {
    if (this.#stopped) return this.#finish();
    this.#manager.setState(MANAGER.CONNECTING);
    const pause = this.#servers.pauseMs(this.#manager.sessionTimeout);
    this.#timer = setTimeout(() => this.#attempt(), pause);
  }

  #attempt(): void {
    const server = this.#server = this.#servers.next();
    this.#reason = "";
    const manager = this.#manager;
    let socket: TcpStream;
    try {
      socket = connectTcp({ host: server.host, port: server.port, lookup });
    } catch (error) {
      this.#reason = reasonOf(error);
      return this.#closed();
    }
    this.#socket = manager.socket = socket;
    socket.setNoDelay();
    socket.on("connect", () => {
      this.#handshakeSentAt = monotonic();
      manager.onSocketConnected();
    });
    const frames = new FrameCutter();
    socket.on("data", (chunk: Buffer) => this.#received(socket, frames, chunk));
    socket.on("drain", () => manager.onSocketDrain());
    socket.on("error", (error) => this.#reason ||= reasonOf(error));
    socket.on("close", () => this.#closed());
    this.#timer = setTimeout(() => this.cut("no answer to the handshake"), this.#handshakeDeadlineMs());
  }

  /** Half the session timeout, shared by the servers, so that a frozen one leaves time for the others. */
  #handshakeDeadlineMs(): number {
    return Math.max(250, this.#manager.sessionTimeout / 2 / this.#servers.size);
  }

  /** Called once for each attempt, when its socket is closed. */
  #closed(): void {
    clearTimeout(this.#timer);
    this.#socket = undefined;
    const manager = this.#manager;
    const reason = this.#reason || "the server closed the connection";
    const wasAttached = this.#attached;
    this.#attached = false;
    // A server that takes us and drops us at once gets the growing pause like one that is not there.
    if (wasAttached && monotonic() - this.#attachedAt > STABLE_MS) this.#servers.worked();
    // Nothing unsent survives the connection: its caller decides anew when it knows what has happened.
    manager.pendingQueue.push(...manager.packetQueue.queue.splice(0));
    const stateBefore = manager.state;
    if (this.#stopped || stateBefore === MANAGER.CLOSING) {
      this.#stopped = true;
      manager.cleanupPendingQueue(CONNECTION_LOSS);
      manager.state = MANAGER.CLOSED;
      this.#finish();
      if (wasAttached) this.#events.detached(reason);
      return;
    }
    if (wasAttached) this.#events.detached(reason);
    else this.#events.unreachable(this.server, reason);
    manager.onSocketClosed(false); // calls back what is pending, then our connect
  }

  #finish(): void {
    this.#ended.resolve();
  }

  /** The library gets exactly one whole frame at a time: its own cutting is quadratic and keeps halves. */
  #received(socket: TcpStream, frames: FrameCutter, chunk: Buffer): void {
    this.#bytesIn += chunk.length;
    try {
      for (const frame of frames.push(chunk)) {
        if (this.#socket !== socket || socket.destroyed) return;
        this.#frame(frame);
      }
    } catch (error) {
      this.cut(`a reply that cannot be read: ${reasonOf(error)}`);
    }
  }

  #frame(frame: Buffer): void {
    if (this.#attached && frame.length >= 8 && frame.readInt32BE(4) === XID_PING) this.#events.pong();
    else this.#manager.onSocketData(frame);
  }
}

/**
 * The look-up that a socket does, with our own deadline: given up after it, the system's goes on for up to 20 s on a
 * thread, and attempts would take one after the other.
 */
const lookup: LookupFunction = (host, options, callback) => {
  resolver.resolve(host).then((addresses) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }));
    if (options.all) callback(null, found);
    else callback(null, found[0]!.address, found[0]!.family);
  }, (error) => callback(error, ""));
};
