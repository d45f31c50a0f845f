/** The two clocks: wall time with microsecond resolution, and monotonic time for durations and order. */
import { logger } from "./log.ts";
import { SystemClock } from "./system_clock.ts";

const log = logger("clock");

let system = newSystemClock();

/** A wall clock as a process has one, from here on. */
export function newSystemClock(): SystemClock {
  return new SystemClock(
    { date: () => Date.now(), steady: () => performance.now() },
    performance.timeOrigin,
    (ms, steps) => {
      const direction = ms > 0 ? "forward" : "back";
      const by = `${direction} by ${(Math.abs(ms) / 1000).toFixed(1)} s`;
      const what = steps > 1 ? `${steps} times, all in all ${by}` : by;
      log.warn(`the system's clock was set ${what} (or the machine slept): times follow it`);
    },
  );
}

/** Have this wall clock from now on: a simulation holds several processes in one. */
export function useSystemClock(clock: SystemClock): void {
  system = clock;
}

/**
 * Wall-clock milliseconds since the epoch, microsecond resolution (`Date.now()` has only milliseconds). It follows the
 * system's clock when that is set, so it may go back: durations and order are {@link monotonic} time's.
 */
export function wallClock(): number {
  return system.at(performance.now());
}

/** The same at a reading of {@link monotonic}: one that is not long ago. */
export function wallAt(monotonicMs: number): number {
  return system.at(monotonicMs);
}

/** Monotonic milliseconds, for deadlines and durations. */
export function monotonic(): number {
  return performance.now();
}

/**
 * Milliseconds since the epoch as they were when this process started, and grown since: for what is measured in one
 * process and compared with another one's, and must not jump when the clock is set.
 */
export function steadyDate(): number {
  return performance.timeOrigin + performance.now();
}
