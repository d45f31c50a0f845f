/**
 * When a native proxy that came back is started again. Pure.
 *
 * The library's proxy returns when a signal reaches its thread, and that is no reason to stop forwarding: nothing is
 * lost by starting it again. If it keeps returning at once, something is wrong with its sockets.
 */
import { PubsubError } from "../errors.ts";

/** Returns in a row that are too many. */
const LIMIT = 50;
/** A proxy that ran for so long was not failing. */
const HEALTHY_MS = 20;

/**
 * Run until a run ends well or `ending()` says that it is meant to end.
 *
 * @param run one run: true if it ended because it was told to
 * @throws {PubsubError} when it ends without being told, again and again
 */
export async function keepRunning(
  run: () => Promise<boolean>,
  ending: () => boolean,
  now: () => number,
): Promise<void> {
  let failures = 0;
  while (failures < LIMIT) {
    const started = now();
    const told = await run();
    if (told || ending()) return;
    failures = now() - started < HEALTHY_MS ? failures + 1 : 0;
  }
  throw new PubsubError(`The forwarder stopped: its proxy ended by itself ${LIMIT} times in a row`);
}
