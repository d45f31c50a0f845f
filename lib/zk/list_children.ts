/** What the watches share: listing children of a node that may not exist, and which errors to try again after. */
import { CoordinationError } from "../base/errors.ts";
import type { OnChange, ZooKeeper } from "./zookeeper.ts";

/** The children, with a watch on them or, while there is no such node, on its creation. */
export async function listChildren(zk: ZooKeeper, path: string, onChange: OnChange): Promise<string[]> {
  for (;;) {
    try {
      return (await zk.getChildren(path, onChange)).names;
    } catch (error) {
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
    }
    if (await zk.exists(path, onChange) === undefined) return [];
  }
}

/** Whether an operation failed only because of the connection or session: try again when connected. */
export function isTransient(error: unknown): error is CoordinationError {
  return CoordinationError.is(error, "CONNECTION_LOSS", "DEADLINE", "SUSPENDED", "SESSION_LOST");
}
