/**
 * Chance that can be repeated: the same seed gives the same numbers, the same intervals of a report, the same schedule
 * of faults.
 *
 * Algorithm: mulberry32 (Tommy Ettinger, public domain): 32 bits of state, period 2^32. Not for secrets.
 */

/** Gives numbers in [0, 1). */
export type Random = () => number;

/** A generator whose whole sequence follows from `seed`. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** As many elements as `items` has, drawn with replacement. */
export function resample<T>(items: readonly T[], random: Random): T[] {
  return items.map(() => items[Math.floor(random() * items.length)] as T);
}
