/**
 * One ZooKeeper session: its lease by our own clock, its requests under way, its watches.
 *
 * Guarantees: `at(now)` never says connected when the server may have given our things to somebody else; silence for
 * 2/3 of the timeout costs the connection, so that another server is tried; an operation is sent only while
 * connected, a bounded number at a time, and settles by its deadline. An operation past its deadline costs the
 * connection too: then nothing sent earlier can still be applied after the next answer.
 *
 * Suspended: operations are refused, the link tries to attach again; watches are armed again when it has, and their
 * functions are told to look. Lost: `lost` is aborted, everything under way is refused, watches are told, and the
 * object is done; when only our clock said so, the old session is attached once more in the background, to close it,
 * so that its ephemeral nodes do not stay longer than they must.
 */
import type { Buffer } from "node:buffer";
import { monotonic } from "../clock.ts";
import { CoordinationError } from "../errors.ts";
import { logger } from "../log.ts";
import { Link, type Server } from "./link.ts";
import type { NativeError, Reply, Request } from "./native.ts";
import { serverError, setWatchesRequests } from "./requests.ts";
import { type OneSessionState, SessionLease } from "./session_state.ts";
import { WatchRegistry } from "./watch_registry.ts";

const log = logger("zk");

/** How many operations may be on the wire, and how many more may wait for their turn. */
const MAX_IN_FLIGHT = 128;
const MAX_WAITING = 20_000;
/** Pings go out when nothing was proven for this share of the timeout. */
const PING = 1 / 4;
/** A timer that comes this share of the timeout too late says that this process stood still. */
const STALL = 1 / 12;
/** For how many timeouts we try to close a session on the server that is lost by our own clock. */
const BURIAL = 2;
const SILENT = "no answer for the whole session timeout";

export interface ConnectionOptions {
  servers: Server[];
  sessionTimeoutMs: number;
  operationDeadlineMs: number;
}

