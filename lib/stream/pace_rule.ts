/**
 * How slow a subscriber may be that a publisher waits for: of what it had not acknowledged it must deliver a part in each
 * so many milliseconds that the publisher spends waiting. Pure: time is a parameter.
 *
 * Only time in which the publisher waits counts, so a subscriber that is as fast as its publisher is never measured, and
 * one that is slower has all the time in which the publisher goes on in addition. With the defaults, 100,000 samples in
 * flight and 5 s, the least is 625 samples a second; of few samples in flight it is one in 5 s.
 */

/** The part of what is in flight to it that a subscriber must deliver. */
const PART = 32;

/** One subscriber since it was looked at last. */
export interface Progress {
  /** The publisher had waited for so long altogether. */
  blockedMs: number;
  delivered: number;
  /** So many must be delivered; undefined as long as it was not waited for. */
  wanted: number | undefined;
}

/** The rule for one stream. */
export class PaceRule {
  readonly #slowMs: number;
  #blockedMs = 0;
  #since: number | undefined;

  constructor(slowMs: number) {
    this.#slowMs = slowMs;
  }

  /** A subscriber that is there from now on, or from here on. */
  begin(delivered: number): Progress {
    return { blockedMs: 0, delivered, wanted: undefined };
  }

  /** The publisher waits. */
  blocked(now: number): void {
    this.#since ??= now;
  }

  /** It waits no more. */
  unblocked(now: number): void {
    this.#blockedMs += now - (this.#since ?? now);
    this.#since = undefined;
  }

  /** Whether a subscriber is too slow to be waited for. To be asked often while the publisher waits. */
  isTooSlow(progress: Progress, delivered: number, last: number, now: number): boolean {
    const blockedMs = this.#blockedMs + now - (this.#since ?? now);
    const { wanted } = progress;
    if (wanted !== undefined && delivered - progress.delivered < wanted) {
      return blockedMs - progress.blockedMs >= this.#slowMs;
    }
    // It has done its part, or begins: all over again.
    progress.blockedMs = blockedMs;
    progress.delivered = delivered;
    progress.wanted = Math.ceil((last - delivered) / PART);
    return false;
  }
}
