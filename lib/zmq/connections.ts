/**
 * The TCP connections that others have made to ports of this process, as the kernel knows them: who, how many bytes,
 * what is stuck; a way to end one, and to take none from some addresses. The library itself tells none of it, cannot end
 * a single connection, and takes whoever comes.
 *
 * Linux only; elsewhere there are none. A connection is ended by shutdown(2), which the library takes for an end by
 * the peer: it closes the descriptor itself, and by the option set here that is a reset, so nothing is left of it.
 */

import { dropFilter, INSTRUCTION_BYTES } from "./barred.ts";

/** A connection to one of our ports. */
export interface Connection {
  readonly descriptor: number;
  /** Our port. */
  readonly port: number;
  /** For example `192.0.2.7:40112`. */
  readonly peer: string;
  /** Bytes so far. */
  readonly received: number;
  /** Bytes that the peer has taken so far. */
  readonly acknowledged: number;
  /** Bytes that wait in the kernel for the peer to take some. */
  readonly unsent: number;
}

const SYMBOLS = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
} as const;

type Sockets = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const SOL_SOCKET = 1,
  SO_LINGER = 13,
  SO_ATTACH_FILTER = 26,
  SO_DETACH_FILTER = 27,
  IPPROTO_TCP = 6,
  TCP_INFO = 11,
  SHUT_RDWR = 2;
const AF_INET = 2, AF_INET6 = 10;
/** struct linger: on, for no time. */
const NO_LINGER = new Uint8Array(Int32Array.of(1, 0).buffer);
/** Of struct tcp_info. */
const ESTABLISHED = 1, LISTENING = 10, ACKNOWLEDGED_AT = 120, RECEIVED_AT = 128, UNSENT_AT = 144;

const address = new Uint8Array(128);
const information = new Uint8Array(192);
const length = new Uint32Array(1);
const view = new DataView(information.buffer);

let loaded: Sockets | null | undefined;

function sockets(): Sockets | null {
  return loaded ??= open();
}

function open(): Sockets | null {
  if (Deno.build.os !== "linux") return null;
  for (const name of ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`]) {
    try {
      return Deno.dlopen(name, SYMBOLS).symbols;
    } catch {
      // The other C library, then.
    }
  }
  return null;
}

/** All connections to these ports. */
export function connectionsTo(ports: ReadonlySet<number>): Connection[] {
  const calls = sockets();
  if (calls === null) return [];
  const found: Connection[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const connection = connectionAt(calls, Number(name), ports);
    if (connection !== undefined) found.push(connection);
  }
  return found;
}

function connectionAt(
  calls: Sockets,
  descriptor: number,
  ports: ReadonlySet<number>,
): Connection | undefined {
  length[0] = address.length;
  if (calls.getsockname(descriptor, address, length) !== 0) return undefined;
  const port = portOf(address);
  if (port === undefined || !ports.has(port)) return undefined;
  length[0] = information.length;
  if (calls.getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, information, length) !== 0) return undefined;
  if (information[0] !== ESTABLISHED || length[0] < UNSENT_AT + 4) return undefined;
  const received = Number(view.getBigUint64(RECEIVED_AT, true));
  const acknowledged = Number(view.getBigUint64(ACKNOWLEDGED_AT, true));
  const unsent = view.getUint32(UNSENT_AT, true);
  length[0] = address.length;
  if (calls.getpeername(descriptor, address, length) !== 0) return undefined;
  return { descriptor, port, peer: formatAddress(address), received, acknowledged, unsent };
}

/** End a connection, if it is still the same one. @returns whether it was. */
export function endConnection({ descriptor, port, peer }: Connection): boolean {
  const calls = sockets();
  if (calls === null) return false;
  if (connectionAt(calls, descriptor, new Set([port]))?.peer !== peer) return false;
  calls.setsockopt(descriptor, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length);
  return calls.shutdown(descriptor, SHUT_RDWR) === 0;
}

/** Kept: the system reads it by its address. */
let filter: Uint8Array<ArrayBuffer> = new Uint8Array();

/**
 * Take no new connections to `port` from these addresses; from now on, and instead of those named before. The system
 * drops the packets by which they would begin: nobody is told, and tries again. Those that stand go on.
 *
 * @param addresses as `sourceOf` gives them.
 * @returns whether that is so: not where the system has no such filters, or no memory for it. Then all are taken.
 */
export function refuseConnections(port: number, addresses: readonly string[]): boolean {
  const calls = sockets();
  if (calls === null) return false;
  filter = dropFilter(addresses);
  // struct sock_fprog: how many instructions, and where they are.
  const program = new DataView(new ArrayBuffer(16));
  program.setUint16(0, filter.length / INSTRUCTION_BYTES, true);
  program.setBigUint64(8, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(filter))), true);
  const bytes = new Uint8Array(program.buffer);
  let listeners = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const descriptor = Number(name);
    if (!listensTo(calls, descriptor, port)) continue;
    const attach = () =>
      calls.setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, bytes, bytes.length) === 0;
    const detach = () => calls.setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, NO_LINGER, 4);
    if (addresses.length === 0) detach();
    else if (!attach()) {
      // The old one has its memory as long as it is there.
      detach();
      if (!attach()) return false;
    }
    listeners++;
  }
  return listeners > 0;
}

function listensTo(calls: Sockets, descriptor: number, port: number): boolean {
  length[0] = address.length;
  if (calls.getsockname(descriptor, address, length) !== 0 || portOf(address) !== port) return false;
  length[0] = information.length;
  return calls.getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, information, length) === 0 &&
    information[0] === LISTENING;
}

/** The port in a struct sockaddr_in or sockaddr_in6; undefined for another kind of address. */
function portOf(bytes: Uint8Array): number | undefined {
  const family = bytes[0]! | bytes[1]! << 8;
  return family === AF_INET || family === AF_INET6 ? bytes[2]! << 8 | bytes[3]! : undefined;
}

/** A struct sockaddr_in or sockaddr_in6 as text. Pure. */
export function formatAddress(bytes: Uint8Array): string {
  const port = portOf(bytes);
  if (bytes[0] === AF_INET) return `${bytes.subarray(4, 8).join(".")}:${port}`;
  const words = Array.from(
    { length: 8 },
    (_, index) => (bytes[8 + 2 * index]! << 8 | bytes[9 + 2 * index]!).toString(16),
  );
  return `[${words.join(":")}]:${port}`;
}
