/**
 * A peer that speaks ZeroMQ's protocol (ZMTP 3.1, no security) by hand, so that it may do what no library does: flood
 * without reading, ask for signs of life in the middle of it, claim any name, and end by a reset.
 */

import { connect as connectSocket } from "node:net";

/** How it presents itself. */
export interface ZmtpPeerOptions {
  /** For example `tcp://127.0.0.1:5555`. */
  endpoint: string;
  /** The address that it comes from. @default the system's choice */
  from?: string | undefined;
  /** What it says it is: DEALER, SUB, PUB … */
  type: string;
  /** The name under which a router is to know it. */
  identity?: Uint8Array;
}

const encoder = new TextEncoder();
const GREETING_BYTES = 64;
const MORE = 1;
const LONG = 2;
const COMMAND = 4;

/** Several byte strings as one. */
export function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** One frame as it goes over the wire. */
export function frameBytes(body: Uint8Array, flags = 0): Uint8Array<ArrayBuffer> {
  if (body.length < 256) return join(Uint8Array.of(flags, body.length), body);
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(body.length));
  return join(Uint8Array.of(flags | LONG), size, body);
}

/** A subscription, as an XSUB sends it. */
export function subscriptionBytes(key: Uint8Array): Uint8Array<ArrayBuffer> {
  return frameBytes(join(Uint8Array.of(1), key));
}

/** A frame that says that another one of the same message follows. */
export function unfinishedBytes(body: Uint8Array): Uint8Array<ArrayBuffer> {
  return frameBytes(body, MORE);
}

/** A question for a sign of life, which also says that silence may last `deciseconds`. */
export function pingBytes(deciseconds = 0): Uint8Array<ArrayBuffer> {
  const ttl = Uint8Array.of(deciseconds >> 8, deciseconds & 255);
  return frameBytes(join(encoder.encode("\x04PING"), ttl), COMMAND);
}

function property(name: string, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, value.length);
  return join(Uint8Array.of(name.length), encoder.encode(name), size, value);
}

/** What it goes over. */
type Connection = Pick<Deno.TcpConn, "read" | "write" | "close">;

/** A connection from one of our addresses. Nothing is read that nobody asks for. */
async function connectFrom(localAddress: string, host: string, port: number): Promise<Connection> {
  const socket = connectSocket({ host, port, localAddress });
  socket.pause();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  socket.on("error", failed.reject);
  socket.on("close", () => failed.reject(new Error("The other end has closed the connection")));
  await Promise.race([new Promise<void>((resolve) => socket.once("connect", resolve)), failed.promise]);
  let rest = new Uint8Array();
  return {
    async read(into) {
      while (rest.length === 0) {
        rest = socket.read() as Uint8Array<ArrayBuffer> | null ?? rest;
        const more = () => new Promise<void>((resolve) => socket.once("readable", resolve));
        if (rest.length === 0) await Promise.race([more(), failed.promise]);
      }
      const taken = rest.subarray(0, into.length);
      into.set(taken);
      rest = rest.subarray(taken.length);
      return taken.length;
    },
    async write(bytes) {
      const written = new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
      await Promise.race([written, failed.promise]);
      return bytes.length;
    },
    close: () => socket.resetAndDestroy(),
  };
}

/** A connection that has shaken hands. */
export class ZmtpPeer implements Disposable {
  readonly #connection: Connection;
  #closed = false;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Connect and shake hands. */
  static async connect({ endpoint, from, type, identity }: ZmtpPeerOptions): Promise<ZmtpPeer> {
    const { hostname, port } = new URL(endpoint.replace("tcp:", "http:"));
    const connection = from === undefined
      ? await Deno.connect({ hostname, port: Number(port) })
      : await connectFrom(from, hostname, Number(port));
    return await ZmtpPeer.on(connection, { type, identity });
  }

  /** Shake hands on a connection, whichever end it is. */
  static async on(
    connection: Connection,
    { type, identity }: Pick<ZmtpPeerOptions, "type"> & { identity?: Uint8Array | undefined },
  ): Promise<ZmtpPeer> {
    const peer = new ZmtpPeer(connection);
    try {
      const greeting = new Uint8Array(GREETING_BYTES);
      greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1]);
      greeting.set(encoder.encode("NULL"), 12);
      await peer.write(greeting);
      await peer.read(GREETING_BYTES);
      const ready = [encoder.encode("\x05READY"), property("Socket-Type", encoder.encode(type))];
      if (identity !== undefined) ready.push(property("Identity", identity));
      await peer.write(frameBytes(join(...ready), COMMAND));
      // Its READY: a short command.
      const [, size] = await peer.read(2);
      await peer.read(size!);
      return peer;
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  /** Write everything; fails when the other end has had enough. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  /** Exactly so many bytes. */
  async read(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const read = await this.#connection.read(bytes.subarray(at));
      if (read === null) throw new Error("The other end has closed the connection");
      at += read;
    }
    return bytes;
  }

  /** End at once; by a reset when something was sent to us that we have not read. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
