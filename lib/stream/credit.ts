/**
 * What a subscriber lets its publishers have under way to it, all together: what its user has not taken has to fit
 * into its memory, and what many publishers send through one broker into its queue there. Pure.
 *
 * Each publisher gets the same share of the whole; the divisor is a power of two, so that shares change seldom when
 * publishers come and go. Every acknowledgement and every request tells the share.
 */
import type { Share } from "../wire/upstream.ts";
import { LEAST_CREDIT, MOST_IN_FLIGHT } from "./budget.ts";

/** The credit that one subscriber gives. */
export class Credit {
  readonly #whole: Share;
  #share: Share;
  #divisor = 1;

  constructor(whole: Share = MOST_IN_FLIGHT) {
    this.#whole = this.#share = whole;
  }

  /** Whether there are several publishers. */
  get shared(): boolean {
    return this.#divisor > 1;
  }
  /** What each publisher may have under way. */
  get share(): Share {
    return this.#share;
  }

  /** There are so many publishers. @returns whether the share has changed: tell them. */
  divide(publishers: number): boolean {
    const divisor = 2 ** Math.ceil(Math.log2(Math.max(1, publishers)));
    if (divisor === this.#divisor) return false;
    this.#divisor = divisor;
    const { bytes, messages } = this.#whole;
    this.#share = {
      bytes: Math.max(LEAST_CREDIT.bytes, Math.floor(bytes / divisor)),
      messages: Math.max(LEAST_CREDIT.messages, Math.floor(messages / divisor)),
    };
    return true;
  }
}
