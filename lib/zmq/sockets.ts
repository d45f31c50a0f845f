/**
 * Where brokers and clients get their sockets from: those of this room, or those of a simulated network. Which ones it
 * is holds for the whole process and is chosen before the first one is opened; nothing else chooses but a simulation.
 */
import { Forwarder, type ForwarderOptions } from "./forwarder.ts";
import { type GuardedPorts, MemoryGuard } from "./memory_guard.ts";
import { type PeerEvent, Socket, type SocketKind, type SocketOptions } from "./socket.ts";
import type { Batch } from "./socket.ts";

/** What is needed of a {@link Socket}; the comments are there. */
export interface MessageSocket extends AsyncDisposable {
  readonly closed: boolean;
  readonly counters: { sent: number; unsent: number; received: number };
  bind(endpoint: string): string;
  connect(endpoint: string): void;
  disconnect(endpoint: string): void;
  send(frames: Uint8Array | Uint8Array[]): boolean;
  messages(): AsyncIterableIterator<Batch, undefined>;
  peers(): AsyncIterableIterator<PeerEvent, undefined>;
  close(): void;
}

/** What is needed of a {@link Forwarder}; the comments are there. */
export interface MessageForwarder {
  readonly ended: Promise<void>;
  readonly ingress: readonly string[];
  readonly egress: readonly string[];
  restart(): void;
  close(): Promise<void>;
}

/** Opens sockets, and what belongs to them. */
export interface Sockets {
  socket(kind: SocketKind, options: SocketOptions): MessageSocket;
  forwarder(options: ForwarderOptions): MessageForwarder;
  guard(ports: GuardedPorts): Disposable;
}

const native: Sockets = {
  socket: (kind, options) => new Socket(kind, options),
  forwarder: (options) => new Forwarder(options),
  guard: (ports) => new MemoryGuard(ports),
};
let present = native;

/** Have sockets from somewhere else from now on; without an argument, those of this room again. */
export function useSockets(sockets: Sockets = native): void {
  present = sockets;
}

/** A socket of this kind. */
export function openSocket(kind: SocketKind, options: SocketOptions = {}): MessageSocket {
  return present.socket(kind, options);
}

/** A forwarder that listens and forwards. @throws {PubsubError} "Cannot listen on …" */
export function openForwarder(options: ForwarderOptions): MessageForwarder {
  return present.forwarder(options);
}

/** Watches what peers make the sockets of this process keep, until it is disposed of. */
export function guardMemory(ports: GuardedPorts): Disposable {
  return present.guard(ports);
}
