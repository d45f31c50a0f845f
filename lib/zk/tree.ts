/** Removing a node with everything below it: the library's own way sees two levels only. */
import { CoordinationError } from "../base/errors.ts";

/** What it needs of a client. */
interface Remover {
  getChildren(path: string): Promise<{ names: string[] }>;
  remove(path: string): Promise<void>;
}

const MAX_ATTEMPTS = 10;

/**
 * Remove a node and everything below it; nothing is done when it does not exist. Nodes that others remove meanwhile
 * are not counted, nodes that they create meanwhile are removed too. Of the root (or chroot) only what is below is
 * removed, without ZooKeeper's own nodes.
 *
 * @returns how many nodes were removed.
 * @throws {CoordinationError}
 */
export async function removeTree(zk: Remover, path: string): Promise<number> {
  let removed = 0;
  for (let attempt = 1;; attempt++) {
    for (const name of await childrenOrNone(zk, path)) {
      if (path === "/" && name === "zookeeper") continue;
      removed += await removeTree(zk, path === "/" ? `/${name}` : `${path}/${name}`);
    }
    if (path === "/") return removed;
    try {
      await zk.remove(path);
      return removed + 1;
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return removed;
      // Somebody has created a child meanwhile.
      if (!CoordinationError.is(error, "NOT_EMPTY") || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function childrenOrNone(zk: Remover, path: string): Promise<string[]> {
  try {
    return (await zk.getChildren(path)).names;
  } catch (error) {
    if (CoordinationError.is(error, "NO_NODE")) return [];
    throw error;
  }
}
