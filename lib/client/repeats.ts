/** Sees to it that what a subscriber's streams have asked for, and nobody has answered, is asked for again. */
import { monotonic } from "../base/clock.ts";
import type { Following } from "./following.ts";

/** Not sooner than this after the last time. */
const LEAST_MS = 5;

export class Repeats {
  readonly #streams: Iterable<Following>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #at = Infinity;

  constructor(streams: Iterable<Following>) {
    this.#streams = streams;
  }

  /** Streams have asked, or are on other links. */
  arm(): void {
    let at = Infinity;
    // What is asked over a link that is down is asked again when it comes up.
    for (const { stream, link } of this.#streams) if (link?.up) at = Math.min(at, stream.wakeAt);
    this.armFor(at);
  }

  /** One that is to be asked for again then, monotonic milliseconds. */
  armFor(at: number): void {
    if (at >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    this.#timer = setTimeout(() => {
      this.#at = Infinity;
      const now = monotonic();
      for (const { stream, link } of this.#streams) if (link?.up) stream.tick(now);
      this.arm();
    }, Math.max(LEAST_MS, at - monotonic()));
  }

  /** Nothing is asked for again. */
  close(): void {
    clearTimeout(this.#timer);
    this.#at = -Infinity;
  }
}
