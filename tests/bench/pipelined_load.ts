/**
 * Pipelined requests over raw sockets: how many a server answers per second, and how long one alone takes.
 *
 * Frames are encoded before they are counted, replies are only counted and their error looked at, so that the
 * client costs little and the same for every server.
 */
import { connectFrame, frame, hostAndPort, OPEN, writeAclList } from "../harness/raw_zookeeper.ts";

/** Encodes request number `index` of the connection `connection`. */
export type RequestMaker = (connection: number, index: number) => Uint8Array;

const encoder = new TextEncoder();

export function createRequest(path: string, data: Uint8Array): Uint8Array {
  return frame((out) => {
    out.int(1);
    out.int(1);
    out.string(path);
    out.buffer(data);
    writeAclList(out, OPEN);
    out.int(0);
  });
}

export function setDataRequest(path: string, data: Uint8Array): Uint8Array {
  return frame((out) => {
    out.int(1);
    out.int(5);
    out.string(path);
    out.buffer(data);
    out.int(-1);
  });
}

export function getDataRequest(path: string): Uint8Array {
  return frame((out) => {
    out.int(1);
    out.int(4);
    out.string(path);
    out.bool(false);
  });
}

export function pingRequest(): Uint8Array {
  return frame((out) => {
    out.int(-2);
    out.int(11);
  });
}

/** A socket with a session, that counts reply frames. */
export class CountingSession implements Disposable {
  answered = 0;
  failed = 0;
  readonly #socket: Deno.TcpConn;
  readonly #input: Uint8Array<ArrayBuffer>;
  #filled = 0;

  private constructor(socket: Deno.TcpConn, inputBytes: number) {
    this.#socket = socket;
    this.#input = new Uint8Array(inputBytes);
  }

  static async open(address: string, timeout = 30_000, inputBytes = 1 << 17): Promise<CountingSession> {
    const socket = await Deno.connect(hostAndPort(address));
    socket.setNoDelay(true);
    const session = new CountingSession(socket, inputBytes);
    await session.send(connectFrame({ timeout }));
    await session.receive();
    if (session.answered !== 1) throw new Error("no answer to the handshake");
    session.answered = session.failed = 0;
    return session;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
  }

  /** Take what has come, at least something; counts complete frames. */
  async receive(): Promise<void> {
    const count = await this.#socket.read(this.#input.subarray(this.#filled));
    if (count === null) throw new Error("the server closed the connection");
    this.#filled += count;
    const input = this.#input;
    let at = 0;
    while (this.#filled - at >= 20) {
      const length = (input[at]! << 24) | (input[at + 1]! << 16) | (input[at + 2]! << 8) | input[at + 3]!;
      if (this.#filled - at < 4 + length) break;
      if ((input[at + 16]! | input[at + 17]! | input[at + 18]! | input[at + 19]!) !== 0) this.failed++;
      this.answered++;
      at += 4 + length;
    }
    if (at > 0) {
      input.copyWithin(0, at, this.#filled);
      this.#filled -= at;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Run one connection until `until` (a `performance.now()`); returns how many were answered. */
async function drive(
  session: CountingSession,
  connection: number,
  make: RequestMaker,
  options: { window: number; until: number; from: number },
): Promise<number> {
  let sent = 0;
  const { window, until, from } = options;
  session.answered = 0;
  for (;;) {
    const over = performance.now() >= until;
    if (over && session.answered === sent) return sent;
    const room = window - (sent - session.answered);
    if (!over && room >= window / 4) {
      const frames: Uint8Array[] = [];
      let bytes = 0;
      for (let i = 0; i < room; i++) {
        const one = make(connection, from + sent + i);
        frames.push(one);
        bytes += one.length;
      }
      const joined = new Uint8Array(bytes);
      let at = 0;
      for (const one of frames) {
        joined.set(one, at);
        at += one.length;
      }
      sent += room;
      await session.send(joined);
    }
    await session.receive();
  }
}

/** Answers per second, and all answers, with `window` requests in flight on each of `connections`, for about `seconds`. */
export async function throughput(
  address: string,
  make: RequestMaker,
  options: { connections: number; window: number; seconds: number; warmUpSeconds: number },
): Promise<{ perSecond: number; answered: number }> {
  const sessions: CountingSession[] = [];
  try {
    for (let i = 0; i < options.connections; i++) sessions.push(await CountingSession.open(address));
    const { window } = options;
    const warmUntil = performance.now() + options.warmUpSeconds * 1000;
    const warm = await Promise.all(
      sessions.map((session, i) => drive(session, i, make, { window, until: warmUntil, from: 0 })),
    );
    const begin = performance.now();
    const until = begin + options.seconds * 1000;
    const counts = await Promise.all(
      sessions.map((session, i) => drive(session, i, make, { window, until, from: warm[i]! })),
    );
    const elapsed = (performance.now() - begin) / 1000;
    const failed = sessions.reduce((sum, session) => sum + session.failed, 0);
    if (failed > 0) throw new Error(`${failed} requests were refused`);
    const counted = counts.reduce((sum, count) => sum + count, 0);
    return { perSecond: counted / elapsed, answered: counted + warm.reduce((sum, count) => sum + count, 0) };
  } finally {
    for (const session of sessions) session[Symbol.dispose]();
  }
}

/** Have `count` requests answered, as many as possible at a time. */
export async function pipelined(
  session: CountingSession,
  make: (index: number) => Uint8Array,
  count: number,
): Promise<void> {
  const before = session.answered;
  for (let i = 0; i < count; i += 1000) {
    for (let j = i; j < Math.min(count, i + 1000); j++) await session.send(make(j));
    while (session.answered - before < Math.min(count, i + 1000)) await session.receive();
  }
  if (session.failed > 0) throw new Error(`${session.failed} requests were refused`);
}

/** Milliseconds of each of `count` requests, one at a time. */
export async function roundTrips(
  session: CountingSession,
  make: (index: number) => Uint8Array,
  count: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const answered = session.answered;
    const request = make(i);
    const begin = performance.now();
    await session.send(request);
    while (session.answered === answered) await session.receive();
    times.push(performance.now() - begin);
  }
  return times;
}

/** The `q`-th quantile of `values`. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}

/** Bytes as payload. */
export function payload(bytes: number): Uint8Array {
  return encoder.encode("x".repeat(bytes));
}
