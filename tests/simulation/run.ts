/**
 * The whole system in a simulated world, by seed: real brokers, publishers, subscribers and the coordination server, in
 * virtual time, under faults; each failure is replayed by its number.
 *
 *     deno task simulate [--seed S] [--seeds N] [--minutes M] [--scenario NAME] [--jobs J]
 *                        [--kept] [--plan FILE] [--first] [--tell] [--story]
 *                        [--shrink [--keep FILE]]
 *
 * Runs the seeds S, S + 1, … : N of them, or as many as there is time for in M minutes; without `--seed` from a random
 * one on, and 100. Each one has its scenario, or that which is given; `herd` only when it is given. `--kept` runs the
 * plans that once failed (`tests/simulation/kept/`) before them, `--plan` one of them and no seed. `--first` ends with the first one that fails.
 * `--tell` names a fresh seed that fails (`FOUND:`), and does not fail unless more than one in 50 do: it is to be mended,
 * and would be met by whoever draws it. `--story` tells what happened in the first one that
 * failed, else in the last one;
 * `--shrink` cuts the first one that fails down to few faults, tells what happens then, and
 * writes it as a plan to be kept.
 *
 * Standard output: a line a failure, with the command that replays it, and at the end the totals. Limits: seeds are
 * 1 to 2^31 - 1, N up to 1,000,000, M up to 600, J 1 to 64 (by default one for each processor). Exit code 1 when a
 * promise was broken, 2 for usage.
 */
import { Command, Option } from "commander";
import process from "node:process";
import { reasonOf, UsageError } from "../../lib/base/errors.ts";
import { whole } from "./flags.ts";
import { type Plan, planOf } from "./plan.ts";
import { SCENARIOS } from "./scenarios.ts";
import { type Outcome, runPlan } from "./run_plan.ts";
import { shrink } from "./shrink.ts";
import { Squad, type Task, type Verdict } from "./squad.ts";

const LARGEST_SEED = 2 ** 31 - 1;
const KEPT = new URL("./kept/", import.meta.url);
const SAY_EVERY_MS = 10_000;
/** With --tell one fresh seed in so many may fail. */
const TOLD_ONE_IN = 50;

interface Options {
  seed?: number;
  seeds?: number;
  minutes?: number;
  scenario?: string;
  jobs: number;
  kept?: boolean;
  first?: boolean;
  tell?: boolean;
  plan?: string;
  keep?: string;
  story?: boolean;
  shrink?: boolean;
}

/** Plans that once failed. */
function kept(): Task[] {
  return [...Deno.readDirSync(KEPT)].map(({ name }) => name).toSorted().map((name) =>
    readPlan(new URL(name, KEPT))
  );
}

/** @throws {UsageError} naming the file and what is wrong with it */
function readPlan(path: URL | string): Task {
  try {
    const plan: Plan = JSON.parse(Deno.readTextFileSync(path));
    const isPlan = Array.isArray(plan.roles) && Array.isArray(plan.faults) && plan.scenario in SCENARIOS;
    if (!isPlan) throw new Error("it has no roles, no faults or no scenario");
    return { seed: plan.seed, scenario: plan.scenario, plan };
  } catch (error) {
    throw new UsageError(`Invalid plan ${path}: ${reasonOf(error)}`);
  }
}

function* tasks(options: Options, enough: () => boolean): Generator<Task> {
  const { seed = randomSeed(), seeds, minutes, scenario } = options;
  if (options.kept) yield* kept();
  if (options.plan !== undefined) return yield readPlan(options.plan);
  const count = seeds ?? (minutes === undefined ? 100 : Infinity);
  const end = performance.now() + (minutes ?? Infinity) * 60_000;
  for (let index = 0; index < count && performance.now() < end && !enough(); index++) {
    yield { seed: 1 + (seed - 1 + index) % LARGEST_SEED, scenario };
  }
}

function randomSeed(): number {
  return 1 + Math.floor(Math.random() * LARGEST_SEED);
}

function replay({ seed, scenario, plan }: Verdict): string {
  if (plan !== undefined) return "deno task simulate --plan FILE --story, of those in tests/simulation/kept/";
  return `deno task simulate --seed ${seed} --scenario ${scenario} --seeds 1 --story`;
}

