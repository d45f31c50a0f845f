/**
 * How to start another pubsub process of the same kind as this one: from source, compiled or packed.
 *
 * Guarantee: the command is absolute, so it works from any working directory, and `Deno.Command` on it gives a
 * process whose pid and signals are the program's own (no wrapper in between).
 */
import { buildInfo } from "./build_info.ts";

/** A program and the arguments that go before pubsub's own. */
export interface SelfCommand {
  /** The program. */
  readonly command: string;
  /** What goes before the arguments. */
  readonly args: string[];
}

/**
 * The command that starts pubsub again.
 *
 * @example Start a broker of a new zone
 * ```ts ignore
 * const self = selfCommand();
 * const child = new Deno.Command(self.command, { args: [...self.args, "broker", "--zone", "2"] }).spawn();
 * ```
 */
export function selfCommand(): SelfCommand {
  const command = Deno.execPath();
  const info = buildInfo();
  if (info.kind === "compiled") return { command, args: [] };
  if (info.unpackedAt !== undefined) {
    return { command, args: ["run", ...RUNTIME_FLAGS, `${info.unpackedAt}/main.js`] };
  }
  const main = new URL("../../main.ts", import.meta.url);
  return {
    command,
    args: ["run", "-A", "--node-modules-dir=manual", main.protocol === "file:" ? pathOf(main) : main.href],
  };
}

/** Flags of `deno run` that the packed program needs; its launcher uses the same. */
export const RUNTIME_FLAGS: readonly string[] = [
  "-A",
  "--quiet",
  "--no-config",
  "--no-lock",
  "--cached-only",
  "--node-modules-dir=manual",
];

function pathOf(url: URL): string {
  return decodeURIComponent(url.pathname);
}
