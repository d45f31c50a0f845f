/**
 * The pause between looks of a recipe that each time found something to put right. Usually the next look settles it, at
 * once; but when others keep changing what is looked at, no recipe goes on without a pause.
 */
import { pause } from "../base/pause.ts";

/** So many looks in a row are taken at once. */
const AT_ONCE = 5;
const PAUSE_MS = 100;

/** The looks of one recipe. */
export class LookAgain {
  #inARow = 0;

  /** Nothing was left to do: the next look is a first one. */
  settled(): void {
    this.#inARow = 0;
  }

  /** Resolves when it is time to look again. */
  async again(signal: AbortSignal): Promise<void> {
    if (++this.#inARow > AT_ONCE) await pause(PAUSE_MS, signal);
  }
}
