/**
 * What a client waits for is said once. Pure: time is a parameter, monotonic milliseconds.
 *
 * Guarantee: nothing is said twice in a row, nor again within {@link AGAIN_MS}, nor more than {@link MOST} different
 * things in that time, whatever others send: reasons that take turns, or are new each time, do not fill a log.
 */

/** What was said may be said again after this, if something else was waited for in between. */
const AGAIN_MS = 60_000;
/** Different things that are said in that time. */
const MOST = 8;

/** What was said since there was nothing to wait for. */
export class WaitingNotices {
  readonly #saidAt = new Map<string, number>();
  #last: string | undefined;

  /** Whether this is to be said: it is said then. */
  fresh(reason: string, now: number): boolean {
    if (reason === this.#last) return false;
    for (const [said, at] of this.#saidAt) if (now - at >= AGAIN_MS) this.#saidAt.delete(said);
    if (this.#saidAt.has(reason) || this.#saidAt.size >= MOST) return false;
    this.#last = reason;
    this.#saidAt.set(reason, now);
    return true;
  }

  /** Nothing is waited for any more: the next time is a first one. */
  over(): void {
    this.#saidAt.clear();
    this.#last = undefined;
  }
}
