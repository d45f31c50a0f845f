/** A thread of a squad: runs one seed after the other. */
/// <reference lib="deno.worker" />
import { planOf } from "./plan.ts";
import { runPlan } from "./run_plan.ts";
import type { Task, Verdict } from "./squad.ts";

self.onmessage = async ({ data }: MessageEvent<Task>) => {
  const plan = data.plan ?? planOf(data.seed, data.scenario);
  const { story: _story, plan: _plan, ...outcome } = await runPlan(plan);
  self.postMessage(
    { ...outcome, seed: plan.seed, scenario: plan.scenario, plan: data.plan } satisfies Verdict,
  );
};
