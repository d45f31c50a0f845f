/**
 * When a native proxy that came back is started again. Pure.
 *
 * The library's proxy returns when a signal reaches its thread, and that is no reason to stop forwarding: it goes on
 * where it was. If it keeps returning faster than any signals come, something is wrong with its sockets.
 */
import { PubsubError, StuckError } from "../base/errors.ts";

/** So many returns within so long are too many. */
const LIMIT = 5000;
const WINDOW_MS = 10_000;

/**
 * Run until a run ends well or `ending()` says that it is meant to end.
 *
 * @param run one run: true if it ended because it was told to
 * @param now the time in milliseconds
 * @throws {PubsubError} when it ends without being told, again and again
 */
export async function keepRunning(
  run: () => Promise<boolean>,
  ending: () => boolean,
  now: () => number,
): Promise<void> {
  let windowStart = now();
  for (let count = 0; count < LIMIT; count++) {
    const told = await run();
    if (told || ending()) return;
    if (now() - windowStart > WINDOW_MS) {
      windowStart = now();
      count = 0;
    }
  }
  throw new PubsubError(`The forwarder stopped: its proxy ended by itself ${LIMIT} times in a row`);
}

/** Waits so long for a proxy that was told to end: its thread may be inside the library, and nothing brings it back. */
export class EndWatch {
  readonly #patienceMs: number;
  readonly #stuck = Promise.withResolvers<never>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
    // Whoever awaits it sees it; nobody has to.
    this.#stuck.promise.catch(() => {});
  }

  /** Rejects when a proxy was told to end and has not ended in time; else never settles. */
  get stuck(): Promise<never> {
    return this.#stuck.promise;
  }

  /** It was told to end, now or before. */
  told(): void {
    this.#timer ??= setTimeout(() => {
      const within = `within ${this.#patienceMs / 1000} s of being told to`;
      this.#stuck.reject(new StuckError(`The forwarder is stuck: its proxy has not ended ${within}`));
    }, this.#patienceMs);
  }

  /** It has ended. */
  ended(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** How often, and after which pauses, something is tried again. */
const TRIES = 100;
const PAUSE_MS = 10;

/** What `attempt` gives as soon as it does not throw; what it threw last when it never stops. */
export async function retry<T>(attempt: () => T): Promise<T> {
  for (let count = 1;; count++) {
    try {
      return attempt();
    } catch (error) {
      if (count >= TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
