/**
 * How many clients each zone has, for choosing a zone by load.
 *
 * Znode: `/shared_state/zone_clients/zone_<n>`, ephemeral, written by the zone's primary: decimal text. Nobody
 * watches it; a client that chooses by load reads it once.
 */
import { CoordinationError } from "./errors.ts";
import { SHARED_STATE, zoneName, zoneOf } from "./paths.ts";
import type { ZooKeeper } from "./zk/zookeeper.ts";

const ZONE_CLIENTS = `${SHARED_STATE}/zone_clients`;

/** Where a zone's primary writes its number of clients. */
export function zoneClientsPath(zone: number): string {
  return `${ZONE_CLIENTS}/${zoneName(zone)}`;
}

/** Clients by zone as the primaries wrote them; a zone without a readable number is left out. */
export async function zoneClients(zk: ZooKeeper): Promise<Map<number, number>> {
  const clients = new Map<number, number>();
  const { names } = await zk.getChildren(ZONE_CLIENTS).catch((error) => {
    if (CoordinationError.is(error, "NO_NODE")) return { names: [] };
    throw error;
  });
  await Promise.all(names.map(async (name) => {
    const zone = zoneOf(name);
    if (zone === undefined) return;
    const { data } = await zk.getData(zoneClientsPath(zone)).catch(() => ({ data: new Uint8Array() }));
    const count = Number(new TextDecoder().decode(data) || Number.NaN);
    if (Number.isSafeInteger(count) && count >= 0) clients.set(zone, count);
  }));
  return clients;
}
