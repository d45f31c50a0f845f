/**
 * When the samples of an open-loop schedule are due: sample `i` at `start + i / rate`, whether or not the ones
 * before it were sent in time. So a stall is seen in the latency of every sample that it held up (no coordinated
 * omission).
 */

/** The schedule of one publisher. Pure: milliseconds come in and go out. */
export class Schedule {
  readonly #start: number;
  readonly #interval: number;

  /** @param rate samples a second. @param phase 0 to 1, of one interval. */
  constructor(start: number, rate: number, phase: number) {
    this.#interval = 1000 / rate;
    this.#start = start + phase * this.#interval;
  }

  /** When sample `index` (from 0) is to be sent. */
  time(index: number): number {
    return this.#start + index * this.#interval;
  }
}

/** Waits for a time more exactly than a timer can, which wakes up to two milliseconds late. */
export class ExactSleep implements Disposable {
  readonly #clock: () => number;
  readonly #library:
    | { symbols: { usleep(microseconds: number): Promise<number> }; close(): void }
    | undefined;

  /** @param clock milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
    try {
      this.#library = Deno.dlopen("libc.so.6", {
        usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
      });
    } catch {
      // Another C library: timers will do.
    }
  }

  /** Resolves soon after `time`; at once when it has passed. */
  async until(time: number): Promise<void> {
    const wait = time - this.#clock();
    if (wait <= 0) return;
    if (this.#library === undefined || wait > 50) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(wait, Math.max(1, wait - 10))));
    } else {
      await this.#library.symbols.usleep(Math.ceil(wait * 1000));
    }
  }

  [Symbol.dispose](): void {
    this.#library?.close();
  }
}
