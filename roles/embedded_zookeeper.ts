/**
 * `--embedded-zookeeper`: a coordination server inside another role's process, for this role and for others.
 *
 * It keeps nothing: when the process ends, everybody's sessions end with it. When it stops by itself the role is
 * asked to leave and the failure is the process's.
 */
import { parseListenAddress } from "../lib/zookeeper_server/listen_address.ts";
import { ZooKeeperServer } from "../lib/zookeeper_server/server.ts";
import type { RoleContext } from "./context.ts";
import { watchFailure } from "./leaving.ts";

/** Runs `role` beside a server on `listen` (`HOST:PORT`); hands it the address that others use too. */
export async function withEmbeddedZooKeeper<T>(
  listen: string,
  context: RoleContext,
  role: (address: string, context: RoleContext) => Promise<T>,
): Promise<T> {
  await using server = await ZooKeeperServer.start({ listen });
  const address = reachable(server.address);
  context.note(`zookeeper listening on ${server.address}; others: --zookeeper ${address}`);
  const life = watchFailure(context.signal, server.failed);
  const result = await role(address, { ...context, signal: life.signal });
  life.throwIfFailed();
  return result;
}

/** Bound to every interface, it is reached at the first address that other hosts know. */
function reachable(address: string): string {
  const { hostname, port } = parseListenAddress(address);
  const family = hostname === "0.0.0.0" ? "IPv4" : hostname === "::" ? "IPv6" : undefined;
  if (family === undefined) return address;
  const loopback = family === "IPv4" ? "127.0.0.1" : "::1";
  const outward =
    Deno.networkInterfaces().find((one) =>
      one.family === family && one.address !== loopback && !one.address.startsWith("fe80:")
    )?.address ?? loopback;
  return family === "IPv4" ? `${outward}:${port}` : `[${outward}]:${port}`;
}
