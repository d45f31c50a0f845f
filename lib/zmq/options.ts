/**
 * The options of a socket, what they are when they are not given, and how they are told to the library.
 */
import { PubsubError } from "../errors.ts";
import { RawSocket } from "./raw_socket.ts";

/** The four kinds of socket in use. */
export type SocketKind = "router" | "dealer" | "xpub" | "xsub";

/** Options of a socket. Every one has a default. */
export interface SocketOptions {
  /**
   * Messages that may be queued for one peer; 0 = unlimited. When it is reached, `send` of a dealer or router says
   * false; an xpub or xsub drops the message for that peer and says nothing.
   *
   * @default {1000} for xsub 0: what it sends are subscriptions, and dropping one would never be noticed
   */
  sendHighWaterMark?: number;
  /**
   * Messages of one peer that may wait to be read; 0 = unlimited. The next ones stay with the peer. Mind that a
   * limit and heartbeats do not go together with a reader that pauses: when the limit is reached, the peer's signs
   * of life are not read either, the connection is cut after `heartbeatTimeoutMs`, and what was queued is lost.
   *
   * @default {1000} for xsub and xpub 0: bound what is under way by acknowledging it
   */
  receiveHighWaterMark?: number;
  /** Every peer is asked for a sign of life in this interval; 0 = never. @default {100} */
  heartbeatIntervalMs?: number;
  /** A peer that is silent for so long is disconnected. @default {300} */
  heartbeatTimeoutMs?: number;
  /** A peer that sends a bigger frame (bytes) is disconnected; 0 = any size. @default {67108864} 64 MiB */
  maxMessageSize?: number;
  /** The first pause before connecting again. @default {20} */
  reconnectIntervalMs?: number;
  /** The longest pause before connecting again; each is twice the one before. @default {500} */
  reconnectMaxIntervalMs?: number;
  /** The name (1 to 255 bytes) under which a router knows this socket. @default a router invents one */
  routingId?: string;
  /** How long `close()` leaves to what is not sent yet, in the background. @default {0} drop it */
  linger?: number;
  /** XPUB only: report every subscription, not only the first to each key. @default {false} */
  allSubscriptions?: boolean;
}

/** The same options, complete. */
export type CompleteOptions = Required<Omit<SocketOptions, "routingId">> & { routingId: string | undefined };

/** Fill in the defaults for this kind. */
export function completeOptions(kind: SocketKind, options: SocketOptions): CompleteOptions {
  const pubsub = kind === "xsub" || kind === "xpub";
  return {
    sendHighWaterMark: options.sendHighWaterMark ?? (kind === "xsub" ? 0 : 1000),
    receiveHighWaterMark: options.receiveHighWaterMark ?? (pubsub ? 0 : 1000),
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 100,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? 300,
    maxMessageSize: options.maxMessageSize ?? 64 * 1024 * 1024,
    reconnectIntervalMs: options.reconnectIntervalMs ?? 20,
    reconnectMaxIntervalMs: options.reconnectMaxIntervalMs ?? 500,
    routingId: options.routingId,
    linger: options.linger ?? 0,
    allSubscriptions: options.allSubscriptions ?? false,
  };
}

/** The library's numbers of socket kinds. */
const TYPES: Record<SocketKind, number> = { dealer: 5, router: 6, xpub: 9, xsub: 10 };

/** The library's numbers of options. */
const ROUTING_ID = 5, LINGER = 17, RECONNECT = 18, BACKLOG = 19, RECONNECT_MAX = 21, MAX_SIZE = 22;
const SEND_MARK = 23, RECEIVE_MARK = 24, MANDATORY = 33, VERBOSE = 40, HANDOVER = 56, HANDSHAKE = 66;
const HEARTBEAT = 75, HEARTBEAT_TTL = 76, HEARTBEAT_TIMEOUT = 77, CONNECT_TIMEOUT = 79;

/** Connections that may wait to be accepted: many clients come back at once after a broker is lost. */
const BACKLOG_CONNECTIONS = 1024;
/** A peer that connects and does not speak ZeroMQ is dropped after this. */
const HANDSHAKE_MS = 5000;
/** A host that does not answer at all is tried again after this: the system's own pauses grow to minutes. */
const CONNECT_TIMEOUT_MS = 3000;

/** A raw socket of this kind with these options. */
export function openRawSocket(kind: SocketKind, given: SocketOptions): RawSocket {
  const options = completeOptions(kind, given);
  const socket = new RawSocket(TYPES[kind]);
  try {
    socket.setInteger(LINGER, options.linger);
    socket.setInteger(SEND_MARK, options.sendHighWaterMark);
    socket.setInteger(RECEIVE_MARK, options.receiveHighWaterMark);
    socket.setLong(MAX_SIZE, options.maxMessageSize === 0 ? -1 : options.maxMessageSize);
    socket.setInteger(RECONNECT, options.reconnectIntervalMs);
    socket.setInteger(RECONNECT_MAX, options.reconnectMaxIntervalMs);
    socket.setInteger(BACKLOG, BACKLOG_CONNECTIONS);
    socket.setInteger(HANDSHAKE, HANDSHAKE_MS);
    socket.setInteger(CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS);
    if (options.heartbeatIntervalMs > 0) {
      socket.setInteger(HEARTBEAT, options.heartbeatIntervalMs);
      socket.setInteger(HEARTBEAT_TIMEOUT, options.heartbeatTimeoutMs);
      socket.setInteger(HEARTBEAT_TTL, options.heartbeatTimeoutMs);
    }
    if (options.routingId !== undefined) setRoutingId(socket, options.routingId);
    if (kind === "router") {
      // Say so when there is no such peer; and a client that comes back under its name replaces its old connection.
      socket.setInteger(MANDATORY, 1);
      socket.setInteger(HANDOVER, 1);
    }
    if (kind === "xpub" && options.allSubscriptions) socket.setInteger(VERBOSE, 1);
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

function setRoutingId(socket: RawSocket, id: string): void {
  const bytes = new TextEncoder().encode(id);
  if (bytes.length < 1 || bytes.length > 255 || bytes[0] === 0) {
    throw new PubsubError(`A routing id must have 1 to 255 bytes and not begin with NUL: it is '${id}'`);
  }
  socket.setBytes(ROUTING_ID, bytes);
}
