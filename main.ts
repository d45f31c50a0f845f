/**
 * The executable: the only file that reads the arguments, handles signals and exits.
 *
 * Exit codes: 0 done, or left cleanly on Ctrl-C, SIGTERM, SIGHUP or a closed standard output; 1 failed, with one
 * line on standard error (and a stack with `--verbose`); 2 a mistake in the arguments; 130 and 143 a second Ctrl-C
 * or SIGTERM, at once.
 */
import { checkArgumentBytes } from "./cli/argument_bytes.ts";
import type { Launch } from "./cli/host.ts";
import { runProgram } from "./cli/program.ts";
import { StandardError } from "./cli/standard_error.ts";
import { takeBackStandardOutput, writeStandardOutput } from "./cli/descriptor.ts";
import { StandardOutput } from "./cli/standard_output.ts";
import { reasonOf, UsageError } from "./lib/base/errors.ts";
import { configureLogging, logger } from "./lib/base/log.ts";
import { printable } from "./lib/base/printable.ts";
import { replaceProcess } from "./lib/base/replace_process.ts";

const leaving = new AbortController();
const stdout = new StandardOutput(writeStandardOutput, () => leaving.abort(), takeBackStandardOutput);
const stderr = new StandardError(Deno.stderr);
let verbose = Deno.args.includes("--verbose") || Deno.args.includes("-v");

/** One line that is no log record. Much of what it says comes from outside. */
function note(line: string): void {
  stderr.line(printable(line));
}

function fail(error: unknown): number {
  if (error === leaving.signal.reason) {
    note("stopped before it was done");
    return 1;
  }
  note(`error: ${reasonOf(error)}`);
  if (error instanceof UsageError) return 2;
  if (verbose) Deno.inspect(error).split("\n").forEach(note);
  return 1;
}

/** Whether whoever started us (nohup, for instance) asked that this signal be ignored. */
function ignoredFromStart(bit: number): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) >> BigInt(bit - 1) & 1n) === 1n;
  } catch {
    return false;
  }
}

let hangUpIgnored = false;

function handleSignals(): void {
  const leave = (exitCode: number) => () => {
    if (leaving.signal.aborted) Deno.exit(exitCode);
    logger("main").info("leaving; once more to leave at once");
    leaving.abort();
  };
  // Asked first: with the first listener Deno takes every signal that ends a process into its own hands, ignored or
  // not. So whoever wants SIGHUP ignored gets a listener that does nothing. (Run from source beside other starting
  // processes, Deno has listened already while it waited for node_modules: then the wish cannot be seen any more.)
  hangUpIgnored = ignoredFromStart(1);
  Deno.addSignalListener("SIGINT", leave(130));
  if (Deno.build.os === "windows") return;
  Deno.addSignalListener("SIGTERM", leave(143));
  Deno.addSignalListener("SIGHUP", hangUpIgnored ? () => {} : leave(129));
}

let exitCode = 0;
let beginsAnew = false;

async function launch(role: Launch): Promise<void> {
  verbose = role.verbose;
  configureLogging(verbose ? "debug" : role.quiet ? "warning" : "info", (line) => stderr.line(line));
  handleSignals();
  if (role.dieAfterMs !== undefined) setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), role.dieAfterMs);
  exitCode = await role.run({
    signal: leaving.signal,
    out: (line) => stdout.out(line),
    outBytes: (bytes) => stdout.outBytes(bytes),
    takeBack: takeBackStandardOutput,
    beginAnew: () => beginsAnew = true,
    note,
  }) ?? 0;
}

// A background task whose failure nobody took: told in one line like every other failure.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  Deno.exit(fail(event.reason));
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  Deno.exit(fail(event.error));
});

/** Waits for the reader of standard output; when we are leaving, for a second only. */
async function flushOutput(): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const giveUp = () => setTimeout(timer.resolve, 1000);
  if (leaving.signal.aborted) giveUp();
  else leaving.signal.addEventListener("abort", giveUp, { once: true });
  await Promise.race([stdout.flush(), timer.promise]);
}

/** Waits for the reader of standard error, for a second. */
async function flushErrors(): Promise<void> {
  const timer = Promise.withResolvers<void>();
  setTimeout(timer.resolve, 1000);
  await Promise.race([stderr.flush(), timer.promise]);
}

/** @throws {UsageError} when it is not UTF-8. */
function zookeeperVariable(): string | undefined {
  try {
    return Deno.env.get("PUBSUB_ZOOKEEPER");
  } catch (cause) {
    throw new UsageError("PUBSUB_ZOOKEEPER is not UTF-8", { cause });
  }
}

function readCommandLine(): Uint8Array | undefined {
  try {
    return Deno.readFileSync("/proc/self/cmdline");
  } catch {
    return undefined;
  }
}

try {
  checkArgumentBytes(Deno.args, readCommandLine);
  await runProgram(Deno.args, {
    zookeeper: zookeeperVariable(),
    terminal: Deno.stdout.isTerminal(),
    launch,
    out: (text) => stdout.out(text.replace(/\n$/, "")),
    remark: (line) => note(`warning: ${line}`),
  });
  await flushOutput();
} catch (error) {
  beginsAnew = false;
  exitCode = fail(error);
  await flushOutput().catch(() => {});
}
await flushErrors();
// Time for a signal that has come to be heard.
if (beginsAnew) await new Promise((resolve) => setTimeout(resolve, 0));
if (beginsAnew && !leaving.signal.aborted) {
  try {
    replaceProcess(hangUpIgnored);
  } catch (error) {
    exitCode = fail(error);
    await flushErrors();
  }
}
Deno.exit(exitCode);
