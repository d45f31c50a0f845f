/**
 * How many clients each zone has, for choosing a zone by load and for moving clients.
 *
 * Znode: `/shared_state/zone_clients/zone_<n>`, ephemeral, written by the zone's primary: decimal text, the number of
 * clients; then, if there are any, a space and how many of them do not go to another zone. Nobody watches it; who wants
 * to know reads it.
 */
import { CoordinationError } from "../base/errors.ts";
import { SHARED_STATE, zoneName, zoneOf } from "../model/paths.ts";
import { utf8 } from "../base/utf8.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

const ZONE_CLIENTS = `${SHARED_STATE}/zone_clients`;

/** A zone's clients. */
export interface ZoneCount {
  readonly clients: number;
  /** Those of them that stay where they are. */
  readonly pinned: number;
}

/** Where a zone's primary writes its number of clients. */
export function zoneClientsPath(zone: number): string {
  return `${ZONE_CLIENTS}/${zoneName(zone)}`;
}

/** The count as the znode's text. */
export function formatZoneCount({ clients, pinned }: ZoneCount): string {
  return pinned === 0 ? String(clients) : `${clients} ${pinned}`;
}

/** The count from the znode's text; undefined when it is not one. */
export function parseZoneCount(text: string): ZoneCount | undefined {
  const found = /^(\d{1,9})(?: (\d{1,9}))?$/.exec(text);
  if (found === null) return undefined;
  const clients = Number(found[1]);
  const pinned = Number(found[2] ?? 0);
  return pinned > clients ? undefined : { clients, pinned };
}

/** Clients by zone as the primaries wrote them, of these zones or of all; one without a readable count is left out. */
export async function zoneClients(
  zk: ZooKeeper,
  zones?: readonly number[],
): Promise<Map<number, ZoneCount>> {
  const counts = new Map<number, ZoneCount>();
  await Promise.all((zones ?? await zonesCounted(zk)).map(async (zone) => {
    try {
      const { data } = await zk.getData(zoneClientsPath(zone));
      const count = parseZoneCount(utf8(data) ?? "");
      if (count) counts.set(zone, count);
    } catch (error) {
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
    }
  }));
  return counts;
}

async function zonesCounted(zk: ZooKeeper): Promise<number[]> {
  try {
    const { names } = await zk.getChildren(ZONE_CLIENTS);
    return names.map(zoneOf).filter((zone) => zone !== undefined);
  } catch (error) {
    if (CoordinationError.is(error, "NO_NODE")) return [];
    throw error;
  }
}
