/**
 * Which runs a performance study consists of, and in which order. Pure.
 */
import type { Mode } from "./results.ts";
import type { RunKey } from "./layout.ts";
import { hostsOf, nameOf, type Network, parseNetwork } from "./network.ts";

/** The networks measured when none are named: trees in Mininet, as many hosts on loopback. */
export const DEFAULT_NETWORKS = {
  mininet: ["tree:2,2", "tree:3,2", "tree:2,3", "tree:2,4", "tree:4,2", "tree:3,3"],
  local: ["single:4", "single:8", "single:12", "single:16", "single:20", "single:27"],
} as const;

/** One network with its runs. */
export interface NetworkRuns {
  readonly network: Network;
  readonly runs: readonly RunKey[];
}

/**
 * The runs, network by network, small ones first. The modes take turns, and each repeat begins with the other one,
 * so that a machine that gets slower or faster meanwhile does not favour a mode.
 */
export function matrixOf(
  { networks, modes, repeats }: { networks: readonly string[]; modes: readonly Mode[]; repeats: number },
): NetworkRuns[] {
  const distinct = new Map(networks.map((text) => {
    const network = parseNetwork(text);
    return [nameOf(network), network];
  }));
  return [...distinct.values()]
    .sort((one, other) => hostsOf(one) - hostsOf(other) || (nameOf(one) < nameOf(other) ? -1 : 1))
    .map((network) => ({
      network,
      runs: Array.from({ length: repeats }, (_, i) => {
        const order = i % 2 === 0 ? modes : modes.toReversed();
        return order.map((mode) => ({ mode, network: nameOf(network), repeat: i + 1 }));
      }).flat(),
    }));
}
