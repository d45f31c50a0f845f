/**
 * The door to npm's node-zookeeper-client 1.1.3: the inner parts we use, with types, and the faults that can be
 * mended in one place. Nothing outside `lib/zk/` imports it.
 *
 * We use the library's protocol records, its request queue and its reply matching (`ConnectionManager`). What the
 * library gets wrong or does not have is replaced from outside by `link.ts`: server selection, handshake deadline,
 * framing, pings, watches. Mended here: `Exception.create` throws inside the data handler on error codes it does not
 * know, which ends the process.
 */
import type { Buffer } from "node:buffer";
import type { TcpStream } from "../net/tcp.ts";
import zookeeper from "node-zookeeper-client";
import rawJute from "node-zookeeper-client/lib/jute/index.js";

/** A decoded reply. */
export interface Reply {
  header: { xid: number; zxid: Buffer; err: number };
  // The payload's shape depends on the request.
  // deno-lint-ignore no-explicit-any
  payload: any;
}

/** A request as the library queues it. */
export interface Request {
  header: { xid: number; type: number };
  payload: Payload | null;
  toBuffer(): Buffer;
}

/** A record of the protocol. */
export interface Payload {
  byteLength(): number;
  serialize(buffer: Buffer, offset: number): number;
  setChrootPath(path: string): void;
}

/** An error of the library: `code` is ZooKeeper's error number. */
export interface NativeError extends Error {
  code: number;
}

export type ReplyCallback = (error: NativeError | null, reply?: Reply) => void;

interface Packet {
  request: Request;
  callback: ReplyCallback | undefined;
}

/** What the library wants of a watch manager; ours replaces it. */
export interface WatchManager {
  isEmpty(): boolean;
  emit(event: { type: number; path: string }): void;
}

/** The library's ConnectionManager, as far as we touch it. */
export interface ConnectionManager {
  state: number;
  xid: number;
  zxid: Buffer;
  sessionId: Buffer;
  sessionPassword: Buffer;
  sessionTimeout: number;
  pendingBuffer: Buffer | null;
  socket: TcpStream | undefined;
  watcherManager: WatchManager;
  packetQueue: { queue: Packet[] };
  pendingQueue: Packet[];
  connect(): void;
  close(): void;
  updateTimeout(timeoutMs: number): void;
  setState(state: number): void;
  queue(request: Request, callback?: ReplyCallback): void;
  cleanupPendingQueue(code: number): void;
  onSocketConnected(): void;
  onSocketData(frame: Buffer): void;
  onSocketDrain(): void;
  onSocketClosed(hadError: boolean): void;
  on(event: "state", listener: (state: number) => void): void;
}

/** `ConnectionManager.STATES`. */
export const MANAGER = {
  CONNECTING: 1,
  CONNECTED: 2,
  CLOSING: -1,
  CLOSED: -2,
  SESSION_EXPIRED: -3,
} as const;

type Constructor<T> = new (...values: unknown[]) => T;

interface Jute {
  Request: Constructor<Request>;
  protocol: Record<string, Constructor<Payload & Record<string, unknown>>>;
  OP_CODES: Record<string, number>;
}

const jute = rawJute as Jute;

/** ZooKeeper's numbers of the operations we send. */
export const OP = {
  CREATE: 1,
  DELETE: 2,
  EXISTS: 3,
  GET_DATA: 4,
  SET_DATA: 5,
  SYNC: 9,
  PING: 11,
  GET_CHILDREN2: 12,
  SET_WATCHES: 101,
} as const;

/** What a ping and its answer carry in place of a number. */
export const XID_PING = -2;

mendException();

/** A manager for one session, not yet connecting. Its server list is not used: `link.ts` opens the sockets. */
export function createManager(sessionTimeoutMs: number): ConnectionManager {
  const client = zookeeper.createClient("unused.invalid:1", { sessionTimeout: sessionTimeoutMs, retries: 0 });
  return (client as unknown as { connectionManager: ConnectionManager }).connectionManager;
}

/** A request of type `type` with the protocol record `record` filled with `fields`. */
export function buildRequest(type: number, record: string, fields: Record<string, unknown>): Request {
  const payload = new jute.protocol[record]!();
  Object.assign(payload, fields);
  return new jute.Request(header(0, type), payload);
}

/**
 * A request the library has no record for, written by hand. It is queued as a delete, because the library cuts the
 * connection on a reply to a type it does not know, and a delete's reply has no payload to decode.
 */
export function buildRawRequest(toBuffer: (xid: number) => Buffer): Request {
  const request: Request = {
    header: header(0, OP.DELETE),
    payload: null,
    toBuffer: () => toBuffer(request.header.xid),
  };
  return request;
}

/** A ping. */
export function buildPing(): Request {
  return new jute.Request(header(XID_PING, OP.PING), null);
}

/** The open ACL: everybody may do everything. */
export const OPEN_ACL: unknown[] =
  (zookeeper.ACL as unknown as { OPEN_ACL_UNSAFE: { toRecord(): unknown }[] })
    .OPEN_ACL_UNSAFE.map((acl) => acl.toRecord());

function header(xid: number, type: number): Request["header"] {
  return new jute.protocol.RequestHeader!(xid, type) as unknown as Request["header"];
}

function mendException(): void {
  interface Factory {
    create: (code: number, path?: string) => NativeError;
  }
  const factory = zookeeper.Exception as unknown as Factory;
  const original = factory.create;
  factory.create = (code, path) => {
    try {
      return original(code, path);
    } catch {
      return Object.assign(new Error(`ZooKeeper error ${code}`), { code });
    }
  };
}
