/**
 * The loop of every recipe: once for each session, and again after each error that trying again can heal.
 */
import { pause } from "../base/pause.ts";
import { CoordinationError, reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { isTransient } from "../zk/list_children.ts";
import type { Session, ZooKeeper } from "../zk/zookeeper.ts";

const log = logger("zk", "recipe");

/** Pause after an error that is not of the connection, e.g. a node that we may not write: an operator can mend it. */
const FAULT_PAUSE_MS = 1_000;

/**
 * Call `act` with the live session whenever connected, again and again, until `signal` aborts or the client is
 * closed. Never rejects: an error that is not transient is logged once a kind, and `act` is called again after a pause.
 */
export async function inEverySession(
  zk: ZooKeeper,
  signal: AbortSignal,
  what: string,
  act: (session: Session) => Promise<void>,
): Promise<void> {
  let said = "";
  while (!signal.aborted) {
    try {
      await act(await zk.connected(signal));
      said = "";
    } catch (error) {
      if (signal.aborted || CoordinationError.is(error, "CLOSED")) return;
      if (isTransient(error)) continue;
      const reason = reasonOf(error);
      if (reason !== said) log.error(`${what}: ${reason}; trying again`);
      said = reason;
      await pause(FAULT_PAUSE_MS, signal);
    }
  }
}
