/**
 * ZooKeeper's requests and answers as values: building, decoding, and its error numbers as our codes.
 */
import { Buffer } from "node:buffer";
import { type CoordinationCode, CoordinationError } from "../base/errors.ts";
import { buildRawRequest, buildRequest, OP, OPEN_ACL, type Request } from "./native.ts";

/** What ZooKeeper knows of a node. Times are milliseconds since the epoch. */
export interface Stat {
  czxid: bigint;
  mzxid: bigint;
  pzxid: bigint;
  ctime: number;
  mtime: number;
  version: number;
  cversion: number;
  aversion: number;
  /** The session that owns an ephemeral node; 0 for a persistent one. */
  ephemeralOwner: bigint;
  dataLength: number;
  numChildren: number;
}

/** The largest packet a server takes (`jute.maxbuffer`); a larger one costs the connection. */
export const MAX_PACKET_BYTES = 1_048_575;
/** What we put into one packet of paths to re-arm. */
const WATCHES_BYTES = 500_000;
/** Header, flags, ACL and lengths around path and data. */
const OVERHEAD_BYTES = 128;

const CODES: Record<number, CoordinationCode> = {
  [-4]: "CONNECTION_LOSS",
  [-5]: "INVALID",
  [-8]: "INVALID",
  [-101]: "NO_NODE",
  [-102]: "NO_AUTH",
  [-103]: "BAD_VERSION",
  [-108]: "INVALID",
  [-110]: "NODE_EXISTS",
  [-111]: "NOT_EMPTY",
  [-112]: "SESSION_LOST",
  [-114]: "INVALID",
  [-115]: "NO_AUTH",
};

const REASONS: Partial<Record<CoordinationCode, string>> = {
  NO_NODE: "there is no such node",
  NODE_EXISTS: "the node exists",
  BAD_VERSION: "the node has another version",
  NOT_EMPTY: "the node has children",
  NO_AUTH: "not permitted",
  INVALID: "the server calls the request invalid",
  CONNECTION_LOSS: "the connection was lost before the answer",
  SESSION_LOST: "the session is over",
};

/** The typed error of ZooKeeper's error number. */
export function serverError(verb: string, path: string, number: number): CoordinationError {
  const code = CODES[number] ?? "OTHER";
  const reason = REASONS[code] ?? `the server answered with error ${number}`;
  return new CoordinationError(code, `Cannot ${verb} ${path} in ZooKeeper: ${reason}`, path);
}

/** @throws {CoordinationError} INVALID when ZooKeeper would not take `path` as a node's path. */
export function checkPath(path: string): void {
  const segments = path.split("/").slice(1);
  const wrong = !path.startsWith("/") || path.includes("\0") || !path.isWellFormed() ||
    (path !== "/" && segments.some((segment) => segment === "" || segment === "." || segment === ".."));
  if (wrong) {
    throw new CoordinationError(
      "INVALID",
      `Invalid znode path ${JSON.stringify(path)}: must be absolute, without empty or relative parts`,
      path,
    );
  }
}

/** @throws {CoordinationError} INVALID when the request would be larger than a server takes. */
export function checkSize(path: string, data: Uint8Array): void {
  const bytes = data.length + Buffer.byteLength(path) + OVERHEAD_BYTES;
  if (bytes > MAX_PACKET_BYTES) {
    throw new CoordinationError(
      "INVALID",
      `Cannot write ${data.length} bytes to ${path}: ZooKeeper takes at most ${MAX_PACKET_BYTES} bytes in a request`,
      path,
    );
  }
}

/** Bytes of what a caller gives as data. The library stores null for anything but a Buffer. */
export function toBuffer(data: Uint8Array | string): Buffer {
  return typeof data === "string"
    ? Buffer.from(data, "utf8")
    : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

export function createRequest(path: string, data: Buffer, ephemeral: boolean, sequential: boolean): Request {
  const flags = (ephemeral ? 1 : 0) | (sequential ? 2 : 0);
  return buildRequest(OP.CREATE, "CreateRequest", { path, data, acl: OPEN_ACL, flags });
}

export function removeRequest(path: string, version: number): Request {
  return buildRequest(OP.DELETE, "DeleteRequest", { path, version });
}

export function setDataRequest(path: string, data: Buffer, version: number): Request {
  return buildRequest(OP.SET_DATA, "SetDataRequest", { path, data, version });
}

export function getDataRequest(path: string, watch: boolean): Request {
  return buildRequest(OP.GET_DATA, "GetDataRequest", { path, watch });
}

export function existsRequest(path: string, watch: boolean): Request {
  return buildRequest(OP.EXISTS, "ExistsRequest", { path, watch });
}

export function getChildrenRequest(path: string, watch: boolean): Request {
  return buildRequest(OP.GET_CHILDREN2, "GetChildren2Request", { path, watch });
}

/** Makes the server we are attached to catch up with the leader. The library has no record for it. */
export function syncRequest(path: string): Request {
  return buildRawRequest((xid) => {
    const name = Buffer.from(path, "utf8");
    const frame = Buffer.alloc(16 + name.length);
    frame.writeInt32BE(12 + name.length, 0);
    frame.writeInt32BE(xid, 4);
    frame.writeInt32BE(OP.SYNC, 8);
    frame.writeInt32BE(name.length, 12);
    name.copy(frame, 16);
    return frame;
  });
}

/** The requests that arm watches again on a new connection, each well below the size a server takes. */
export function setWatchesRequests(
  relativeZxid: Buffer,
  watches: { data: string[]; exist: string[]; child: string[] },
): Request[] {
  const requests: Request[] = [];
  let chunk: { data: string[]; exist: string[]; child: string[] } | undefined;
  let bytes = 0;
  for (const kind of ["data", "exist", "child"] as const) {
    for (const path of watches[kind]) {
      if (chunk === undefined || bytes >= WATCHES_BYTES) {
        chunk = { data: [], exist: [], child: [] };
        bytes = 0;
        requests.push(buildRequest(OP.SET_WATCHES, "SetWatches", {
          relativeZxid: Buffer.from(relativeZxid),
          dataWatches: chunk.data,
          existWatches: chunk.exist,
          childWatches: chunk.child,
        }));
      }
      chunk[kind].push(path);
      bytes += 4 + Buffer.byteLength(path);
    }
  }
  return requests;
}

/** A stat as the library decodes it, with its longs as buffers. */
export interface RawStat extends Record<string, unknown> {
  czxid: Buffer;
}

export function decodeStat(raw: RawStat): Stat {
  const long = (name: string) => (raw[name] as Buffer).readBigInt64BE(0);
  const int = (name: string) => raw[name] as number;
  return {
    czxid: long("czxid"),
    mzxid: long("mzxid"),
    pzxid: long("pzxid"),
    ctime: Number(long("ctime")),
    mtime: Number(long("mtime")),
    version: int("version"),
    cversion: int("cversion"),
    aversion: int("aversion"),
    ephemeralOwner: (raw.ephemeralOwner as Buffer).readBigUInt64BE(0),
    dataLength: int("dataLength"),
    numChildren: int("numChildren"),
  };
}
