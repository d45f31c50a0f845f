/** The two clocks: wall time with microsecond resolution, and monotonic time for durations. */

/** Wall-clock milliseconds since the epoch, microsecond resolution (`Date.now()` has only milliseconds). */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

/** Monotonic milliseconds, for deadlines and durations. */
export function monotonic(): number {
  return performance.now();
}
