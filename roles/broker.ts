/**
 * `pubsub broker`: one broker until it is asked to leave.
 *
 * Leaving cleanly takes its records out of ZooKeeper, so a standby takes over at once.
 */
import { Broker, type BrokerOptions } from "../lib/broker.ts";
import type { RoleContext } from "./context.ts";
import { aborted, watchFailure } from "./leaving.ts";

/** What is asked of the broker. */
export type BrokerRoleOptions = BrokerOptions;

/** Runs the broker. */
export async function runBroker(options: BrokerRoleOptions, context: RoleContext): Promise<void> {
  await using broker = new Broker(options);
  const life = watchFailure(context.signal, broker.failed);
  try {
    await broker.start(life.signal);
    await aborted(life.signal);
  } catch (error) {
    if (!life.signal.aborted) throw error;
  }
  life.throwIfFailed();
}
