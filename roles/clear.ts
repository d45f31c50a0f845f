/**
 * `pubsub clear`: removes every znode of this system, and tells how many.
 *
 * Guarantee: nothing is removed while a broker is registered, unless forced. Whoever is running then loses its place
 * and registers again; znodes of others beside ours are never touched.
 */
import { CoordinationError, PubsubError } from "../lib/base/errors.ts";
import { BROKERS, ROOTS } from "../lib/model/paths.ts";
import type { ZooKeeper } from "../lib/zk/zookeeper.ts";
import type { RoleContext } from "./context.ts";
import { type OperatorOptions, withZooKeeper } from "./operator_session.ts";

/** What is asked of `clear`. */
export interface ClearOptions extends OperatorOptions {
  /** Also while brokers are running. */
  readonly force: boolean;
}

/** Runs the command. */
export async function runClear(options: ClearOptions, context: RoleContext): Promise<void> {
  await withZooKeeper(options, context.signal, async (zk) => {
    const brokers = options.force ? [] : await liveBrokers(zk);
    if (brokers.length > 0) {
      throw new PubsubError(
        `nothing removed: ${brokers.length === 1 ? "broker" : "brokers"} ${shortList(brokers)} running ` +
          `at ${options.zookeeper}; stop them first, or use --force`,
      );
    }
    let removed = 0;
    for (const root of ROOTS) {
      const stays = await removeAll(zk, root, () => removed++);
      if (stays) context.note(`${root} stays: what is running registers itself again`);
    }
    context.out(`removed ${removed} ${removed === 1 ? "znode" : "znodes"} from ${options.zookeeper}`);
  });
}

/** Removes a znode with all below it. @returns whether it stays, because somebody puts back what was below it. */
async function removeAll(zk: ZooKeeper, path: string, onRemoved: () => void): Promise<boolean> {
  try {
    for (const name of (await zk.getChildren(path)).names) await removeAll(zk, `${path}/${name}`, onRemoved);
    await zk.remove(path);
    onRemoved();
    return false;
  } catch (error) {
    if (CoordinationError.is(error, "NO_NODE")) return false;
    if (CoordinationError.is(error, "NOT_EMPTY")) return true;
    throw error;
  }
}

async function liveBrokers(zk: ZooKeeper): Promise<string[]> {
  try {
    return (await zk.getChildren(BROKERS)).names.sort();
  } catch (error) {
    if (CoordinationError.is(error, "NO_NODE")) return [];
    throw error;
  }
}

function shortList(names: string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3
    ? `${shown} and ${names.length - 3} more are`
    : `${shown} ${names.length === 1 ? "is" : "are"}`;
}
