/**
 * `pubsub backup-pool`: starts zones when the load is above a threshold and ends them when it is low, until it is asked
 * to leave. Leaving cleanly first sends the clients of its zones to other ones.
 */
import { BackupPool, type BackupPoolOptions } from "../lib/pool/backup_pool.ts";
import type { RoleContext } from "./context.ts";
import { aborted, watchFailure } from "./leaving.ts";

/** What is asked of the pool. */
export type BackupPoolRoleOptions = BackupPoolOptions;

/** Runs the pool. */
export async function runBackupPool(options: BackupPoolRoleOptions, context: RoleContext): Promise<void> {
  await using pool = new BackupPool(options);
  const life = watchFailure(context.signal, pool.failed);
  try {
    await pool.start(life.signal);
    await aborted(life.signal);
  } catch (error) {
    if (!life.signal.aborted) throw error;
  }
  life.throwIfFailed();
}
