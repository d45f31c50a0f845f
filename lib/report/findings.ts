/**
 * The five findings of the earlier framework, each put to the test: supported, not supported or undecided, with the
 * statistic behind it. Pure and deterministic (the bootstrap is seeded): see verdict.ts for the rules.
 */
import { smaller, uniform, usable } from "./comparison.ts";
import { bothGrow, growsMore, nonLinear } from "./growth_findings.ts";
import type { RunResult } from "../perf/results.ts";
import type { Finding } from "./verdict.ts";

/** Every finding, tested on these runs. */
export function testFindings(runs: readonly RunResult[]): Finding[] {
  const data = usable(runs);
  return [smaller(data), uniform(data), bothGrow(data), growsMore(data), nonLinear(data)];
}
