/**
 * A ZooKeeper client that hides nothing: one socket, requests as bytes, replies as they come, in order.
 *
 * It keeps no session alive, retries nothing and knows no recipes; tests and benchmarks use it to see exactly
 * what a server does.
 */
import { JuteReader, JuteWriter } from "../../lib/zookeeper_server/jute.ts";

/** A reply: header and body. */
export interface RawReply {
  readonly xid: number;
  readonly zxid: number;
  readonly err: number;
  readonly body: JuteReader;
}

/** A watch event. */
export interface RawEvent {
  readonly type: number;
  readonly path: string;
}

/** The answer to the handshake. */
export interface RawSession {
  readonly timeout: number;
  readonly id: bigint;
  readonly password: Uint8Array;
}

/** What to ask for in the handshake. */
export interface RawConnectOptions {
  readonly timeout?: number;
  readonly session?: bigint;
  readonly password?: Uint8Array | null;
  readonly lastZxidSeen?: bigint;
  /** Whether the read-only flag is sent (kazoo, C, Java) or not (node-zookeeper-client). */
  readonly readOnly?: boolean;
}

/** Statistics of a node. */
export interface RawStat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: number;
}

export type RawAcl = readonly { perms: number; scheme: string; id: string }[];

export const OPEN: RawAcl = [{ perms: 31, scheme: "world", id: "anyone" }];

/** The connection ended before what was waited for came. */
export class RawClosed extends Error {
  override name = "RawClosed";
}

const encoder = new TextEncoder();

/** Eight bytes, big-endian. */
export function writeBigLong(out: JuteWriter, value: bigint): void {
  out.int(Number(BigInt.asIntN(32, value >> 32n)));
  out.int(Number(BigInt.asIntN(32, value)));
}

/** Eight bytes, big-endian. */
export function readBigLong(reader: JuteReader): bigint {
  const high = BigInt(reader.int());
  return (high << 32n) | BigInt(reader.int() >>> 0);
}

