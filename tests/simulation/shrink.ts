/** Cuts a plan that breaks a promise down to few faults and few roles that break one, too. */
import type { Plan } from "./plan.ts";

/** Runs made at most. */
const MOST_RUNS = 400;

/** @param breaks whether this plan breaks a promise, too */
export async function shrink(plan: Plan, breaks: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let runs = 0;
  const still = async (smaller: Plan) => ++runs <= MOST_RUNS && await breaks(smaller);
  let best = plan;
  for (;;) {
    const before = best.faults.length + best.roles.length;
    best = await less(best, "faults", still);
    best = await less(best, "roles", still);
    if (best.faults.length + best.roles.length === before) return best;
  }
}

/** Leaves out as much of one list as it can: halves first, then ever smaller pieces. */
async function less(
  plan: Plan,
  list: "faults" | "roles",
  still: (plan: Plan) => Promise<boolean>,
): Promise<Plan> {
  let best = plan;
  for (let size = Math.ceil(plan[list].length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < best[list].length;) {
      const smaller = { ...best, [list]: [...best[list].slice(0, from), ...best[list].slice(from + size)] };
      if (await still(smaller)) best = smaller;
      else from += size;
    }
  }
  return best;
}
