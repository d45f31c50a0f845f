/**
 * One ZooKeeper session: its lease by our own clock, its operations, its watches.
 *
 * Guarantees: `at(now)` never says connected when the server may have given our things to somebody else; silence for
 * 2/3 of the timeout costs the connection, so that another server is tried. An operation past its deadline costs the
 * connection too: then nothing sent earlier can still be applied after the next answer.
 *
 * Suspended: operations are refused, the link tries to attach again; watches are armed again when it has, and their
 * functions are told to look. Lost: `lost` is aborted, everything under way is refused, watches are told, and the
 * object is done; when only our clock said so, the old session is attached once more in the background, to close it,
 * so that its ephemeral nodes do not stay longer than they must.
 */
import { monotonic } from "../base/clock.ts";
import { CoordinationError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { Link } from "./link.ts";
import type { Reply, Request } from "./native.ts";
import { type OnReply, Operations } from "./operations.ts";
import { setWatchesRequests } from "./requests.ts";
import type { Server } from "./server_list.ts";
import { type OneSessionState, SessionLease } from "./session_state.ts";
import { WatchRegistry } from "./watch_registry.ts";

const log = logger("zk");

/** Pings go out when nothing was proven for this share of the timeout. */
const PING = 1 / 4;
/** A timer that comes this share of the timeout too late says that this process stood still. */
const STALL = 1 / 12;
/** For how many timeouts we try to close a session on the server that is lost by our own clock. */
const BURIAL = 2;
const SILENT = "no answer for the whole session timeout";

export interface ConnectionOptions {
  servers: readonly Server[];
  sessionTimeoutMs: number;
  operationDeadlineMs: number;
}

export class Connection {
  readonly watches = new WatchRegistry();
  readonly #onChange: () => void;
  readonly #lease = new SessionLease();
  readonly #link: Link;
  readonly #operations: Operations;
  readonly #lost = new AbortController();
  /** When the pings on the wire were sent. */
  #pings: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDueAt = 0;
  #attachments = 0;
  #id = 0n;
  #closing = false;
  /** Whether this outage was told already. */
  #told = false;

  /** `onChange` is called after anything that may have changed {@link at}. */
  constructor(options: ConnectionOptions, onChange: () => void) {
    this.#onChange = onChange;
    this.#link = new Link(options.servers, options.sessionTimeoutMs, {
      attached: (sentAt, timeoutMs) => this.#attached(sentAt, timeoutMs),
      detached: (reason) => this.#detached(reason),
      expired: () => this.#end("the server says that it has expired"), // the link has ended itself
      pong: () => this.#proven(this.#pings.shift()),
      watch: (type, path) => this.watches.fire(type, path),
      unreachable: (server, reason) => this.#unreachable(server, reason),
    });
    this.#operations = new Operations(options.operationDeadlineMs, {
      refusal: () => this.#refusal(),
      send: (request, callback) => this.#link.send(request, callback),
      answered: (sentAt) => this.#proven(sentAt),
      overdue: (what) => this.#link.cut(what),
    });
  }

  /** Begin to connect. */
  start(): void {
    if (!this.#closing) this.#link.start();
  }

  /** The session's id; 0 before the first handshake. */
  get id(): bigint {
    return this.#id;
  }

  /** The negotiated timeout. */
  get timeoutMs(): number {
    return this.#lease.timeoutMs;
  }

  /** Aborted once, when the session is over. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get bytesIn(): number {
    return this.#link.bytesIn;
  }

  /** Operations sent so far. */
  get operations(): number {
    return this.#operations.sent;
  }

  /** How often this session was attached to a server. */
  get attachments(): number {
    return this.#attachments;
  }

  /** What the session is by the clock. */
  at(now: number): OneSessionState {
    return this.#closing ? "lost" : this.#lease.at(now);
  }

  /** Send a request when its turn comes; see {@link Operations.perform}. */
  perform(verb: string, path: string, request: Request, onReply?: OnReply): Promise<Reply> {
    return this.#operations.perform(verb, path, request, onReply);
  }

  /** Resolves when the last socket of this session is closed; {@link abandon} makes it soon. */
  get ended(): Promise<void> {
    return this.#link.ended;
  }

  /** Stop trying to close the lost session with the server. */
  abandon(): void {
    this.#link.stop();
  }

  /** End the session with the server if it can be reached within `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    const connected = this.at(monotonic()) === "connected";
    this.#closing = true;
    const closed = connected ? this.#link.closeSession(deadlineMs) : undefined;
    this.#end("closed");
    if (closed === undefined) this.#link.stop();
    await this.#link.ended;
  }

  #refusal(): "SUSPENDED" | "SESSION_LOST" | undefined {
    const state = this.at(monotonic());
    if (state === "connected") return undefined;
    if (state !== "lost") return "SUSPENDED";
    this.#check(); // the clock may have said so before the timer did
    return "SESSION_LOST";
  }

  #attached(sentAt: number, timeoutMs: number): void {
    const again = this.#lease.provenAt !== undefined;
    const { sessionId } = this.#link;
    if (again && sessionId !== this.#id) this.#end("the server has given us another one");
    if (this.#lost.signal.aborted || !this.#lease.attached(sentAt, timeoutMs, monotonic())) {
      // The old session, attached only to be closed; or one that nobody asked for.
      this.#end(SILENT);
      void this.#link.closeSession(timeoutMs);
      return;
    }
    this.#id = sessionId;
    this.#attachments += 1;
    this.#told = false;
    const verb = again ? "attached again" : "connected";
    log.info(`${verb} to ZooKeeper ${this.#link.server}, session ${idText(this.id)}, ${timeoutMs} ms`);
    if (again) this.#armWatches();
    this.#arm();
    this.#onChange();
    if (again) this.watches.reattached();
  }

  /** The newest zxid that a server has told, 0 before the first answer. */
  get newestZxid(): bigint {
    return this.#link.lastZxid.readBigInt64BE(0);
  }

  #armWatches(): void {
    const { watches } = this;
    const requests = setWatchesRequests(this.#link.lastZxid, {
      data: watches.paths("data"),
      exist: watches.paths("exist"),
      child: watches.paths("child"),
    });
    for (const request of requests) {
      this.#link.send(request, (error, reply) => {
        if (error !== null && reply !== undefined) {
          this.#link.cut(`watches were refused with error ${error.code}`);
        }
      });
    }
  }

  #detached(reason: string): void {
    this.#pings = [];
    if (this.#lost.signal.aborted) return;
    this.#lease.detached();
    log.warn(`connection to ZooKeeper ${this.#link.server} lost: ${reason}; trying again`);
    this.#told = true;
    this.#operations.refuseWaiting("SUSPENDED");
    this.#check();
  }

  #unreachable(server: string, reason: string): void {
    if (this.#lost.signal.aborted) return;
    const text = `ZooKeeper ${server} cannot be reached: ${reason}; trying again`;
    if (this.#told) log.debug(text);
    else log.warn(text);
    this.#told = true;
    this.#check();
  }

  #proven(sentAt: number | undefined): void {
    if (sentAt === undefined || this.#lost.signal.aborted) return;
    const now = monotonic();
    const before = this.#lease.at(now);
    this.#lease.proven(sentAt, now);
    if (before !== "connected") this.#check();
  }

  /** What the clock asks for now: an end, a ping, or the cut of a silent connection. */
  #tick(): void {
    const now = monotonic();
    const state = this.#lease.at(now);
    if (state !== "lost" && this.#link.attached) {
      const stalled = now - this.#timerDueAt > this.#lease.timeoutMs * STALL;
      if (state === "suspended" && !stalled) {
        this.#link.cut(`silent for ${Math.round(now - this.#lease.provenAt!)} ms`);
      } else if (now >= this.#nextPingAt()) {
        this.#pings.push(now);
        this.#link.ping();
      }
    }
    this.#check();
  }

  /** End what is lost by the clock; else tell of a change, and arm the timer. */
  #check(): void {
    if (this.#lost.signal.aborted) return;
    if (this.#lease.at(monotonic()) === "lost") return this.#bury();
    this.#arm();
    this.#onChange();
  }

  #nextPingAt(): number {
    const newest = Math.max(this.#lease.provenAt ?? 0, this.#pings.at(-1) ?? 0);
    return newest + this.#lease.timeoutMs * PING;
  }

  /** Arm the one timer for whatever comes next. */
  #arm(): void {
    clearTimeout(this.#timer);
    const now = monotonic();
    const change = this.#lease.nextChange(now);
    if (change === undefined) return;
    let due = change;
    if (this.#link.attached) {
      // Attached and suspended: the cut was put off because we stood still; look again soon.
      const soon = this.#lease.at(now) === "suspended" ? now + this.#lease.timeoutMs * STALL : change;
      due = Math.min(soon, Math.max(now, this.#nextPingAt()));
    }
    this.#timerDueAt = due;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, Math.ceil(due - now)));
  }

  /** Lost by our own clock only: the server may still keep the session, so try for a while to close it there. */
  #bury(): void {
    const patienceMs = this.#lease.timeoutMs * BURIAL;
    this.#end(SILENT);
    this.#link.cut(SILENT);
    const timer = setTimeout(() => this.#link.stop(), patienceMs);
    void this.#link.ended.then(() => clearTimeout(timer));
  }

  #end(reason: string): void {
    if (this.#lost.signal.aborted) return;
    clearTimeout(this.#timer);
    const known = this.#lease.provenAt !== undefined;
    this.#lease.end();
    if (known && !this.#closing) log.warn(`ZooKeeper session ${idText(this.id)} is over: ${reason}`);
    this.#lost.abort(new CoordinationError("SESSION_LOST", `The ZooKeeper session is over: ${reason}`));
    this.#operations.refuseAll();
    this.watches.ended();
    this.#onChange();
  }
}

/** A session's id the way ZooKeeper's own tools print it. */
function idText(id: bigint): string {
  return `0x${id.toString(16)}`;
}
