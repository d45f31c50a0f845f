/**
 * The judge of `publisher --stdin`: rounds of real processes with random faults by seed, and an independent count.
 *
 *     deno task chaos:stdin [--rounds N] [--seed S] [--backend embedded|apache] [--scenario NAME] [--short]
 *
 * The promise: whatever is missing at a reliable reader is in its `lost` or `fenced`, or in the publisher's exit code
 * 1 with the reader's name on standard error. Never neither. A reader that was killed is judged by the exit code
 * alone. Rounds have the seeds S, S + 1, …; `--short` plays the named scenarios and a few fixed seeds. A violation is
 * printed with the command that plays it again, its logs are kept, and the exit code is 1.
 */
import { parseArgs } from "node:util";
import { type Backend, defaultBackend } from "../harness/zookeeper.ts";
import { planOf } from "./stdin/plan.ts";
import { type Outcome, play } from "./stdin/round.ts";
import { type Scenario, SCENARIOS } from "./stdin/scenarios.ts";

/** A publisher out of sight, a reader killed that lives again, a reader stopped: what was lost without a word once. */
const SHORT_SEEDS = [9, 10, 15] as const;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000) },
    backend: { type: "string", default: defaultBackend() },
    scenario: { type: "string", multiple: true, default: [] },
    short: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

function backendFrom(text: string): Backend {
  if (text === "embedded" || text === "apache") return text;
  throw new Error(`--backend is ${text}, must be embedded or apache`);
}

function scenarioFrom(name: string): Scenario {
  const found = SCENARIOS.find(({ plan }) => plan.name === name);
  const names = SCENARIOS.map(({ plan }) => plan.name).join(", ");
  if (!found) throw new Error(`--scenario is ${name}, must be one of ${names}`);
  return found;
}

const backend = backendFrom(values.backend);
let rounds = 0;
let faults = 0;
let violations = 0;

/** Play one and print its line. */
async function one(name: string, replay: string, run: () => Promise<Outcome>): Promise<void> {
  const start = performance.now();
  const { verdict, faults: happened, ends, directory } = await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const bad = verdict.violations.length > 0;
  rounds++;
  faults += happened.length;
  if (bad) violations++;
  const word = bad ? "VIOLATION" : verdict.doubts.length > 0 ? "doubt" : "kept";
  console.log(`${name} ${backend}: ${happened.join("; ")} | ${ends} | ${word} ${seconds} s`);
  for (const line of verdict.violations) console.log(`  violation: ${line}`);
  for (const line of verdict.doubts) console.log(`  doubt: ${line}`);
  for (const line of verdict.remarks) console.log(`  remark: ${line}`);
  if (bad || verdict.doubts.length > 0 || values.keep) {
    console.log(`  replay: deno task chaos:stdin ${replay} --backend ${backend}; logs: ${directory}`);
  } else await Deno.remove(directory, { recursive: true });
}

async function scenario({ plan, course, feedMs }: Scenario): Promise<void> {
  await one(plan.name, `--scenario ${plan.name}`, () => play(plan, backend, course, feedMs));
}

async function round(seed: number): Promise<void> {
  const plan = planOf(seed);
  await one(plan.name, `--rounds 1 --seed ${seed}`, () => play(plan, backend));
}

if (values.short) {
  for (const known of SCENARIOS) if (known.onlyAsked === undefined) await scenario(known);
  for (const seed of SHORT_SEEDS) await round(seed);
} else if (values.scenario.length > 0) {
  for (const name of values.scenario) await scenario(scenarioFrom(name));
} else {
  for (let i = 0; i < Number(values.rounds); i++) await round(Number(values.seed) + i);
}
console.log(`${rounds} rounds, ${faults} faults, ${violations} violations`);
Deno.exit(violations > 0 ? 1 : 0);
