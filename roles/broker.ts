/**
 * `pubsub broker`: one broker until it is asked to leave.
 *
 * Leaving cleanly takes its records out of ZooKeeper, so a standby takes over at once. When its data plane does not
 * come back, it leaves in the same way, and the program begins anew within the same process.
 */
import { Broker, type BrokerOptions } from "../lib/broker.ts";
import { reasonOf, StuckError } from "../lib/errors.ts";
import { logger } from "../lib/log.ts";
import type { RoleContext } from "./context.ts";
import { aborted, watchFailure } from "./leaving.ts";

/** What is asked of the broker. */
export type BrokerRoleOptions = BrokerOptions;

const log = logger("broker");

/** Runs the broker. */
export async function runBroker(options: BrokerRoleOptions, context: RoleContext): Promise<void> {
  try {
    await runOnce(options, context);
  } catch (error) {
    if (!(error instanceof StuckError) || !context.beginAnew) throw error;
    log.error(`${reasonOf(error)}: the program begins anew within this process`);
    context.beginAnew();
  }
}

async function runOnce(options: BrokerRoleOptions, context: RoleContext): Promise<void> {
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
