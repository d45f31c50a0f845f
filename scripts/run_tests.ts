/**
 * Runs test files side by side, each in a process of its own: most of their time is waiting. Files whose first comment
 * says `Runs alone: why` follow one after the other.
 *
 *     deno run -A scripts/run_tests.ts [--jobs N] [--only together|alone] FILE-OR-FOLDER…
 *
 * A file that fails is run once more, alone: if it passes then, that is said (`FLAKY: file, tests`) and does not fail
 * the whole; it is to be mended all the same. A file without a test has failed. The last line has the totals as `deno test` prints them.
 *
 * Limits: N is 1 to 64, by default three for each processor; a file that has not ended after 10
 * minutes is killed and has failed. Exit code 1 when a test failed twice, 2 for usage.
 */
import process from "node:process";
import { Command, InvalidArgumentError, Option } from "commander";
import { outcomeOf, runsAlone } from "./run_tests/outcome.ts";

/** What a test leaves open fails it, but for what is opened once in a process. */
const LEAKS = ["--sanitize-ops", "--sanitize-resources", "--preload", "tests/harness/libraries.ts"];
const FILE_MS = 600_000;
const MOST_JOBS = 64;

interface Run {
  readonly file: string;
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
  readonly failures: readonly string[];
}

async function* testFiles(path: string): AsyncGenerator<string> {
  const { isFile } = await Deno.stat(path);
  if (isFile) return yield path;
  for await (const entry of Deno.readDir(path)) {
    const below = `${path.replace(/\/$/, "")}/${entry.name}`;
    if (entry.isDirectory) yield* testFiles(below);
    else if (entry.name.endsWith("_test.ts")) yield below;
  }
}

async function run(file: string): Promise<Run> {
  const began = performance.now();
  const late = AbortSignal.timeout(FILE_MS);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--quiet", "--no-check", ...LEAKS, file],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: late,
  });
  const { code, signal, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  const seconds = (performance.now() - began) / 1000;
  const outcome = outcomeOf(output);
  const ended = `ended with ${signal ?? `code ${code}`}`;
  if (outcome !== undefined && !late.aborted) {
    const empty = outcome.passed + outcome.failed + outcome.ignored === 0;
    const ok = code === 0 && outcome.failed === 0 && !empty;
    const failures = ok || outcome.failures.length > 0
      ? outcome.failures
      : [empty ? "it has no test" : ended];
    return { file, output, seconds, ...outcome, ok, failures };
  }
  const how = late.aborted ? `not ended after ${FILE_MS / 1000} s` : ended;
  return { file, ok: false, output, seconds, passed: 0, failed: 1, ignored: 0, failures: [how] };
}

function tell({ file, ok, output, seconds, passed, failed, ignored }: Run): void {
  const counts = `${passed} passed, ${failed} failed${ignored > 0 ? `, ${ignored} ignored` : ""}`;
  // Indented, so that nobody takes its totals for those of the whole.
  if (!ok) console.log(output.replace(/^/gm, "    "));
  console.log(
    `${ok ? "ok" : "FAILED"}  ${file}: ${counts.replace(", 0 failed", "")} (${seconds.toFixed(1)} s)`,
  );
}

/** Runs them, `jobs` at a time. */
async function runAll(files: readonly string[], jobs: number): Promise<Run[]> {
  const runs: Run[] = [];
  const waiting = [...files];
  await Promise.all(Array.from({ length: jobs }, async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await run(file);
      tell(result);
      runs.push(result);
    }
  }));
  return runs;
}

async function main(paths: readonly string[], jobs: number, only?: string): Promise<number> {
  const began = performance.now();
  const files = new Map<string, string>();
  for (const path of paths) {
    for await (const file of testFiles(path)) files.set(file, await Deno.readTextFile(file));
  }
  if (files.size === 0) throw new Error(`no test file in ${paths.join(" ")}`);
  // The longest texts first: a file that takes long is not to begin last.
  const ordered = [...files].sort(([, one], [, other]) => other.length - one.length);
  const chosen = (isAlone: boolean) => only === undefined || (only === "alone") === isAlone;
  const those = (isAlone: boolean) =>
    ordered.filter(([, text]) => chosen(isAlone) && runsAlone(text) === isAlone).map(([file]) => file);
  const [alone, together] = [those(true), those(false)];
  if (alone.length + together.length === 0) throw new Error(`none of the test files runs ${only}`);
  console.log(`${together.length} files ${jobs} at a time, then ${alone.length} alone`);
  const first = [...await runAll(together, jobs), ...await runAll(alone, 1)];
  const again = first.filter(({ ok }) => !ok).map(({ file }) => file);
  if (again.length > 0) console.log(`\nonce more, alone: ${again.join(" ")}`);
  const second = await runAll(again, 1);
  for (const { file } of second.filter(({ ok }) => ok)) {
    const { failures } = first.find((one) => one.file === file)!;
    console.log(`FLAKY: ${file}, ${failures.join("; ")}`);
  }
  const last = [...first.filter(({ ok }) => ok), ...second];
  const sum = (of: (run: Run) => number) => last.reduce((all, each) => all + of(each), 0);
  const failed = sum((each) => each.ok ? 0 : Math.max(1, each.failed));
  const ignored = sum((each) => each.ignored);
  const seconds = Math.round((performance.now() - began) / 1000);
  for (const { file, failures } of last.filter(({ ok }) => !ok)) {
    console.log(`FAILED: ${file}, ${failures.join("; ")}`);
  }
  console.log(
    `\n${failed === 0 ? "ok" : "FAILED"} | ${sum((each) => each.passed)} passed | ${failed} failed${
      ignored > 0 ? ` | ${ignored} ignored` : ""
    } (${seconds}s)`,
  );
  return failed === 0 ? 0 : 1;
}

function jobsOf(text: string): number {
  const jobs = Number(text);
  if (/^\d+$/.test(text) && jobs >= 1 && jobs <= MOST_JOBS) return jobs;
  throw new InvalidArgumentError(`must be 1 to ${MOST_JOBS}.`);
}

await new Command("run_tests")
  .argument("<path...>", "test files, or folders with them")
  .option(
    "--jobs <n>",
    "files at a time",
    jobsOf,
    Math.min(MOST_JOBS, 3 * navigator.hardwareConcurrency),
  )
  .addOption(
    new Option("--only <which>", "those that run side by side, or alone").choices(["together", "alone"]),
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(async (paths: string[], { jobs, only }: { jobs: number; only?: string }) => {
    process.exitCode = await main(paths, jobs, only).catch((error) => {
      console.error(`run_tests: ${error instanceof Error ? error.message : error}`);
      return 2;
    });
  })
  .parseAsync([...Deno.args], { from: "user" });