interface Operation {
  verb: string;
  path: string;
  request: Request;
  sentAt: number;
  onReply: ((reply: Reply, error: NativeError | null) => void) | undefined;
  resolve: (reply: Reply) => void;
  reject: (error: CoordinationError) => void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Connection {
  readonly watches = new WatchRegistry();
  readonly #options: ConnectionOptions;
  readonly #onChange: () => void;
  readonly #lease = new SessionLease();
  readonly #link: Link;
  readonly #lost = new AbortController();
  readonly #flying = new Set<Operation>();
  readonly #waiting: Operation[] = [];
  readonly #pings: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDueAt = 0;
  #operations = 0;
  #attachments = 0;
  #closing = false;
  #firstFailure = true;

  /** `onChange` is called after anything that may have changed {@link at}. */
  constructor(options: ConnectionOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
    this.#link = new Link(options.servers, options.sessionTimeoutMs, {
      attached: (sentAt, timeoutMs) => this.#attached(sentAt, timeoutMs),
      detached: (reason) => this.#detached(reason),
      expired: () => this.#end("the server says that it has expired"), // the link has ended itself
      pong: () => this.#proven(this.#pings.shift()),
      watch: (type, path) => this.watches.fire(type, path),
      unreachable: (server, reason) => this.#unreachable(server, reason),
    });
  }

  /** Begin to connect. */
  start(): void {
    this.#link.start();
  }

  /** The session's id; 0 before the first handshake. */
  get id(): bigint {
    return this.#link.sessionId;
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
    return this.#operations;
  }

  /** How often this session was attached to a server. */
  get attachments(): number {
    return this.#attachments;
  }

  /** What the session is by the clock. */
  at(now: number): OneSessionState {
    return this.#closing ? "lost" : this.#lease.at(now);
  }

  /**
   * Send a request when its turn comes and return the answer.
   *
   * @param onReply is called with the answer before any later message of the server is read: the place to arm a watch.
   * @throws {CoordinationError}
   */
  perform(
    verb: string,
    path: string,
    request: Request,
    onReply?: (reply: Reply, error: NativeError | null) => void,
  ): Promise<Reply> {
    this.#check();
    const refused = this.#refusal(verb, path);
    if (refused !== undefined) return Promise.reject(refused);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const operation: Operation = {
      verb,
      path,
      request,
      sentAt: 0,
      onReply,
      resolve,
      reject,
      timer: undefined,
    };
    operation.timer = setTimeout(() => this.#overdue(operation), this.#options.operationDeadlineMs);
    if (this.#flying.size < MAX_IN_FLIGHT) this.#send(operation);
    else this.#waiting.push(operation);
    return promise;
  }

  /** Resolves when the last socket of this session is closed; {@link abandon} makes it soon. */
  get ended(): Promise<void> {
    return this.#link.ended;
  }

  /** Stop trying to close the lost session with the server. */
  abandon(): void {
    this.#link.stop();
  }

  /** End the session with the server if it can be reached within `deadlineMs`. Idempotent. */
  async close(deadlineMs: number): Promise<void> {
    const attached = this.#lease.at(monotonic()) === "connected";
    this.#closing = true;
    if (attached) {
      const closed = this.#link.closeSession(deadlineMs);
      this.#end("closed");
      await closed;
    } else {
      this.#end("closed");
      this.#link.stop();
      await this.#link.ended;
    }
  }

  #refusal(verb: string, path: string): CoordinationError | undefined {
    switch (this.at(monotonic())) {
      case "connected":
        if (this.#waiting.length < MAX_WAITING) return undefined;
        return new CoordinationError(
          "OTHER",
          `Cannot ${verb} ${path} in ZooKeeper: ${MAX_WAITING} operations are waiting already`,
          path,
        );
      case "lost":
        return notSent("SESSION_LOST", verb, path);
      default:
        return notSent("SUSPENDED", verb, path);
    }
  }

  #send(operation: Operation): void {
    this.#flying.add(operation);
    this.#operations += 1;
    operation.sentAt = monotonic();
    this.#link.send(operation.request, (error, reply) => this.#answered(operation, error, reply));
  }

  #answered(operation: Operation, error: NativeError | null, reply?: Reply): void {
    if (!this.#flying.delete(operation)) return;
    clearTimeout(operation.timer);
    if (reply !== undefined) {
      this.#proven(operation.sentAt);
      if (!this.#lost.signal.aborted) operation.onReply?.(reply, error);
    }
    if (error === null) operation.resolve(reply!);
    else operation.reject(serverError(operation.verb, operation.path, error.code));
    while (this.#flying.size < MAX_IN_FLIGHT && this.#waiting.length > 0) {
      const next = this.#waiting.shift()!;
      const refused = this.at(monotonic()) === "connected"
        ? undefined
        : notSent("SUSPENDED", next.verb, next.path);
      if (refused === undefined) this.#send(next);
      else this.#refuse(next, refused);
    }
  }

  #refuse(operation: Operation, error: CoordinationError): void {
    clearTimeout(operation.timer);
    operation.reject(error);
  }

  #overdue(operation: Operation): void {
    const { verb, path } = operation;
    const index = this.#waiting.indexOf(operation);
    if (index >= 0) {
      this.#waiting.splice(index, 1);
      operation.reject(notSent("SUSPENDED", verb, path, "its turn did not come before its deadline"));
    } else if (this.#flying.delete(operation)) {
      const ms = this.#options.operationDeadlineMs;
      operation.reject(
        new CoordinationError(
          "DEADLINE",
          `Cannot ${verb} ${path} in ZooKeeper: no answer within ${ms} ms`,
          path,
        ),
      );
      this.#link.cut(`no answer to "${verb} ${path}" within ${ms} ms`);
    }
  }

  #attached(sentAt: number, timeoutMs: number): void {
    const now = monotonic();
    const again = this.#lease.provenAt !== undefined;
    if (this.#lost.signal.aborted || !this.#lease.attached(sentAt, timeoutMs, now)) {
      // The old session, attached only to be closed.
      this.#end(SILENT);
      void this.#link.closeSession(timeoutMs);
      return;
    }
    this.#attachments += 1;
    this.#firstFailure = true;
    log.info(
      `${again ? "attached again" : "connected"} to ZooKeeper ${this.#link.server}, session ${
        idText(this.id)
      }`,
    );
    if (again) this.#armWatches(this.#link.lastZxid);
    this.#arm();
    this.#onChange();
    if (again) this.watches.reattached();
  }

  #armWatches(relativeZxid: Buffer): void {
    const { watches } = this;
    const requests = setWatchesRequests(relativeZxid, {
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
    this.#pings.length = 0;
    if (this.#lost.signal.aborted) return;
    this.#lease.detached();
    log.warn(`connection to ZooKeeper ${this.#link.server} lost: ${reason}; trying again`);
    this.#firstFailure = false;
    for (const operation of this.#waiting.splice(0)) {
      this.#refuse(operation, notSent("SUSPENDED", operation.verb, operation.path));
    }
    this.#check();
    this.#onChange();
  }

  #unreachable(server: string, reason: string): void {
    if (this.#lost.signal.aborted) return;
    if (this.#firstFailure) log.warn(`ZooKeeper ${server} cannot be reached: ${reason}; trying again`);
    else log.debug(`ZooKeeper ${server} cannot be reached: ${reason}`);
    this.#firstFailure = false;
    this.#check();
  }

  #proven(sentAt: number | undefined): void {
    if (sentAt === undefined || this.#lost.signal.aborted) return;
    const now = monotonic();
    const before = this.#lease.at(now);
    this.#lease.proven(sentAt, now);
    if (this.#lease.at(now) !== before) this.#check();
  }

  /** Do what the clock asks for: ping, cut a silent connection, end a session that is lost. */
  #check(): void {
    if (this.#lost.signal.aborted) return;
    const now = monotonic();
    const state = this.#lease.at(now);
    if (state === "lost") return this.#bury();
    this.#onChange();
    this.#arm();
  }

  #tick(): void {
    if (this.#lost.signal.aborted) return;
    const now = monotonic();
    const timeoutMs = this.#lease.timeoutMs;
    const stalled = now - this.#timerDueAt > timeoutMs * STALL;
    const attached = this.#link.attached;
    if (attached && this.#lease.at(now) === "suspended" && !stalled) {
      this.#link.cut(`silent for ${Math.round(now - this.#lease.provenAt!)} ms`);
    } else if (attached && now >= this.#nextPingAt()) {
      this.#pings.push(now);
      this.#link.ping();
    }
    this.#check();
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
    if (change === undefined || this.#lost.signal.aborted) return;
    let due = this.#link.attached ? Math.min(change, this.#nextPingAt()) : change;
    // A silent connection whose cut was put off because we stood still: look again soon.
    if (this.#link.attached && this.#lease.at(now) === "suspended") due = now + this.#lease.timeoutMs * STALL;
    this.#timerDueAt = Math.max(due, now);
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
    for (const operation of [...this.#flying, ...this.#waiting.splice(0)]) {
      this.#flying.delete(operation);
      this.#refuse(operation, notSent("SESSION_LOST", operation.verb, operation.path));
    }
    this.watches.ended();
    this.#onChange();
  }
}

function notSent(
  code: "SUSPENDED" | "SESSION_LOST",
  verb: string,
  path: string,
  why = code === "SUSPENDED" ? "not connected at the moment" : "the session is over",
): CoordinationError {
  return new CoordinationError(code, `Cannot ${verb} ${path} in ZooKeeper: ${why}`, path);
}

/** A session's id the way ZooKeeper's own tools print it. */
function idText(id: bigint): string {
  return `0x${id.toString(16)}`;
}
