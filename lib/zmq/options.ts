/**
 * The options of a socket, what they are when they are not given, and how they are told to the library.
 */

/** The four kinds of socket in use. */
export type SocketKind = "router" | "dealer" | "xpub" | "xsub";

/** Options of a socket. Every one has a default. */
export interface SocketOptions {
  /**
   * Messages that may be queued for one peer; 0 = unlimited. XPUB and ROUTER drop what is too much for that peer,
   * DEALER's and XSUB's `send` answers false.
   *
   * @default 1000, and 0 for xsub: what an xsub sends are subscriptions, and those must not be dropped
   */
  sendHighWaterMark?: number;
  /**
   * Messages of one peer that may wait to be read; 0 = unlimited. More stay with the peer.
   *
   * @default 1000
   */
  receiveHighWaterMark?: number;
  /** A sign of life is asked of every peer in this interval; 0 = never. @default 100 */
  heartbeatIntervalMs?: number;
  /** A peer that is silent for so long is disconnected. @default 300 */
  heartbeatTimeoutMs?: number;
  /** A peer that sends a bigger frame (bytes) is disconnected; 0 = any size. @default 67108864 (64 MiB) */
  maxMessageSize?: number;
  /** The first pause before connecting again. @default 20 */
  reconnectIntervalMs?: number;
  /** The longest pause before connecting again; pauses double up to here. @default 500 */
  reconnectMaxIntervalMs?: number;
  /** The name under which a router knows this dealer. @default none, the router invents one */
  routingId?: string;
  /** How long `close()` leaves unsent messages to be sent in the background. @default 0: drop them */
  linger?: number;
  /** XPUB only: report every subscription, not only the first to each key. @default false */
  allSubscriptions?: boolean;
}

/** The same options, complete. */
export type CompleteOptions = Required<Omit<SocketOptions, "routingId">> & { routingId: string | undefined };

/** Fill in the defaults for this kind. */
export function completeOptions(kind: SocketKind, options: SocketOptions): CompleteOptions {
  return {
    sendHighWaterMark: options.sendHighWaterMark ?? (kind === "xsub" ? 0 : 1000),
    receiveHighWaterMark: options.receiveHighWaterMark ?? 1000,
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

/** The same options by the binding's names. Both time-outs are 0: a positive one that expires crashes Deno. */
export function bindingOptions(kind: SocketKind, options: CompleteOptions): Record<string, unknown> {
  return {
    linger: options.linger,
    sendHighWaterMark: options.sendHighWaterMark,
    receiveHighWaterMark: options.receiveHighWaterMark,
    maxMessageSize: options.maxMessageSize === 0 ? -1 : options.maxMessageSize,
    reconnectInterval: options.reconnectIntervalMs,
    reconnectMaxInterval: options.reconnectMaxIntervalMs,
    sendTimeout: 0,
    receiveTimeout: 0,
    ...(options.heartbeatIntervalMs > 0 && {
      heartbeatInterval: options.heartbeatIntervalMs,
      heartbeatTimeout: options.heartbeatTimeoutMs,
      heartbeatTimeToLive: options.heartbeatTimeoutMs,
    }),
    ...(options.routingId !== undefined && { routingId: options.routingId }),
    ...(kind === "router" && { mandatory: true, handover: true }),
    ...(kind === "xpub" && options.allSubscriptions && { verbosity: "allSubs" }),
  };
}
