/**
 * Builds pubsub into one executable: `deno task build [--kind compiled|packed] [--target NAME] …`.
 *
 * With `deno compile` where its runtime can be had (downloaded once, or named by DENORT_BIN); otherwise, and it says
 * so, as a self-extracting executable that holds the Deno runtime of this build (scripts/build/launcher.sh).
 *
 * Guarantee: the output is replaced only by an executable that, where it runs on this machine, has been started
 * once from an empty directory and told its version.
 */
import { parseArgs } from "node:util";
import { reasonOf, UsageError } from "../lib/base/errors.ts";
import { packProgram } from "./build/pack.ts";
import { stageProgram } from "./build/stage.ts";
import { command, runtimeFor, type Target, targetOf } from "./build/targets.ts";

const HELP = `deno task build [options]: pubsub as one executable
  --output FILE            where to (default dist/pubsub, or dist/pubsub-TARGET for another machine)
  --kind auto|compiled|packed
                           compiled: by deno compile. packed: self-extracting. auto (default): compiled, and
                           packed where deno compile cannot fetch its runtime and DENORT_BIN is not set
  --target NAME            machine to build for, e.g. aarch64-unknown-linux-gnu (default: this one)
  --runtime FILE           packed: the deno executable to put in, for that machine
  --runtime-version V      packed, other machine: version of the deno to fetch with npm (default: this deno's)`;

interface Plan {
  readonly root: string;
  readonly output: string;
  readonly kind: string;
  readonly target: Target;
  readonly runtimeFile: string | undefined;
  readonly runtimeVersion: string;
}

function planOf(args: string[]): Plan | undefined {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: "boolean", short: "h" },
      output: { type: "string" },
      kind: { type: "string", default: "auto" },
      target: { type: "string", default: Deno.build.target },
      runtime: { type: "string" },
      "runtime-version": { type: "string", default: Deno.version.deno },
    },
  });
  if (values.help) return undefined;
  if (!["auto", "compiled", "packed"].includes(values.kind)) {
    throw new UsageError(`--kind must be auto, compiled or packed: current value is ${values.kind}`);
  }
  const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const target = targetOf(values.target);
  const own = target.name === Deno.build.target;
  return {
    root: decodeURIComponent(root),
    target,
    kind: values.kind,
    output: values.output ?? `${root}/dist/pubsub${own ? "" : `-${target.name}`}`,
    runtimeFile: values.runtime,
    runtimeVersion: values["runtime-version"],
  };
}

/** By `deno compile`. Throws when its runtime cannot be had. */
async function compile(plan: Plan, stage: string, output: string): Promise<void> {
  await command(Deno.execPath(), [
    "compile",
    "--allow-all",
    "--quiet",
    "--no-check",
    "--no-config",
    "--no-lock",
    "--cached-only",
    "--node-modules-dir=manual",
    "--include=node_modules",
    "--include=mininet",
    `--target=${plan.target.name}`,
    `--output=${output}`,
    "main.js",
  ], stage);
}

/** The self-extracting kind. */
async function pack(plan: Plan, stage: string, output: string, work: string): Promise<void> {
  if (!plan.target.packable) {
    throw new UsageError(
      `A self-extracting executable can be built for Linux only, not for ${plan.target.name}`,
    );
  }
  const choice = { file: plan.runtimeFile, version: plan.runtimeVersion };
  const runtime = await runtimeFor(plan.target, choice, work);
  await packProgram({ stage, runtime, target: plan.target, output });
}

/** Builds into `output`, a file in `work`; gives the kind it became. */
async function produce(plan: Plan, work: string, output: string): Promise<"compiled" | "packed"> {
  const stage = `${work}/stage`;
  await Deno.mkdir(stage);
  await stageProgram(plan.root, stage, plan.target);
  if (plan.kind !== "packed") {
    try {
      await compile(plan, stage, output);
      return "compiled";
    } catch (error) {
      if (plan.kind === "compiled" || Deno.env.get("DENORT_BIN") !== undefined) throw error;
      say(`deno compile cannot have its runtime here (${reasonOf(error)}).`);
      say("Packing a self-extracting executable instead; set DENORT_BIN to a denort executable to compile.");
    }
  }
  await pack(plan, stage, output, work);
  return "packed";
}

/** Starts the new executable alone in an empty directory; gives what it says about itself. */
async function tryOut(executable: string, kind: string): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "pubsub-try-" });
  try {
    await Deno.copyFile(executable, `${directory}/pubsub`);
    const { code, stdout, stderr } = await new Deno.Command(`${directory}/pubsub`, {
      args: ["--version"],
      cwd: directory,
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", PUBSUB_CACHE_DIR: `${directory}/cache` },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    const said = text.decode(stdout).trim();
    const expected = kind === "compiled" ? "deno compile" : "self-extracting";
    if (code === 0 && said.startsWith("pubsub ") && said.includes(expected)) return said;
    const hint = kind === "compiled" && Deno.env.get("DENORT_BIN") !== undefined
      ? " (is DENORT_BIN a denort executable of this Deno's version? the full deno will not do)"
      : "";
    throw new Error(
      `The executable does not start: exit code ${code}, said '${said}' ${text.decode(stderr).trim()}${hint}`,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function build(plan: Plan): Promise<void> {
  const began = performance.now();
  const directory = plan.output.slice(0, plan.output.lastIndexOf("/") + 1) || "./";
  await Deno.mkdir(directory, { recursive: true });
  const work = await Deno.makeTempDir({ dir: directory, prefix: ".build-" });
  try {
    const fresh = `${work}/pubsub`;
    const kind = await produce(plan, work, fresh);
    const runsHere = plan.target.name === Deno.build.target;
    if (runsHere) say(await tryOut(fresh, kind));
    const { size } = await Deno.stat(fresh);
    await Deno.rename(fresh, plan.output);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    say(
      `${plan.output}: ${kind}, ${(size / 1e6).toFixed(1)} MB, built in ${seconds} s` +
        (runsHere ? "" : ", not tried out"),
    );
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function say(line: string): void {
  console.error(line);
}

if (import.meta.main) {
  try {
    const plan = planOf(Deno.args);
    if (plan === undefined) say(HELP);
    else await build(plan);
  } catch (error) {
    say(`build: ${reasonOf(error)}`);
    Deno.exit(error instanceof UsageError || error instanceof TypeError ? 2 : 1);
  }
}
