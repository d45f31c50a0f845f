/**
 * Plants faults (`mutants.ts`), one at a time, into a copy of the code, and has the simulation look for each.
 *
 *     deno task mutants [--seeds N] [--only PATTERN] [--jobs J]
 *
 * For each fault the plans that are kept and then the seeds 1, 2, … are run until one breaks a promise, N (1000 by
 * default, 1 to 100,000) seeds at most. At the end as many are run of the code as it is, which has to keep its promises.
 * Standard output: a line a fault, after how many seeds it was found and what was broken, and the totals. Exit code 1 when
 * more than one in twenty is not found, 2 for usage.
 */
import { Command } from "commander";
import process from "node:process";
import { whole } from "./flags.ts";
import { type Mutant, MUTANTS } from "./mutants.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const COPIED = ["lib", "roles", "tests/simulation", "tests/chaos", "deno.json", "deno.lock"];
/** One in so many may stay hidden. */
const HIDDEN_ONE_IN = 20;
/** A fault that makes the code go round in circles ends by this. */
const LONGEST_MS = 45 * 60_000;

/** Nothing is planted. */
const CONTROL: Mutant = { name: "nothing", file: "mod.ts", text: "", instead: "" };

interface Found {
  readonly mutant: Mutant;
  /** Undefined when it was not found. */
  readonly seeds: number | undefined;
  readonly what: string;
}

async function copyWith({ file, text, instead }: Mutant, to: string): Promise<void> {
  for (const path of COPIED) {
    await new Deno.Command("cp", { args: ["-r", "--parents", path, to], cwd: ROOT }).output();
  }
  await Deno.symlink(`${ROOT}node_modules`, `${to}/node_modules`);
  if (text === "") return;
  const path = `${to}/lib/${file}`;
  const source = await Deno.readTextFile(path);
  const parts = source.split(text);
  if (parts.length !== 2) throw new Error(`lib/${file} has ${parts.length - 1} times: ${text}`);
  await Deno.writeTextFile(path, parts.join(instead));
}

async function hunt(mutant: Mutant, seeds: number): Promise<Found> {
  const directory = await Deno.makeTempDir({ prefix: "pubsub-mutant-" });
  try {
    await copyWith(mutant, directory);
    const run = `${directory}/tests/simulation/run.ts`;
    const args = [
      "run",
      "-A",
      "--no-check",
      run,
      "--seed",
      "1",
      "--seeds",
      String(seeds),
      "--kept",
      "--first",
      "--jobs",
      "1",
    ];
    const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: directory,
      stdin: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(LONGEST_MS),
    }).output();
    const text = new TextDecoder().decode(stdout);
    const count = /^simulate: (\d+) seeds/m.exec(text)?.[1];
    if (code === 1 && count !== undefined) {
      return { mutant, seeds: Number(count), what: /^seed .*$/m.exec(text)?.[0] ?? "" };
    }
    const why = /error.*$/im.exec(new TextDecoder().decode(stderr))?.[0] ?? "";
    return { mutant, seeds: undefined, what: code === 0 ? "" : `ended with ${code} ${why}` };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function main(options: { seeds: number; only: string; jobs: number }): Promise<number> {
  const chosen = MUTANTS.filter(({ name }) => name.includes(options.only));
  const queue = chosen.values();
  const all: Found[] = [];
  await Promise.all(Array.from({ length: options.jobs }, async () => {
    for (const mutant of queue) {
      const found = await hunt(mutant, options.seeds);
      all.push(found);
      const after = found.seeds === undefined ? "NOT FOUND" : `after ${found.seeds} runs`;
      console.log(`${mutant.name}: ${after}${found.what === "" ? "" : ` (${found.what.slice(0, 160)})`}`);
    }
  }));
  const found = all.filter(({ seeds }) => seeds !== undefined).length;
  const longest = Math.max(1, ...all.map(({ seeds = 0 }) => seeds));
  const control = await hunt(CONTROL, longest);
  if (control.seeds !== undefined) {
    console.log(`without any fault planted: ${control.what}`);
    return 1;
  }
  console.log(`without any fault planted nothing is found in ${longest} runs`);
  console.log(`mutants: ${found} of ${all.length} found within ${options.seeds} seeds`);
  return (all.length - found) * HIDDEN_ONE_IN > all.length ? 1 : 0;
}

await new Command("mutants")
  .option("--seeds <n>", "at most so many for each", whole(1, 100_000), 1000)
  .option("--only <text>", "those whose names have this", "")
  .option("--jobs <j>", "at a time", whole(1, 64), navigator.hardwareConcurrency)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(async (options: { seeds: number; only: string; jobs: number }) => {
    process.exitCode = await main(options);
  })
  .parseAsync([...Deno.args], { from: "user" });
