/** Who is next in each zone: the brokers in the order in which they entered their zone's election. */
import { CoordinationError } from "../base/errors.ts";
import { electionPath } from "../model/paths.ts";
import { queueOf } from "./queue.ts";
import { utf8 } from "../base/utf8.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** Ids of the brokers of each of these zones, the one that leads or would lead first. */
export async function readSuccession(
  zk: ZooKeeper,
  zones: Iterable<number>,
): Promise<Map<number, readonly string[]>> {
  return new Map(
    await Promise.all(
      [...zones].map(async (zone) => [zone, await contendersOf(zk, electionPath(zone))] as const),
    ),
  );
}

async function contendersOf(zk: ZooKeeper, path: string): Promise<string[]> {
  const found = await unlessGone(zk.getChildren(path));
  const ids = await Promise.all(
    queueOf(found?.names ?? []).map(async ({ name }) => {
      const node = await unlessGone(zk.getData(`${path}/${name}`));
      return node && utf8(node.data);
    }),
  );
  return ids.filter((id) => id !== undefined);
}

async function unlessGone<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (CoordinationError.is(error, "NO_NODE")) return undefined;
    throw error;
  }
}
