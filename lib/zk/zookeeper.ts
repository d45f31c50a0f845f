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
import { CoordinationError } from "../base/errors.ts";
import { parseZkAddress, type ZkAddress } from "./address.ts";
import type { Reply, Request } from "./native.ts";
import type { OnReply } from "./operations.ts";
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
import { type Session, SessionKeeper } from "./session_keeper.ts";
import type { SessionState } from "./session_state.ts";
import { removeTree } from "./tree.ts";
import type { OnChange, WatchKind } from "./watch_registry.ts";

export type { Session } from "./session_keeper.ts";
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

export interface CreateOptions {
  ephemeral?: boolean;
  sequential?: boolean;
  /** Refuse with SESSION_LOST when the current session is another one. */
  session?: Session;
}

const ANY_VERSION = -1;

export class ZooKeeper implements AsyncDisposable {
  readonly #chroot: string;
  readonly #keeper: SessionKeeper;

  /** Starts to connect in the background. @throws {UsageError} when the address cannot be parsed. */
  constructor(options: ZooKeeperOptions) {
    const { servers, sessionTimeoutMs = 4_000, operationDeadlineMs = 2 * sessionTimeoutMs } = options;
    const address = typeof servers === "string" ? parseZkAddress(servers) : servers;
    this.#chroot = address.chroot;
    this.#keeper = new SessionKeeper({ servers: address.hosts, sessionTimeoutMs, operationDeadlineMs });
  }

  /** By the clock at the moment of the call. After a lost session it stays `lost` until the next one is connected. */
  get state(): SessionState {
    return this.#keeper.state;
  }

  /** The current live session (connected or suspended), undefined when there is none. */
  get session(): Session | undefined {
    return this.#keeper.session;
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
    return this.#keeper.connection.attachments;
  }

  /** The newest zxid that a server has told in the current session, 0 before the first answer. */
  get newestZxid(): bigint {
    return this.#keeper.connection.newestZxid;
  }

  /**
   * Resolves with the session when connected; waits for as long as that takes.
   *
   * @throws {CoordinationError} CLOSED; or the signal's reason when it aborts.
   */
  connected(signal?: AbortSignal): Promise<Session> {
    return this.#keeper.connected(signal);
  }

  /** The current state, then each change, conflated: a slow consumer gets the newest. Ends after `closed`. */
  changes(signal?: AbortSignal): AsyncIterable<SessionState> {
    return this.#keeper.changes(signal);
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
    const request = createRequest(this.#full(path, sequential), buffer, ephemeral, sequential);
    const { payload } = await this.#perform("create", path, request);
    return (payload.path as string).slice(this.#chroot.length);
  }

  /** Create a persistent node with its parents, the chroot too, unless they are there. */
  async ensurePath(path: string): Promise<void> {
    await this.#ensureFull(this.#full(path), path);
  }

  /** `onChange` is called once when the data changes or the node is deleted; see {@link WatchReason}. */
  async getData(path: string, onChange?: OnChange): Promise<{ data: Uint8Array; stat: Stat }> {
    const full = this.#full(path);
    const request = getDataRequest(full, onChange !== undefined);
    const { payload } = await this.#perform("read", path, request, this.#arm("data", full, onChange));
    const data = payload.data === undefined ? new Uint8Array() : new Uint8Array(payload.data);
    return { data, stat: decodeStat(payload.stat as RawStat) };
  }

  /** The node's stat, undefined when it does not exist; `onChange` also when it is created. */
  async exists(path: string, onChange?: OnChange): Promise<Stat | undefined> {
    const full = this.#full(path);
    const request = existsRequest(full, onChange !== undefined);
    try {
      const { payload } = await this.#perform("look at", path, request, this.#arm("exist", full, onChange));
      return decodeStat(payload.stat as RawStat);
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return undefined;
      throw error;
    }
  }

  /** The names of the children; `onChange` is called once when one is created or deleted, or the node is. */
  async getChildren(path: string, onChange?: OnChange): Promise<{ names: string[]; stat: Stat }> {
    const full = this.#full(path);
    const request = getChildrenRequest(full, onChange !== undefined);
    const { payload } = await this.#perform("list", path, request, this.#arm("child", full, onChange));
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

  /** Remove a node and everything below it; see {@link removeTree}. */
  removeTree(path: string): Promise<number> {
    return removeTree(this, path);
  }

  /** Resolves when the server we are attached to has everything that was committed before the call. */
  async sync(path: string): Promise<void> {
    await this.#perform("sync", path, syncRequest(this.#full(path)));
  }

  /** Forget a watch function; one that was called with `changed` or `ended` is forgotten already. */
  unwatch(path: string, onChange: OnChange): void {
    this.#keeper.connection.watches.remove(this.#full(path), onChange);
  }

  /** Operations sent (pings are not operations), watches armed now, bytes received. */
  counters(): { operations: number; watches: number; bytesIn: number } {
    return { ...this.#keeper.totals, watches: this.#keeper.connection.watches.size };
  }

  /** End the session, with the server when connected, within about a second. Idempotent. */
  close(): Promise<void> {
    return this.#keeper.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #perform(verb: string, path: string, request: Request, onReply?: OnReply): Promise<Reply> {
    if (this.#keeper.closed) throw this.#closedError(verb, path);
    try {
      return await this.#keeper.connection.perform(verb, path, request, onReply);
    } catch (error) {
      if (this.#keeper.closed && CoordinationError.is(error, "SESSION_LOST")) {
        throw this.#closedError(verb, path);
      }
      throw error;
    }
  }

  /** Arms the watch that the server has armed with a read. */
  #arm(kind: WatchKind, full: string, onChange: OnChange | undefined): OnReply | undefined {
    if (onChange === undefined) return undefined;
    const { watches } = this.#keeper.connection;
    return (_reply, error) => {
      if (error === null) watches.add(kind === "exist" ? "data" : kind, full, onChange);
      else if (kind === "exist") watches.add("exist", full, onChange);
    };
  }

  #closedError(verb: string, path: string): CoordinationError {
    return new CoordinationError("CLOSED", `Cannot ${verb} ${path}: this ZooKeeper client was closed`, path);
  }

  async #ensureFull(full: string, path: string): Promise<void> {
    if (full === "/") return;
    try {
      await this.#perform("create", path, createRequest(full, toBuffer(""), false, false));
    } catch (error) {
      if (CoordinationError.is(error, "NODE_EXISTS")) return;
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
      await this.#ensureFull(full.slice(0, full.lastIndexOf("/")) || "/", path);
      await this.#ensureFull(full, path);
    }
  }

  /** The path as the server knows it, below the chroot; a sequential node's may end in "/", its name is the number. */
  #full(path: string, sequential = false): string {
    checkPath(sequential && path.endsWith("/") && path !== "/" ? path.slice(0, -1) : path);
    return path === "/" && this.#chroot !== "" ? this.#chroot : this.#chroot + path;
  }
}