export function readStat(reader: JuteReader): RawStat {
  return {
    czxid: reader.long(),
    mzxid: reader.long(),
    ctime: reader.long(),
    mtime: reader.long(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: readBigLong(reader),
    dataLength: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.long(),
  };
}

export function writeAclList(out: JuteWriter, acl: RawAcl): void {
  out.int(acl.length);
  for (const { perms, scheme, id } of acl) {
    out.int(perms);
    out.string(scheme);
    out.string(id);
  }
}

export function readAclList(reader: JuteReader): RawAcl {
  return Array.from({ length: reader.int() }, () => ({
    perms: reader.int(),
    scheme: reader.string() ?? "",
    id: reader.string() ?? "",
  }));
}

/** A frame: length and what `write` writes. */
export function frame(write: (out: JuteWriter) => void): Uint8Array<ArrayBuffer> {
  const out = new JuteWriter(256);
  out.int(0);
  write(out);
  out.intAt(0, out.length - 4);
  return out.take();
}

/** A connect request. */
export function connectFrame(options: RawConnectOptions = {}): Uint8Array<ArrayBuffer> {
  return frame((out) => {
    out.int(0);
    writeBigLong(out, options.lastZxidSeen ?? 0n);
    out.int(options.timeout ?? 10_000);
    writeBigLong(out, options.session ?? 0n);
    out.buffer(options.password === undefined ? new Uint8Array(16) : options.password);
    if (options.readOnly ?? true) out.bool(false);
  });
}

/** Split `host:port`. */
export function hostAndPort(address: string): { hostname: string; port: number } {
  const colon = address.lastIndexOf(":");
  return {
    hostname: address.substring(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(address.substring(colon + 1)),
  };
}

/** One operation of a multi. */
export type RawMultiOp =
  | { op: "create"; path: string; data?: string; acl?: RawAcl; flags?: number; type?: number }
  | { op: "delete" | "check"; path: string; version?: number }
  | { op: "setData"; path: string; data: string; version?: number };

/** One result of a multi: the type and error on the wire, and what came with them. */
export interface RawMultiResult {
  readonly type: number;
  readonly err: number;
  readonly path?: string;
  readonly stat?: RawStat;
}

export class RawZooKeeper implements AsyncDisposable {
  readonly socket: Deno.TcpConn;
  /** Watch events so far. */
  readonly events: RawEvent[] = [];
  /** "event" and "reply" in the order in which they came. */
  readonly arrivals: string[] = [];
  session: RawSession = { timeout: 0, id: 0n, password: new Uint8Array(16) };
  readonly #waiting: { resolve: (reply: RawReply) => void; reject: (error: Error) => void }[] = [];
  readonly #eventWaiters: (() => void)[] = [];
  readonly closed: Promise<void>;
  #handshake: PromiseWithResolvers<RawSession> | null = null;
  #xid = 0;
  #over = false;

  constructor(socket: Deno.TcpConn) {
    this.socket = socket;
    socket.setNoDelay(true);
    this.closed = this.#read();
  }

  /** Connect without a handshake. */
  static async open(address: string): Promise<RawZooKeeper> {
    return new RawZooKeeper(await Deno.connect(hostAndPort(address)));
  }

  /** Connect and shake hands. A refusal has session id 0. @throws RawClosed when there is no answer */
  static async connect(address: string, options: RawConnectOptions = {}): Promise<RawZooKeeper> {
    const client = await RawZooKeeper.open(address);
    await client.handshake(options);
    return client;
  }

  async handshake(options: RawConnectOptions = {}): Promise<RawSession> {
    const answer = this.expectHandshake();
    answer.catch(() => {}); // When sending fails, that is the error, and nobody waits for the answer.
    await this.send(connectFrame(options));
    return await answer;
  }

  /** The answer to a connect request that is sent otherwise. */
  async expectHandshake(): Promise<RawSession> {
    const { promise } = this.#handshake = Promise.withResolvers();
    return this.session = await promise;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.socket.write(bytes.subarray(at));
  }

  async #read(): Promise<void> {
    let pending = new Uint8Array(0);
    const chunk = new Uint8Array(1 << 16);
    try {
      for (;;) {
        const count = await this.socket.read(chunk);
        if (count === null) break;
        const joined = new Uint8Array(pending.length + count);
        joined.set(pending);
        joined.set(chunk.subarray(0, count), pending.length);
        let at = 0;
        while (joined.length - at >= 4) {
          const length = new DataView(joined.buffer, at).getInt32(0);
          if (joined.length - at - 4 < length) break;
          this.#frame(joined.slice(at + 4, at + 4 + length));
          at += 4 + length;
        }
        pending = joined.slice(at);
      }
    } catch {
      // Reset, or closed here.
    } finally {
      this.#over = true;
      const error = new RawClosed("the server closed the connection");
      this.#handshake?.promise.catch(() => {});
      this.#handshake?.reject(error);
      for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
      for (const wake of this.#eventWaiters.splice(0)) wake();
      try {
        this.socket.close();
      } catch {
        // Closed here.
      }
    }
  }

  #frame(bytes: Uint8Array): void {
    const reader = new JuteReader(bytes);
    if (this.#handshake !== null) {
      const handshake = this.#handshake;
      this.#handshake = null;
      reader.int();
      const timeout = reader.int();
      const id = readBigLong(reader);
      return handshake.resolve({ timeout, id, password: reader.view()?.slice() ?? new Uint8Array(0) });
    }
    const xid = reader.int();
    const zxid = reader.long();
    const err = reader.int();
    if (xid === -1) {
      this.arrivals.push("event");
      const type = reader.int();
      reader.int();
      this.events.push({ type, path: reader.string() ?? "" });
      for (const wake of this.#eventWaiters.splice(0)) wake();
      return;
    }
    this.arrivals.push("reply");
    this.#waiting.shift()?.resolve({ xid, zxid, err, body: reader });
  }

  /** Send a request; resolves with its reply whatever the error. @throws RawClosed */
  request(type: number, write: (out: JuteWriter) => void = () => {}, xid?: number): Promise<RawReply> {
    const { promise, resolve, reject } = Promise.withResolvers<RawReply>();
    if (this.#over) {
      reject(new RawClosed("the connection is closed"));
      return promise;
    }
    this.#waiting.push({ resolve, reject });
    const used = xid ?? ++this.#xid;
    const bytes = frame((out) => {
      out.int(used);
      out.int(type);
      write(out);
    });
    this.send(bytes).catch(() => {}); // The reader notices that the connection is gone.
    return promise;
  }

  /** The next `count` replies to what was, or will be, sent with {@link send}. */
  expect(count: number): Promise<RawReply[]> {
    return Promise.all(Array.from({ length: count }, () => {
      const { promise, resolve, reject } = Promise.withResolvers<RawReply>();
      this.#waiting.push({ resolve, reject });
      return promise;
    }));
  }

  /** Wait until `count` events have come. */
  async event(count = 1): Promise<RawEvent[]> {
    while (this.events.length < count && !this.#over) {
      await new Promise<void>((resolve) => this.#eventWaiters.push(resolve));
    }
    if (this.events.length < count) throw new RawClosed(`${this.events.length} of ${count} events came`);
    return this.events;
  }

  create(
    path: string,
    data: string | null = "",
    options: { flags?: number; acl?: RawAcl; type?: number; ttl?: number } = {},
  ): Promise<RawReply> {
    return this.request(options.type ?? 1, (out) => {
      out.string(path);
      out.buffer(data === null ? null : encoder.encode(data));
      writeAclList(out, options.acl ?? OPEN);
      out.int(options.flags ?? 0);
      if (options.ttl !== undefined) out.long(options.ttl);
    });
  }

  delete(path: string, version = -1): Promise<RawReply> {
    return this.request(2, (out) => (out.string(path), out.int(version)));
  }

  exists(path: string, watch = false): Promise<RawReply> {
    return this.request(3, (out) => (out.string(path), out.bool(watch)));
  }

  getData(path: string, watch = false): Promise<RawReply> {
    return this.request(4, (out) => (out.string(path), out.bool(watch)));
  }

  setData(path: string, data: string | null, version = -1): Promise<RawReply> {
    return this.request(5, (out) => {
      out.string(path);
      out.buffer(data === null ? null : encoder.encode(data));
      out.int(version);
    });
  }

  getAcl(path: string): Promise<RawReply> {
    return this.request(6, (out) => out.string(path));
  }

  setAcl(path: string, acl: RawAcl, version = -1): Promise<RawReply> {
    return this.request(7, (out) => {
      out.string(path);
      writeAclList(out, acl);
      out.int(version);
    });
  }

  getChildren(path: string, watch = false): Promise<RawReply> {
    return this.request(8, (out) => (out.string(path), out.bool(watch)));
  }

  getChildren2(path: string, watch = false): Promise<RawReply> {
    return this.request(12, (out) => (out.string(path), out.bool(watch)));
  }

  ping(): Promise<RawReply> {
    return this.request(11, () => {}, -2);
  }

  auth(scheme: string, credentials: string): Promise<RawReply> {
    return this.request(100, (out) => {
      out.int(0);
      out.string(scheme);
      out.buffer(encoder.encode(credentials));
    }, -4);
  }

  closeSession(): Promise<RawReply> {
    return this.request(-11);
  }

  setWatches(
    zxid: number,
    paths: {
      data?: string[];
      exist?: string[];
      child?: string[];
      persistent?: string[];
      recursive?: string[];
    },
  ): Promise<RawReply> {
    const second = paths.persistent !== undefined || paths.recursive !== undefined;
    return this.request(second ? 105 : 101, (out) => {
      out.long(zxid);
      out.strings(paths.data ?? []);
      out.strings(paths.exist ?? []);
      out.strings(paths.child ?? []);
      if (!second) return;
      out.strings(paths.persistent ?? []);
      out.strings(paths.recursive ?? []);
    }, -8);
  }

  /** `mode` 0 persistent, 1 persistent and recursive. */
  addWatch(path: string, mode: number): Promise<RawReply> {
    return this.request(106, (out) => (out.string(path), out.int(mode)));
  }

  /** `type` 1 children, 2 data, 3 any. */
  removeWatches(path: string, type: number): Promise<RawReply> {
    return this.request(18, (out) => (out.string(path), out.int(type)));
  }

  multi(ops: readonly RawMultiOp[]): Promise<RawReply> {
    return this.request(14, (out) => {
      for (const op of ops) writeMultiOp(out, op);
      out.int(-1);
      out.bool(true);
      out.int(-1);
    });
  }

  async close(): Promise<void> {
    if (!this.#over) {
      try {
        this.socket.close();
      } catch {
        // The server was first.
      }
    }
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function writeMultiOp(out: JuteWriter, op: RawMultiOp): void {
  const type = op.op === "create" ? op.type ?? 1 : { delete: 2, setData: 5, check: 13 }[op.op];
  out.int(type);
  out.bool(false);
  out.int(-1);
  out.string(op.path);
  if (op.op === "create") {
    out.buffer(encoder.encode(op.data ?? ""));
    writeAclList(out, op.acl ?? OPEN);
    out.int(op.flags ?? 0);
    return;
  }
  if (op.op === "setData") out.buffer(encoder.encode(op.data));
  out.int(op.version ?? -1);
}

/** The results in the body of a multi's reply. */
export function readMultiResults(reader: JuteReader): RawMultiResult[] {
  const results: RawMultiResult[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.bool();
    const err = reader.int();
    if (done) return results;
    switch (type) {
      case 1:
        results.push({ type, err, path: reader.string() ?? "" });
        break;
      case 15:
        results.push({ type, err, path: reader.string() ?? "", stat: readStat(reader) });
        break;
      case 5:
        results.push({ type, err, stat: readStat(reader) });
        break;
      case -1:
        results.push({ type, err: reader.int() });
        break;
      default:
        results.push({ type, err });
    }
  }
}

/** What a four-letter word is answered with; an error when that takes longer than `deadlineMs`. */
export async function fourLetterWord(address: string, word: string, deadlineMs = 5000): Promise<string> {
  const socket = await Deno.connect(hostAndPort(address));
  const timer = setTimeout(() => socket.close(), deadlineMs);
  try {
    await socket.write(encoder.encode(word));
    const buffer = new Uint8Array(1 << 16);
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const count = await socket.read(buffer);
      if (count === null) return text;
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
  } finally {
    clearTimeout(timer);
    try {
      socket.close();
    } catch {
      // The deadline has passed.
    }
  }
}
