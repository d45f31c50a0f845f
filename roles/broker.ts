/**
 * `pubsub broker`: one broker until it is asked to leave.
 *
 * Leaving cleanly takes its records out of ZooKeeper, so a standby takes over at once. When its data plane does not
 * come back, it leaves in the same way, and the program begins anew within the same process.
 */
import { Broker } from "../lib/broker/broker.ts";
import type { BrokerOptions } from "../lib/broker/broker_options.ts";
import { reasonOf, StuckError } from "../lib/base/errors.ts";
import { logger } from "../lib/base/log.ts";
import type { RoleContext } from "./context.ts";
import { aborted, pause, watchFailure } from "./leaving.ts";

/** What is asked of the broker. */
export type BrokerRoleOptions = BrokerOptions;

const log = logger("broker");

/** Leaving before the program begins anew takes at most so long: ZooKeeper may be away, too. */
const LEAVE_MS = 8000;

/** Runs the broker. */
export function runBroker(options: BrokerRoleOptions, context: RoleContext): Promise<void> {
  return serve(new Broker(options), context);
}

/** What is served with. */
export type Servable = Pick<Broker, "id" | "failed" | "start" | "close">;

/** Runs it until it is asked to leave, or fails. */
export async function serve(broker: Servable, context: RoleContext): Promise<void> {
  try {
    await runUntilAsked(broker, context);
  } catch (error) {
    const closed = broker.close();
    if (!(error instanceof StuckError) || !context.beginAnew) {
      await closed;
      throw error;
    }
    log.error(`${broker.id}: ${reasonOf(error)}: the program begins anew within this process`);
    const patience = new AbortController();
    await Promise.race([closed.catch(() => {}), pause(LEAVE_MS, patience.signal)]);
    patience.abort();
    return context.beginAnew();
  }
  await broker.close();
}

async function runUntilAsked(broker: Servable, context: RoleContext): Promise<void> {
  const life = watchFailure(context.signal, broker.failed);
  try {
    await broker.start(life.signal);
    await aborted(life.signal);
  } catch (error) {
    if (!life.signal.aborted) throw error;
  }
  life.throwIfFailed();
}
