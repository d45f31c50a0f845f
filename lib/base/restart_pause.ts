/** How long to wait before something that ended by itself is started again: longer each time. Pure. */

const FIRST_MS = 250;
const LONGEST_MS = 30_000;
/** What has run for so long was well: the next end is a first one. */
const WELL_MS = 30_000;

/** The pauses of one thing that is started again and again. */
export class RestartPause {
  #failures = 0;

  /** Ends in a row, each after a short life. */
  get failures(): number {
    return this.#failures;
  }

  /** It ended after so long. @returns how long to wait. */
  ended(livedMs: number): number {
    if (livedMs >= WELL_MS) this.#failures = 0;
    this.#failures++;
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#failures - 1));
  }
}
