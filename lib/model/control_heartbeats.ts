/**
 * Heartbeats of control connections. Pure.
 *
 * A client's keep-alive tells a dead broker from a live one, and ZooKeeper a dead client; heartbeats only end
 * connections that are half open. At ten a second, as on data connections, they are most of what a client at rest
 * costs its broker (measured: half a core for 1,000 clients), so they are slower here.
 */

const INTERVAL_MS = 1000;

/** How often a sign of life is asked for, and after which silence a peer is taken for dead. */
export interface Heartbeats {
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
}

/** Those of control connections, given those of data connections. 0 is none. */
export function controlHeartbeats({ heartbeatIntervalMs, heartbeatTimeoutMs }: Heartbeats): Heartbeats {
  if (heartbeatIntervalMs === 0 || heartbeatIntervalMs >= INTERVAL_MS) {
    return { heartbeatIntervalMs, heartbeatTimeoutMs };
  }
  return {
    heartbeatIntervalMs: INTERVAL_MS,
    heartbeatTimeoutMs: Math.max(heartbeatTimeoutMs, 3 * INTERVAL_MS),
  };
}
