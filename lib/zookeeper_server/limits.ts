/**
 * The bounds of a server: what one client, or all of them together, may take.
 *
 * Reaching a bound costs the client that reaches it and nobody else; each is logged once a minute at most.
 */
import { MAX_PACKET_BYTES } from "./protocol.ts";

/** Every bound, with its default in {@link DEFAULT_LIMITS}. */
export interface Limits {
  /** Open connections; a further one is closed at once. */
  readonly connections: number;
  /** Open connections from one address: less than all, so that others find room. */
  readonly connectionsPerAddress: number;
  /** Bytes that frames above 64 KiB take that have not arrived whole, of all connections. */
  readonly unfinishedBytes: number;
  /** The longest frame body; a longer one closes its connection. */
  readonly packetBytes: number;
  /** Watches of one connection; a further one is answered with SYSTEMERROR. */
  readonly watchesPerConnection: number;
  /** Watches of all connections. */
  readonly watches: number;
  /** Requests of one connection whose answers are not handed to its socket; beyond it, it is not read. */
  readonly outstandingRequests: number;
  /** Unsent bytes of one connection beyond which its requests are not read. */
  readonly pausedAtBytes: number;
  /** Unsent bytes (answers and watch events) of one connection beyond which it is disconnected. */
  readonly unsentBytes: number;
  /** Milliseconds in which a connection takes nothing of what is sent, or a long frame does not arrive whole, at most. */
  readonly stalledMs: number;
  /** Milliseconds from a connection's acceptance to its complete connect request. */
  readonly handshakeMs: number;
  /** Log bytes after which a snapshot is taken (or twice the last snapshot's size, if that is more). */
  readonly logBytesPerSnapshot: number;
  /** Milliseconds between two looks for empty containers and TTL nodes that are over. */
  readonly mortalCheckMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  connections: 8192,
  connectionsPerAddress: 8000,
  unfinishedBytes: 64 << 20,
  packetBytes: MAX_PACKET_BYTES,
  watchesPerConnection: 200_000,
  watches: 1_000_000,
  outstandingRequests: 10_000,
  pausedAtBytes: 1 << 20,
  unsentBytes: 16 << 20,
  stalledMs: 20_000,
  handshakeMs: 10_000,
  logBytesPerSnapshot: 16 << 20,
  mortalCheckMs: 60_000,
};
