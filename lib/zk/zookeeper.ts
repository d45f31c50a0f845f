/**
 * A logical ZooKeeper client that outlives sessions: when a session is lost it opens the next one.
 *
 * Guarantees: what it is, is computed from the clock at the moment of asking, so a process that was stopped and
 * continued never takes itself for connected. Every operation has a deadline, is refused at once while not connected,
 * and rejects only with {@link CoordinationError}. Nothing is retried here: a caller whose reply was lost
 * (`error.maybeApplied`) reads before it tries again. Nothing throws asynchronously.
 *
 * Suspended: operations are refused with SUSPENDED. Lost: with SESSION_LOST or SUSPENDED until the next session;
 * ephemeral nodes and watches of the old one are gone, watch functions were called with `ended`.
 */
import { monotonic } from "../clock.ts";
import { Conflated } from "../conflated.ts";
import { CoordinationError } from "../errors.ts";
import { parseZkAddress, type ZkAddress } from "./address.ts";
import { Connection } from "./connection.ts";
import type { NativeError, Reply, Request } from "./native.ts";
import {
  checkPath,
  checkSize,
  createRequest,
  decodeStat,
  existsRequest,
  getChildrenRequest,
  getDataRequest,
  type RawStat,
  removeRequest,
  setDataRequest,
  type Stat,
  syncRequest,
  toBuffer,
} from "./requests.ts";
import type { SessionState } from "./session_state.ts";
import type { OnChange, WatchKind } from "./watch_registry.ts";

export type { SessionState } from "./session_state.ts";
export type { Stat } from "./requests.ts";
export type { OnChange, WatchReason } from "./watch_registry.ts";

export interface ZooKeeperOptions {
  /** `host:port[,host:port…][/chroot]`, or parsed. */
  servers: string | ZkAddress;
  /** What we ask the server for; it may grant another. @default {4000} */
  sessionTimeoutMs?: number;
  /** After how long an operation without an answer fails. @default {twice the session timeout} */
  operationDeadlineMs?: number;
}

/** One session with the ensemble. */
export interface Session {
  readonly id: bigint;
  /** 1 for the first session of this client, and so on. */
  readonly generation: number;
  /** The negotiated timeout. */
  readonly timeoutMs: number;
  /** Aborted once: the session expired, timed out by our own clock, or was closed. */
  readonly lost: AbortSignal;
}

export interface CreateOptions {
  ephemeral?: boolean;
  sequential?: boolean;
  /** Refuse with SESSION_LOST when the current session is another one. */
  session?: Session;
}

const CLOSE_DEADLINE_MS = 1_000;
/** Pause before the next session when one ended without ever having been attached. */
const RENEWAL_PAUSE_MS = 250;
const ANY_VERSION = -1;

export class ZooKeeper implements AsyncDisposable {
  readonly #address: ZkAddress;
  readonly #sessionTimeoutMs: number;
  readonly #operationDeadlineMs: number;
  readonly #states = new Conflated<SessionState>();
  readonly #waiters = new Set<() => void>();
  /** Connections of lost sessions that are still being closed with the server. */
  readonly #retired = new Set<Connection>();
  #connection: Connection;
  #session: Session | undefined;
  #generation = 0;
  #operations = 0;
  #bytesIn = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> | undefined;

  /** Starts to connect in the background. @throws {UsageError} when the address cannot be parsed. */
  constructor(options: ZooKeeperOptions) {
    this.#address = typeof options.servers === "string" ? parseZkAddress(options.servers) : options.servers;
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? 4_000;
    this.#operationDeadlineMs = options.operationDeadlineMs ?? 2 * this.#sessionTimeoutMs;
    this.#connection = this.#open();
    this.#states.publish("connecting");
    this.#connection.start();
  }

