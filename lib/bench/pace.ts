/**
 * When the samples of an open-loop schedule are due: sample `i` at `start + i / rate`, whether or not the ones
 * before it were sent in time. So a stall is seen in the latency of every sample that it held up (no coordinated
 * omission).
 */
import { setImmediate } from "node:timers";

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

/** A client that had a core for less is still being compiled: its samples cost up to twice as much as later. */
const COMPILED_AFTER_SECONDS = 3;

/** Seconds of warm-up until each of so many clients may have had a core for long enough: they share them. */
export function warmUpFor(clients: number, cores: number): number {
  return Math.ceil(COMPILED_AFTER_SECONDS * Math.max(1, clients / cores));
}

/** Longer waits begin with a timer, which may come two milliseconds late. */
const TIMER_MS = 4;

/**
 * Waits for a time to some microseconds. Timers come up to two milliseconds late, and a wait on another thread costs
 * more than a sample; so the last bit is slept on this thread, after the event loop has had its turn. At rates from
 * some hundred samples a second on the loop still turns once a sample.
 */
export class ExactSleep implements Disposable {
  readonly #clock: () => number;
  readonly #library = openLibrary();

  /** @param clock milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
    // PR_SET_TIMERSLACK: by default the kernel may wake us 50 microseconds late.
    this.#library?.symbols.prctl(29, 1n, 0n, 0n, 0n);
  }

  /** Resolves at `time`, or in the next turn of the event loop when that has passed. */
  async until(time: number): Promise<void> {
    const wait = time - this.#clock();
    if (wait > TIMER_MS) await new Promise((resolve) => setTimeout(resolve, wait - TIMER_MS));
    await new Promise<void>((resolve) => setImmediate(resolve));
    const rest = time - this.#clock();
    if (rest <= 0) return;
    if (this.#library) this.#library.symbols.usleep(Math.ceil(rest * 1000));
    else await new Promise((resolve) => setTimeout(resolve, rest));
  }

  [Symbol.dispose](): void {
    this.#library?.close();
  }
}

function openLibrary() {
  try {
    return Deno.dlopen("libc.so.6", {
      usleep: { parameters: ["u32"], result: "i32" },
      prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
    });
  } catch {
    // Another C library: timers will do.
    return undefined;
  }
}
