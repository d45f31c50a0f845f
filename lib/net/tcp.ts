/**
 * Where TCP connections come from: the system, or a simulated network. Which one it is holds for the whole process and is
 * chosen before the first one is made; nothing else chooses but a simulation.
 */
import type { Buffer } from "node:buffer";
import { connect, type LookupFunction } from "node:net";

/** What is needed of a connection that we make, as `node:net` has it. */
export interface TcpStream {
  readonly destroyed: boolean;
  setNoDelay(): void;
  setTimeout(ms: number, listener: () => void): void;
  write(bytes: Uint8Array): boolean;
  destroy(): void;
  on(event: "data", listener: (chunk: Buffer) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "connect" | "drain" | "close", listener: () => void): void;
}

/** What is needed of a connection that was made to us. */
export type TcpPeer = Pick<
  Deno.TcpConn,
  "remoteAddr" | "setNoDelay" | "read" | "write" | "closeWrite" | "close"
>;

/** What is needed to be connected to. */
export interface TcpListener {
  readonly addr: Deno.NetAddr;
  accept(): Promise<TcpPeer>;
  close(): void;
}

/** Where to connect to, and how a name is looked up. */
export interface TcpTarget {
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction;
}

/** Makes connections and takes them. */
export interface Tcp {
  connect(target: TcpTarget): TcpStream;
  listen(address: { hostname: string; port: number }): TcpListener;
}

const native: Tcp = { connect: (target) => connect(target), listen: (address) => Deno.listen(address) };
let present = native;

/** Have connections from somewhere else from now on; without an argument, from the system again. */
export function useTcp(tcp: Tcp = native): void {
  present = tcp;
}

/** Begin to connect. @throws for a target that is none */
export function connectTcp(target: TcpTarget): TcpStream {
  return present.connect(target);
}

/** Listen. @throws when the address is taken, or none of this host's */
export function listenTcp(address: { hostname: string; port: number }): TcpListener {
  return present.listen(address);
}
