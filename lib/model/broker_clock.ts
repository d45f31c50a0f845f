/**
 * What the clock of a broker is, by the round trips of keep-alives. Pure.
 *
 * Guarantee: only an answer to a keep-alive that was sent, and not answered yet, counts: what a broker says of the time
 * that it was asked at is not believed.
 */

/** Keep-alives without an answer that are remembered. */
const MAX_ASKED = 8;

/** What a broker's clock is. */
export interface ClockEstimate {
  /** Id of the broker. */
  readonly broker: string;
  /** By how much it is ahead of ours, milliseconds. */
  readonly offset: number;
  /** How far that may be wrong: half a round trip, milliseconds. */
  readonly bound: number;
}

/** The clock of the broker that answered last. */
export class BrokerClock {
  #asked: number[] = [];
  #estimate: ClockEstimate | undefined;
  readonly #heard: (estimate: ClockEstimate, now: number) => void;

  /** @param heard what the estimate is after each answer, and when, monotonic milliseconds. */
  constructor(heard: (estimate: ClockEstimate, now: number) => void = () => {}) {
    this.#heard = heard;
  }

  /** Undefined before the first answer. */
  get estimate(): ClockEstimate | undefined {
    return this.#estimate;
  }

  /** When the last keep-alive was sent, monotonic milliseconds; 0 before the first. */
  get lastAsked(): number {
    return this.#asked.at(-1) ?? 0;
  }

  /** A keep-alive is sent, at this monotonic time. */
  asked(now: number): void {
    this.#asked.push(now);
    if (this.#asked.length > MAX_ASKED) this.#asked.shift();
  }

  /**
   * An answer has come.
   *
   * @param asked when the keep-alive was sent that it answers, as the broker says.
   * @param clock the broker's clock, milliseconds since the epoch.
   * @param wall our own clock now, in the same milliseconds.
   * @returns false when there is no such keep-alive.
   */
  answered(broker: string, asked: number, clock: number, now: number, wall: number): boolean {
    const at = this.#asked.indexOf(asked);
    if (at < 0) return false;
    this.#asked = this.#asked.slice(at + 1);
    const bound = (now - asked) / 2;
    const offset = clock - (wall - bound);
    const known = this.#estimate;
    // Both cannot be right when they are further apart than they may be wrong: a clock was set meanwhile.
    const isOver = known !== undefined && Math.abs(offset - known.offset) > bound + known.bound;
    if (known?.broker !== broker || isOver || bound <= known.bound * 1.05) {
      this.#estimate = { broker, offset, bound };
    }
    this.#heard(this.#estimate!, now);
    return true;
  }
}
