/**
 * Runs `deno test` with these arguments, all files in one process; files in which a test failed are run once more, alone.
 *
 *     deno run -A scripts/test_together.ts [argument of deno test …]
 *
 * If they pass then, that is said (`FLAKY: files, tests`) and does not fail the whole; it is to be mended all the same.
 * The last line has the totals as `deno test` prints them. Exit code 1 when a test failed twice, or there is no outcome.
 */
import process from "node:process";
import { type Outcome, outcomeOf } from "./run_tests/outcome.ts";

/** Arguments that are folders or files: others are told again, these are not. */
const PATH = /^[^-].*(?:\/|\.ts)$/;

async function run(
  args: readonly string[],
): Promise<{ code: number; output: string; outcome: Outcome | undefined }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  return { code, output, outcome: outcomeOf(output) };
}

async function main(args: readonly string[]): Promise<number> {
  const first = await run(args);
  const files = first.outcome?.files ?? [];
  // A failure whose file is not known cannot be looked at again.
  const known = first.outcome?.failures.length === first.outcome?.failed;
  if (first.code === 0 || first.outcome === undefined || files.length === 0 || !known) {
    console.log(first.output);
    return first.code;
  }
  // Indented, so that nobody takes its totals for those of the whole.
  console.log(first.output.replace(/^/gm, "    "));
  console.log(`once more, alone: ${files.join(" ")}`);
  const flags = args.filter((arg) => !PATH.test(arg) && arg !== "--parallel" && arg !== "--doc");
  const second = await run([...flags, ...files]);
  const { passed, failed, ignored, failures } = first.outcome;
  if (second.code !== 0) {
    console.log(second.output.replace(/^/gm, "    "));
    console.log(`FAILED: ${files.join(" ")}, ${second.outcome?.failures.join("; ") ?? "no outcome"}`);
    console.log(`FAILED | ${passed} passed | ${failed} failed`);
    return 1;
  }
  console.log(`FLAKY: ${files.join(" ")}, ${failures.join("; ")}`);
  console.log(`ok | ${passed + failed} passed | 0 failed${ignored > 0 ? ` | ${ignored} ignored` : ""}`);
  return 0;
}

process.exitCode = await main(Deno.args);
