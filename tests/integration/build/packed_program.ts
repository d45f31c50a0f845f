/** For the launcher's tests: one packed executable for all of them, and starting it under chosen conditions. */
import { unrestricted } from "../../harness/permissions.ts";
import { packProgram } from "../../../scripts/build/pack.ts";
import { stageProgram } from "../../../scripts/build/stage.ts";
import { targetOf } from "../../../scripts/build/targets.ts";

const ROOT = decodeURIComponent(new URL("../../..", import.meta.url).pathname).replace(/\/$/, "");

/** Bytes of the small runtime: enough to be cut. */
const SMALL_BYTES = 2_000_000;

const packed = new Map<string, Promise<string>>();

/**
 * Path of a packed executable of fixture/main.ts, made once and removed when the test process ends. How it is unpacked
 * does not depend on what its runtime is: `small` is one that starts the one that is here, and is unpacked in no time.
 */
export function packedFixture(kind: "whole" | "small" = "small"): Promise<string> {
  return packed.getOrInsertComputed(kind, async () => {
    const directory = await Deno.makeTempDir({ prefix: "pubsub-launcher-" });
    addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
    const target = targetOf(Deno.build.target);
    const stage = `${directory}/stage`;
    await Deno.mkdir(stage);
    await stageProgram(ROOT, stage, target, new URL("fixture/main.ts", import.meta.url).pathname);
    const runtime = kind === "whole" ? Deno.execPath() : await smallRuntime(directory);
    const output = `${directory}/pubsub`;
    await packProgram({ stage, runtime, target, output, level: 1 });
    await Deno.remove(stage, { recursive: true });
    return output;
  });
}

async function smallRuntime(directory: string): Promise<string> {
  const path = `${directory}/runtime`;
  const filler = new Uint8Array(SMALL_BYTES);
  for (let at = 0; at < SMALL_BYTES; at += 65_536) {
    crypto.getRandomValues(filler.subarray(at, Math.min(at + 65_536, SMALL_BYTES)));
  }
  const script = `#!/bin/sh\nexec '${Deno.execPath()}' "$@"\n# ${filler.toBase64()}\n`;
  await Deno.writeTextFile(path, script);
  return path;
}

/** What a finished process said. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command with nothing in its environment but `env` and a PATH. */
export async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<Said> {
  const result = await new Deno.Command(command, {
    args,
    clearEnv: true,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return {
    code: result.code,
    out: text.decode(result.stdout).trim(),
    err: text.decode(result.stderr).trim(),
  };
}

/** A fresh directory for the length of `body`. */
export async function inTempDir(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "pubsub-launcher-test-" });
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The names in a directory, without the lock. */
export async function namesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(directory)) if (entry.name !== ".lock") names.push(entry.name);
  return names;
}

/** Whether this user may mount file systems in a namespace of its own. */
export const mayMount: boolean = unrestricted && Deno.build.os === "linux" &&
  new Deno.Command("sh", { args: ["-c", "unshare -rm mount -t tmpfs none /mnt"], stderr: "null" })
    .outputSync().success;

/** Runs a shell script in a mount namespace of its own, so that it can mount file systems. */
export function inMountNamespace(script: string, env: Record<string, string>): Promise<Said> {
  return run("unshare", ["-rm", "sh", "-ec", script], env);
}
