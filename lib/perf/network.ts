/**
 * The networks of a performance run: their names, sizes and who runs on which host. Pure.
 *
 * Host 1 runs ZooKeeper, 2 the backup pool, 3 the primary broker, 4 the standby; of the rest the first half are
 * subscribers and the other half publishers. Networks of four or five hosts would have no clients then: there host 1
 * runs ZooKeeper and the pool, host 2 both brokers.
 */
import { UsageError } from "../base/errors.ts";

/** A tree of switches with hosts as its leaves, or hosts around one switch. */
export type Network =
  | { readonly kind: "tree"; readonly depth: number; readonly fanout: number }
  | { readonly kind: "single"; readonly hosts: number };

/** Most hosts a network may have: 10.0.0.0/24 has no more, and a process each is enough. */
const MAX_HOSTS = 254;

/** Reads `tree:DEPTH,FANOUT` or `single:HOSTS`. */
export function parseNetwork(text: string): Network {
  const tree = /^tree:(\d{1,3}),(\d{1,3})$/.exec(text);
  const single = /^single:(\d{1,4})$/.exec(text);
  const network: Network | undefined = tree !== null
    ? { kind: "tree", depth: Number(tree[1]), fanout: Number(tree[2]) }
    : single !== null
    ? { kind: "single", hosts: Number(single[1]) }
    : undefined;
  if (network === undefined) {
    throw new UsageError(
      `Invalid network '${text}': must be tree:DEPTH,FANOUT or single:HOSTS, e.g. tree:2,3`,
    );
  }
  const hosts = hostsOf(network);
  if (hosts < 4 || hosts > MAX_HOSTS) {
    throw new UsageError(`Invalid network '${text}': it has ${hosts} hosts, must be 4 to ${MAX_HOSTS}`);
  }
  return network;
}

/** How many hosts it has. */
export function hostsOf(network: Network): number {
  return network.kind === "tree" ? network.fanout ** network.depth : network.hosts;
}

/** Its name in paths: `tree-d3f2-8hosts`, `single-8hosts`. */
export function nameOf(network: Network): string {
  const hosts = `${hostsOf(network)}hosts`;
  return network.kind === "tree" ? `tree-d${network.depth}f${network.fanout}-${hosts}` : `single-${hosts}`;
}

/** The number of hosts that a network's name tells, if it does. */
export function hostsInName(name: string): number | undefined {
  const match = /-(\d+)hosts$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Which host, counted from 0, runs what. */
export interface Placement {
  readonly zookeeper: number;
  readonly pool: number;
  readonly primary: number;
  readonly standby: number;
  readonly subscribers: readonly number[];
  readonly publishers: readonly number[];
}

/** Who runs where in a network of `hosts` hosts (at least 4). */
export function placementOf(hosts: number): Placement {
  const roomy = hosts >= 6;
  const servers = roomy
    ? { zookeeper: 0, pool: 1, primary: 2, standby: 3 }
    : { zookeeper: 0, pool: 0, primary: 1, standby: 1 };
  const first = roomy ? 4 : 2;
  const rest = Array.from({ length: hosts - first }, (_, i) => first + i);
  const half = Math.ceil(rest.length / 2);
  return { ...servers, subscribers: rest.slice(0, half), publishers: rest.slice(half) };
}
