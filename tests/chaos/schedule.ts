/** When which fault happens to whom, and for how long: a seed always gives the same. Pure. */
import type { Fault } from "./faults.ts";
import { Random } from "./random.ts";

/** One fault to come. */
export interface Step {
  /** Milliseconds after the step before it. */
  readonly pause: number;
  readonly fault: Fault;
  /** Whom of those whom it may concern: in [0, 1). */
  readonly whom: number;
  readonly ms: number;
}

/** How many faults there may be at once. */
export const AT_ONCE = 2;

/** The steps, without end. */
export function* schedule(seed: number, faults: readonly Fault[]): Generator<Step, never> {
  const random = new Random(seed);
  for (;;) {
    const pause = random.between(300, 2500);
    const fault = random.pick(faults);
    const whom = random.next();
    const ms = random.between(...fault.lasts);
    yield { pause, fault, whom, ms };
  }
}