async function main(options: Options): Promise<number> {
  const began = performance.now();
  const failures: Verdict[] = [];
  const sum = { runs: 0, events: 0, ms: 0, delivered: 0 };
  const runs = new Map<string, number>();
  const say = () => {
    const seconds = (performance.now() - began) / 1000;
    const speed = (sum.ms / 1000 / seconds).toFixed(0);
    console.error(`simulate: ${sum.runs} seeds, ${speed} times as fast as time, ${failures.length} failed`);
  };
  const saying = setInterval(say, SAY_EVERY_MS);
  Deno.unrefTimer(saying);
  const squad = new Squad(options.jobs);
  const enough = () => options.first === true && failures.length > 0;
  await squad.work(tasks(options, enough), (verdict) => {
    sum.runs++;
    sum.events += verdict.events;
    sum.ms += verdict.ms;
    sum.delivered += verdict.delivered;
    runs.set(verdict.scenario, (runs.get(verdict.scenario) ?? 0) + 1);
    if (verdict.broken.length === 0) return;
    failures.push(verdict);
    const { time, what } = verdict.broken[0]!;
    const found = options.tell && verdict.plan === undefined ? "FOUND: " : "";
    const more = verdict.broken.length > 1 ? `, and ${verdict.broken.length - 1} more` : "";
    console.log(
      `${found}seed ${verdict.seed} ${verdict.scenario}, after ${(time / 1000).toFixed(3)} s: ${what}${more}`,
    );
    console.log(`  replay: ${replay(verdict)}`);
  });
  clearInterval(saying);
  const last = failures[0] ?? squad.last;
  if (options.shrink && failures.length > 0) await tellShrunk(failures[0]!, options.keep);
  else if (options.story && last !== undefined) {
    tell(await runPlan(planOfVerdict(last), { story: true }));
  }
  const seconds = (performance.now() - began) / 1000;
  const minutes = sum.ms / 60_000;
  console.log(
    `simulate: ${sum.runs} seeds, ${minutes.toFixed(0)} simulated minutes in ${seconds.toFixed(0)} s, ` +
      `${sum.events} events, ${sum.delivered} samples handed out; ` +
      [...runs].toSorted().map(([name, count]) => `${name} ${count}`).join(", "),
  );
  const old = failures.filter(({ plan }) => plan !== undefined).length;
  const tolerated = options.tell && (failures.length - old) * TOLD_ONE_IN <= sum.runs;
  const failed = tolerated ? old : failures.length;
  console.log(`${failed === 0 ? "ok" : "FAILED"} | ${sum.runs - failed} passed | ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function planOfVerdict({ plan, seed, scenario }: Verdict): Plan {
  return plan ?? planOf(seed, scenario);
}

async function tellShrunk(verdict: Verdict, keep: string | undefined): Promise<void> {
  const { seed, scenario } = verdict;
  const whole = planOfVerdict(verdict);
  const kinds = new Set((await runPlan(whole)).broken.slice(0, 1).map(kindOf));
  const breaks = async (plan: Plan) => (await runPlan(plan)).broken.some((one) => kinds.has(kindOf(one)));
  const plan = await shrink(whole, breaks);
  console.log(`\nseed ${seed} ${scenario}, cut down to ${plan.roles.length} roles and these faults:`);
  for (const { at, what, who, other, ms } of plan.faults) {
    console.log(`  ${(at / 1000).toFixed(3)} s  ${what} ${who} (${other}, ${ms})`);
  }
  tell(await runPlan(plan, { story: true }));
  if (keep !== undefined) Deno.writeTextFileSync(keep, `${JSON.stringify(plan, undefined, 2)}\n`);
}

/** What was broken, whoever it was and whatever the numbers. */
function kindOf({ what }: { what: string }): string {
  return what.replaceAll(/\b[bps]\d+s?(?:\.\d+)?(?:#\d+)?\b/g, "somebody").replaceAll(/\d+/g, "#");
}

function tell({ story, broken }: Outcome): void {
  const width = Math.max(...story.map(({ who }) => who.length));
  for (const { time, who, what } of story) {
    console.log(`${(time / 1000).toFixed(4).padStart(10)}  ${who.padEnd(width)}  ${what}`);
  }
  for (const { time, what } of broken) console.log(`broken at ${(time / 1000).toFixed(4)}: ${what}`);
}

await new Command("simulate")
  .option("--seed <s>", "the first seed", whole(1, LARGEST_SEED))
  .option("--seeds <n>", "how many", whole(1, 1_000_000))
  .option("--minutes <m>", "for so long", whole(1, 600))
  .addOption(new Option("--scenario <name>", "the same one each time").choices(Object.keys(SCENARIOS)))
  .option("--jobs <j>", "at a time", whole(1, 64), navigator.hardwareConcurrency)
  .option("--kept", "those that once failed first")
  .option("--plan <file>", "the plan in that file, and no seed")
  .option("--keep <file>", "write what --shrink has left")
  .option("--first", "no further than the first one that fails")
  .option("--tell", "a fresh seed that fails is named, and is no failure")
  .option("--story", "what happened in the last one")
  .option("--shrink", "the first one that fails, cut down")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(async (options: Options) => {
    process.exitCode = await main(options).catch((error) => {
      if (!(error instanceof UsageError)) throw error;
      console.error(`error: ${error.message}`);
      return 2;
    });
  })
  .parseAsync([...Deno.args], { from: "user" });
