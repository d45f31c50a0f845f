/**
 * The options of a socket, what they are when they are not given, and how they are told to the library.
 *
 * Guarantee: no peer can bring the library to abort by the way it ends. libzmq 4.3.5 ends the process (assertion
 * `!_io_error`) when a connection whose reading it has stopped is reset, and then a heartbeat is due or a PING is
 * found in what was read before. It stops reading when a receive limit is reached, or when the socket itself gives
 * the connection up while the other end still sends. So
 * - nothing of ours has a receive limit: what is under way is bounded by acknowledgements, and by `MemoryGuard`;
 * - a ROUTER never hands a name over to another connection, which would give up the first one: the second one under
 *   a name is not heard, and ours have none, so each connection gets one of its own;
 * - only the side that never has something left to send when it gives a connection up asks for signs of life: XSUB
 *   and ROUTER. The other side, XPUB and DEALER, is told by each question how long silence may last.
 */
import { PubsubError } from "../base/errors.ts";
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
   * Messages of one peer that may wait to be read; 0 = unlimited. The next ones stay with the peer, its signs of
   * life too. With a limit a peer can end this process, see above: only for peers that are known.
   *
   * @default {0}
   */
  receiveHighWaterMark?: number;
  /** An xsub or router asks every peer for a sign of life in this interval; 0 = never. @default {100} */
  heartbeatIntervalMs?: number;
  /** A peer that is silent for so long is disconnected, at both ends. @default {300} */
  heartbeatTimeoutMs?: number;
  /** A peer that sends a bigger frame (bytes) is disconnected; 0 = any size. @default {67108864} 64 MiB */
  maxMessageSize?: number;
  /** The first pause before connecting again. @default {20} */
  reconnectIntervalMs?: number;
  /** The longest pause before connecting again; each is twice the one before. @default {500} */
  reconnectMaxIntervalMs?: number;
  /** The name (1 to 255 bytes) under which a router knows this socket. @default a router invents one a connection */
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
  return {
    sendHighWaterMark: options.sendHighWaterMark ?? (kind === "xsub" ? 0 : 1000),
    receiveHighWaterMark: options.receiveHighWaterMark ?? 0,
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
const RECEIVE_BUFFER = 12, SEND_MARK = 23, RECEIVE_MARK = 24, MANDATORY = 33, VERBOSE = 40, HANDSHAKE = 66;
const KEEPALIVE = 34, KEEPALIVE_COUNT = 35, KEEPALIVE_IDLE = 36, KEEPALIVE_INTERVAL = 37;
const HEARTBEAT = 75, HEARTBEAT_TTL = 76, HEARTBEAT_TIMEOUT = 77, CONNECT_TIMEOUT = 79, MAX_RETRANSMIT = 80;

/** Connections that may wait to be accepted: many clients come back at once after a broker is lost. */
const BACKLOG_CONNECTIONS = 1024;
/** A peer that connects and does not speak ZeroMQ is dropped after this. */
const HANDSHAKE_MS = 5000;
/** A host that does not answer at all is tried again after this: the system's own pauses grow to minutes. */
const CONNECT_TIMEOUT_MS = 3000;

/** The system gives up a peer that takes nothing of what is sent to it for so long: it may answer nobody's questions. */
const STUCK_MS = 10_000;
/** Nor is one kept whose host is gone: it is asked after so long, then again and again, seconds. */
const IDLE_S = 10, ASK_AGAIN_S = 5, ASKED = 3;
/** The library tells peers in tenths of a second how long silence may last; 0 would be for ever. */
const TTL_STEP_MS = 100;

/**
 * What the system takes in for an xpub that listens, bytes a connection. There is little to be said towards publishers;
 * and a byte of a subscription costs the library 100 ns and 50 bytes, so that whoever says much must not get far before
 * a `MemoryGuard` sees it. With much less than this (the least that the system offers) acknowledgements stand in a
 * closed window, and publishers wait for them.
 */
const UPSTREAM_BUFFER_BYTES = 32 * 1024;
const SYSTEM_DEFAULT = -1;

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
    if (options.heartbeatIntervalMs > 0) setSignsOfLife(socket, kind, options);
    if (options.routingId !== undefined) setRoutingId(socket, options.routingId);
    // Say so when there is no such peer.
    if (kind === "router") socket.setInteger(MANDATORY, 1);
    if (kind === "xpub" && options.allSubscriptions) socket.setInteger(VERBOSE, 1);
    if (kind === "xpub") socket.setForListening(RECEIVE_BUFFER, UPSTREAM_BUFFER_BYTES, SYSTEM_DEFAULT);
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

function setSignsOfLife(socket: RawSocket, kind: SocketKind, options: CompleteOptions): void {
  const { heartbeatIntervalMs, heartbeatTimeoutMs } = options;
  if (kind === "xsub" || kind === "router") {
    socket.setInteger(HEARTBEAT, heartbeatIntervalMs);
    socket.setInteger(HEARTBEAT_TIMEOUT, heartbeatTimeoutMs);
    socket.setInteger(HEARTBEAT_TTL, Math.ceil(heartbeatTimeoutMs / TTL_STEP_MS) * TTL_STEP_MS);
  }
  socket.setInteger(MAX_RETRANSMIT, Math.max(STUCK_MS, heartbeatTimeoutMs));
  socket.setInteger(KEEPALIVE, 1);
  socket.setInteger(KEEPALIVE_IDLE, IDLE_S);
  socket.setInteger(KEEPALIVE_INTERVAL, ASK_AGAIN_S);
  socket.setInteger(KEEPALIVE_COUNT, ASKED);
}

function setRoutingId(socket: RawSocket, id: string): void {
  const bytes = new TextEncoder().encode(id);
  if (bytes.length < 1 || bytes.length > 255 || bytes[0] === 0) {
    throw new PubsubError(`A routing id must have 1 to 255 bytes and not begin with NUL: it is '${id}'`);
  }
  socket.setBytes(ROUTING_ID, bytes);
}
