/**
 * The machines an executable can be built for, and where the Deno runtime for each comes from.
 *
 * The runtime of this machine is the one that runs the build. Another machine's is taken out of the npm package
 * that carries it (`npm pack`), or given as a file with `--runtime`.
 */
import { UsageError } from "../../lib/base/errors.ts";

/** A machine to build for. */
export interface Target {
  /** Deno's name of it, as `Deno.build.target`. */
  readonly name: string;
  /** The npm package that holds its runtime. */
  readonly runtimePackage: string;
  /** How zeromq's manifest names it. */
  readonly addon: { readonly os: string; readonly arch: string; readonly libc: string };
  /** Whether the self-extracting kind can be built for it (a POSIX shell and GNU or busybox tools). */
  readonly packable: boolean;
}

/** Every target. Windows is left out: the program's signals and Mininet mean POSIX. */
export const TARGETS: readonly Target[] = [
  {
    name: "x86_64-unknown-linux-gnu",
    runtimePackage: "@deno/linux-x64-glibc",
    addon: { os: "linux", arch: "x64", libc: "glibc" },
    packable: true,
  },
  {
    name: "aarch64-unknown-linux-gnu",
    runtimePackage: "@deno/linux-arm64-glibc",
    addon: { os: "linux", arch: "arm64", libc: "glibc" },
    packable: true,
  },
  {
    name: "x86_64-apple-darwin",
    runtimePackage: "@deno/darwin-x64",
    addon: { os: "darwin", arch: "x64", libc: "libc" },
    packable: false,
  },
  {
    name: "aarch64-apple-darwin",
    runtimePackage: "@deno/darwin-arm64",
    addon: { os: "darwin", arch: "arm64", libc: "libc" },
    packable: false,
  },
];

/** The target called `name`. */
export function targetOf(name: string): Target {
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (target !== undefined) return target;
  throw new UsageError(
    `Cannot build for '${name}': the targets are ${TARGETS.map((known) => known.name).join(", ")}`,
  );
}

/** Where to take a runtime from. */
export interface RuntimeChoice {
  /** A `deno` executable for the target, if the user has one. */
  readonly file: string | undefined;
  /** The version to fetch when the target is another machine. */
  readonly version: string;
}

/** Path of a `deno` executable that runs on `target`. A fetched one is put into `directory`. */
export async function runtimeFor(target: Target, choice: RuntimeChoice, directory: string): Promise<string> {
  if (choice.file !== undefined) return choice.file;
  if (target.name === Deno.build.target && choice.version === Deno.version.deno) return Deno.execPath();
  const packed = await command(
    "npm",
    ["pack", "--silent", `${target.runtimePackage}@${choice.version}`],
    directory,
  )
    .catch((cause: unknown) => {
      throw new UsageError(
        `Cannot fetch ${target.runtimePackage}@${choice.version} with 'npm pack': name another version with ` +
          "--runtime-version, or a deno executable for that machine with --runtime",
        { cause },
      );
    });
  const archive = packed.trim().split("\n").at(-1) ?? "";
  await command("tar", ["-xzf", archive, "package/deno"], directory);
  return `${directory}/package/deno`;
}

/** Runs a command to its end and gives its standard output. */
export async function command(name: string, args: string[], cwd?: string): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(name, {
    args,
    ...(cwd === undefined ? {} : { cwd }),
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new Error(`${name} ${args[0]} failed with code ${code}: ${rootCause(text.decode(stderr))}`);
}

/** What a tool says went wrong: the innermost cause, where it lists causes, else its first two lines. */
export function rootCause(output: string): string {
  const said = output.split(/^Stack backtrace:/m)[0] ?? "";
  const lines = said.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  if (lines.length === 0) return "it said nothing";
  if (lines.includes("Caused by:")) return lines.at(-1)?.replace(/^\d+:\s*/, "") ?? "";
  return lines.slice(0, 2).join(" ").replace(/^error:\s*/, "");
}