  /** By the clock at the moment of the call. After a lost session it stays `lost` until the next one is connected. */
  get state(): SessionState {
    if (this.#closing !== undefined) return "closed";
    const state = this.#connection.at(monotonic());
    return state === "connecting" && this.#generation > 0 ? "lost" : state;
  }

  /** The current live session (connected or suspended), undefined when there is none. */
  get session(): Session | undefined {
    const { state } = this;
    return state === "connected" || state === "suspended" ? this.#session : undefined;
  }

  /** Whether one may act on what the session holds: connected, by the clock now. */
  get acting(): boolean {
    return this.state === "connected";
  }

  /**
   * How often the current session was attached to a server. What was verified at an earlier attachment has to be
   * verified again: the connection was away in between.
   */
  get attachment(): number {
    return this.#connection.attachments;
  }

  /**
   * Resolves with the session when connected; waits for as long as that takes.
   *
   * @throws {CoordinationError} CLOSED; or the signal's reason when it aborts.
   */
  async connected(signal?: AbortSignal): Promise<Session> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#closing !== undefined) throw this.#closedError("connect to", "ZooKeeper");
      if (this.state === "connected") return this.#session!;
      await this.#nextChange(signal);
    }
  }

  /** The current state, then each change, conflated: a slow consumer gets the newest. Ends after `closed`. */
  changes(signal?: AbortSignal): AsyncIterable<SessionState> {
    return this.#states.values(signal);
  }

  /** Create a node and return its path (with the sequence number if it is sequential). */
  async create(path: string, data: Uint8Array | string, options: CreateOptions = {}): Promise<string> {
    const buffer = toBuffer(data);
    checkSize(path, buffer);
    const { ephemeral = false, sequential = false, session } = options;
    if (session !== undefined && session !== this.session) {
      throw new CoordinationError(
        "SESSION_LOST",
        `Cannot create ${path} in ZooKeeper: the session is over`,
        path,
      );
    }
    // A sequential node's name may end in "/" plus the number alone.
    const full = this.#full(path, sequential);
    const request = createRequest(full, buffer, ephemeral, sequential);
    const reply = await this.#perform("create", path, request);
    return this.#local(reply.payload.path);
  }

  /** Create a persistent node with its parents, the chroot too, unless they are there. */
  async ensurePath(path: string): Promise<void> {
    await this.#ensureFull(this.#full(path), path);
  }

  /** `onChange` is called once when the data changes or the node is deleted; see {@link WatchReason}. */
  async getData(path: string, onChange?: OnChange): Promise<{ data: Uint8Array; stat: Stat }> {
    const request = getDataRequest(this.#full(path), onChange !== undefined);
    const { payload } = await this.#perform("read", path, request, onChange, "data");
    const data = payload.data === undefined ? new Uint8Array() : new Uint8Array(payload.data);
    return { data, stat: decodeStat(payload.stat as RawStat) };
  }

  /** The node's stat, undefined when it does not exist; `onChange` also when it is created. */
  async exists(path: string, onChange?: OnChange): Promise<Stat | undefined> {
    const request = existsRequest(this.#full(path), onChange !== undefined);
    try {
      const { payload } = await this.#perform("look at", path, request, onChange, "exist");
      return decodeStat(payload.stat as RawStat);
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return undefined;
      throw error;
    }
  }

  /** The names of the children; `onChange` is called once when one is created or deleted, or the node is. */
  async getChildren(path: string, onChange?: OnChange): Promise<{ names: string[]; stat: Stat }> {
    const request = getChildrenRequest(this.#full(path), onChange !== undefined);
    const { payload } = await this.#perform("list", path, request, onChange, "child");
    return { names: (payload.children ?? []) as string[], stat: decodeStat(payload.stat as RawStat) };
  }

  /** Replace the data, if the node has `version`; without one, whatever it has. */
  async setData(path: string, data: Uint8Array | string, version: number = ANY_VERSION): Promise<Stat> {
    const buffer = toBuffer(data);
    checkSize(path, buffer);
    const { payload } = await this.#perform("write", path, setDataRequest(this.#full(path), buffer, version));
    return decodeStat(payload.stat as RawStat);
  }

  /** Remove a node without children, if it has `version`; without one, whatever it has. */
  async remove(path: string, version: number = ANY_VERSION): Promise<void> {
    await this.#perform("remove", path, removeRequest(this.#full(path), version));
  }

  /**
   * Remove a node and everything below it; nothing is done when it does not exist. Of the root (or chroot) only what
   * is below, without ZooKeeper's own nodes.
   *
   * @returns how many nodes were removed.
   */
  async removeTree(path: string): Promise<number> {
    let removed = 0;
    for (let attempt = 1;; attempt++) {
      const names = await this.#childrenOrNone(path);
      for (const name of names) {
        if (path === "/" && this.#address.chroot === "" && name === "zookeeper") continue;
        removed += await this.removeTree(path === "/" ? `/${name}` : `${path}/${name}`);
      }
      if (path === "/") return removed;
      try {
        await this.remove(path);
        return removed + 1;
      } catch (error) {
        if (CoordinationError.is(error, "NO_NODE")) return removed;
        // Somebody has created a child meanwhile.
        if (!CoordinationError.is(error, "NOT_EMPTY") || attempt === 10) throw error;
      }
    }
  }

  /** Resolves when the server we are attached to has everything that was committed before the call. */
  async sync(path: string): Promise<void> {
    await this.#perform("sync", path, syncRequest(this.#full(path)));
  }

  /** Forget a watch function; one that was called with `changed` or `ended` is forgotten already. */
  unwatch(path: string, onChange: OnChange): void {
    this.#connection.watches.remove(this.#full(path), onChange);
  }

  /** Operations sent (pings are not operations), watches armed now, bytes received. */
  counters(): { operations: number; watches: number; bytesIn: number } {
    return {
      operations: this.#operations + this.#connection.operations,
      watches: this.#connection.watches.size,
      bytesIn: this.#bytesIn + this.#connection.bytesIn,
    };
  }

  /** End the session, with the server when connected, within about a second. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // `#closing` is set once this function has returned its promise: let that happen first.
    await Promise.resolve();
    clearTimeout(this.#renewal);
    const retired = [...this.#retired].map((connection) => {
      connection.abandon();
      return connection.ended;
    });
    this.#states.publish("closed");
    this.#states.end();
    this.#notify();
    await this.#connection.close(CLOSE_DEADLINE_MS);
    await Promise.all(retired);
  }

  #open(): Connection {
    const connection: Connection = new Connection({
      servers: this.#address.hosts,
      sessionTimeoutMs: this.#sessionTimeoutMs,
      operationDeadlineMs: this.#operationDeadlineMs,
    }, () => {
      if (connection === this.#connection) this.#changed();
    });
    return connection;
  }

  /** Something may have changed on the current connection. */
  #changed(): void {
    if (this.#closing !== undefined) return;
    const connection = this.#connection;
    if (connection.lost.aborted) return this.#renew();
    if (connection.at(monotonic()) === "connected" && this.#session?.lost !== connection.lost) {
      this.#generation += 1;
      this.#session = Object.freeze({
        id: connection.id,
        generation: this.#generation,
        timeoutMs: connection.timeoutMs,
        lost: connection.lost,
      });
    }
    this.#publish();
  }

  #renew(): void {
    const old = this.#connection;
    this.#operations += old.operations;
    this.#bytesIn += old.bytesIn;
    this.#retired.add(old);
    void old.ended.then(() => this.#retired.delete(old));
    const pause = this.#session?.lost === old.lost ? 0 : RENEWAL_PAUSE_MS;
    this.#connection = this.#open();
    this.#publish();
    const { start } = this.#connection;
    this.#renewal = setTimeout(() => start.call(this.#connection), pause);
  }

  #publish(): void {
    const { state } = this;
    if (state === this.#states.value) return;
    this.#states.publish(state);
    this.#notify();
  }

  #notify(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  async #nextChange(signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#waiters.add(wake);
    signal?.addEventListener("abort", wake);
    await promise;
    signal?.removeEventListener("abort", wake);
    this.#waiters.delete(wake);
  }

  async #perform(
    verb: string,
    path: string,
    request: Request,
    onChange?: OnChange,
    kind: WatchKind = "data",
  ): Promise<Reply> {
    if (this.#closing !== undefined) throw this.#closedError(verb, path);
    const connection = this.#connection;
    const full = this.#full(path, verb === "create");
    const arm = onChange === undefined ? undefined : (_reply: Reply, error: NativeError | null) => {
      if (kind === "exist") connection.watches.add(error === null ? "data" : "exist", full, onChange);
      else if (error === null) connection.watches.add(kind, full, onChange);
    };
    try {
      return await connection.perform(verb, path, request, arm);
    } catch (error) {
      if (this.#closing !== undefined && CoordinationError.is(error, "SESSION_LOST")) {
        throw this.#closedError(verb, path);
      }
      throw error;
    }
  }

  #closedError(verb: string, path: string): CoordinationError {
    return new CoordinationError("CLOSED", `Cannot ${verb} ${path}: this ZooKeeper client was closed`, path);
  }

  async #childrenOrNone(path: string): Promise<string[]> {
    try {
      return (await this.getChildren(path)).names;
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return [];
      throw error;
    }
  }

  async #ensureFull(full: string, path: string): Promise<void> {
    if (full === "/") return;
    const create = () =>
      this.#connection.perform("create", path, createRequest(full, toBuffer(""), false, false));
    try {
      if (this.#closing !== undefined) throw this.#closedError("create", path);
      await create();
    } catch (error) {
      if (CoordinationError.is(error, "NODE_EXISTS")) return;
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
      await this.#ensureFull(full.slice(0, full.lastIndexOf("/")) || "/", path);
      await this.#ensureFull(full, path);
    }
  }

  /** Below the chroot. */
  #full(path: string, sequential = false): string {
    checkPath(sequential && path.endsWith("/") && path !== "/" ? path.slice(0, -1) : path);
    const { chroot } = this.#address;
    return path === "/" && chroot !== "" ? chroot : chroot + path;
  }

  #local(full: string): string {
    return full.slice(this.#address.chroot.length) || "/";
  }
}
