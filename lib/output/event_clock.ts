/**
 * When the next event of a timed source is due: on a grid from the first event on, so that the pauses do not add up
 * to less than the rate asked for. Pure: time is a parameter, milliseconds.
 *
 * A source that was held up for long does not make up for it in a burst: after `patienceMs` it starts a new grid.
 */
export class EventClock {
  readonly #intervalMs: number;
  readonly #patienceMs: number;
  #next: number;

  constructor(intervalMs: number, startMs: number, patienceMs = Math.max(100, intervalMs)) {
    this.#intervalMs = intervalMs;
    this.#patienceMs = patienceMs;
    this.#next = startMs;
  }

  /** Milliseconds until the next event; 0 when it is due. */
  wait(now: number): number {
    return Math.max(0, this.#next - now);
  }

  /** Takes one event that is due. */
  take(now: number): void {
    this.#next += this.#intervalMs;
    if (now - this.#next > this.#patienceMs) this.#next = now;
  }
}
