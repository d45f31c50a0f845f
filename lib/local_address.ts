/** The address under which other hosts reach this process. */
import type { ZkAddress } from "./zk/address.ts";

const CONNECT_DEADLINE_MS = 5000;
const RETRY_MS = 200;
/** So long nothing is said: a healthy ZooKeeper answers within it. */
export const PATIENCE_MS = 1000;

/**
 * Our address on the way to ZooKeeper: loopback when ZooKeeper is on this host's loopback, else that of the
 * interface that routes there.
 *
 * @returns undefined while no ZooKeeper host can be reached.
 */
export async function addressTowards(zookeeper: ZkAddress): Promise<string | undefined> {
  for (const { host, port } of zookeeper.hosts) {
    try {
      using connection = await Deno.connect({
        hostname: host,
        port,
        signal: AbortSignal.timeout(CONNECT_DEADLINE_MS),
      });
      if (connection.localAddr.transport === "tcp") return connection.localAddr.hostname;
    } catch {
      // Try the next one.
    }
  }
  return undefined;
}

/**
 * The same, waiting for as long as it takes.
 *
 * @param waiting called once, when it takes longer than a healthy ZooKeeper needs.
 * @throws the signal's reason when it aborts.
 */
export async function addressOnceReachable(
  zookeeper: ZkAddress,
  waiting: () => void,
  signal: AbortSignal,
): Promise<string> {
  let told = false;
  for (const start = performance.now();;) {
    const found = await addressTowards(zookeeper);
    if (found !== undefined) return found;
    signal.throwIfAborted();
    if (!told && performance.now() - start > PATIENCE_MS) {
      told = true;
      waiting();
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** An endpoint such as `tcp://10.0.0.3:4711`; IPv6 addresses get their brackets. */
export function tcpEndpoint(host: string, port: number | "*"): string {
  return `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The endpoint under which others reach what is bound to `bound`: the same port at `host`. */
export function advertised(host: string, bound: string): string {
  return `tcp://${host.includes(":") ? `[${host}]` : host}${bound.slice(bound.lastIndexOf(":"))}`;
}

/**
 * Where to listen so that `host` reaches us: on that address alone when it is one of this machine's, else on all.
 */
export function listenAddress(host: string): string {
  const own = Deno.networkInterfaces().some(({ address }) => address === host);
  if (own) return host;
  return host === "localhost" ? "127.0.0.1" : "0.0.0.0";
}
