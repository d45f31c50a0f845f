/**
 * How fast simulated time passes, and whether a seed always has the same history.
 *
 *     deno run -A tests/bench/simulation.ts [--runs 5] [--same 100]
 *
 * Speed: 4 brokers, 4 publishers and 4 subscribers of one topic for two minutes, on one core; with 100 samples a second
 * of all publishers together, each of which goes to all four subscribers, and with 100 of each publisher. Without
 * faults, which only make it faster. Histories: one plan with everything that can go wrong, `--same` times.
 */
import { parseArgs } from "node:util";
import { inTask } from "../simulation/machine.ts";
import { planOf } from "../simulation/plan.ts";
import { runPlan } from "../simulation/run_plan.ts";
import { System } from "../simulation/system.ts";

const SIMULATED_MS = 120_000;
const SETTLED_MS = 5000;
const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, same: { type: "string", default: "100" } },
});

function speed(sampleMs: number): Promise<{ ratio: number; delivered: number }> {
  return inTask(() => {
    const system = new System(1, { sampleMs });
    const client = { at: 0, topics: ["S"], shared: true, history: 1 };
    for (let index = 1; index <= 4; index++) {
      system.add({ id: `b${index}`, kind: "broker", at: 0, zone: 1 + index % 2 });
      system.add({ ...client, id: `p${index}`, kind: "publisher", centralized: index % 2 === 0 });
      system.add({ ...client, id: `s${index}`, kind: "subscriber" });
    }
    system.world.runUntil(SETTLED_MS);
    const began = performance.now();
    system.world.runUntil(SETTLED_MS + SIMULATED_MS);
    const ratio = SIMULATED_MS / (performance.now() - began);
    system.end();
    return { ratio, delivered: system.ledger.delivered };
  });
}

for (const [what, sampleMs] of [["together", 40], ["each", 10]] as const) {
  const ratios: number[] = [];
  for (let run = 0; run < Number(values.runs); run++) ratios.push((await speed(sampleMs)).ratio);
  console.log(
    `100 samples/s ${what}: ${ratios.map((ratio) => ratio.toFixed(0)).join(", ")} times as fast as time`,
  );
}
const hashes = new Map<string, number>();
for (let run = 0; run < Number(values.same); run++) {
  const { hash } = await runPlan(planOf(4, "mixed"));
  hashes.set(hash, (hashes.get(hash) ?? 0) + 1);
}
console.log(
  `the same seed ${values.same} times: ${[...hashes].map(([hash, n]) => `${hash} ${n}×`).join(", ")}`,
);
