/**
 * What kind of program this is: run from its source files, one executable made by `deno compile`, or the
 * self-extracting executable of `scripts/build.ts`. `pubsub --version` prints {@link describeBuild}.
 *
 * Guarantee: reading it never fails; what cannot be read (no permission, no file) counts as "source".
 */
import config from "../../deno.json" with { type: "json" };

/** How the running program was delivered. */
export type BuildKind = "source" | "compiled" | "packed";

/** The facts about the running program. */
export interface BuildInfo {
  /** Version of pubsub, from deno.json. */
  readonly version: string;
  readonly kind: BuildKind;
  /** Version of the Deno runtime that runs it. */
  readonly runtime: string;
  /** For which machine it was built, e.g. `x86_64-unknown-linux-gnu`. */
  readonly target: string;
  /** `packed` only: where the executable has unpacked itself. */
  readonly unpackedAt?: string;
}

/** File beside the packed program that marks it; written by `scripts/build.ts`. */
export const PACKED_MARK = "packed.json";

/** Directory of the packed program, or undefined when this is not one. */
function packedRoot(): string | undefined {
  // In the packed program every module is bundled into its root directory; in the source tree this is lib/base/.
  const directory = import.meta.dirname;
  if (directory === undefined) return undefined;
  try {
    return Deno.statSync(`${directory}/${PACKED_MARK}`).isFile ? directory : undefined;
  } catch {
    return undefined;
  }
}

/** What the running program is. */
export function buildInfo(): BuildInfo {
  const common = { version: config.version, runtime: Deno.version.deno, target: Deno.build.target };
  if (Deno.build.standalone) return { ...common, kind: "compiled" };
  const root = packedRoot();
  if (root !== undefined) return { ...common, kind: "packed", unpackedAt: root };
  return { ...common, kind: "source" };
}

const KIND_TEXT: Record<BuildKind, string> = {
  source: "run from source",
  compiled: "one executable, deno compile",
  packed: "one executable, self-extracting",
};

/** One line for `--version`, e.g. `pubsub 0.1.0 (run from source; Deno 2.9.6, x86_64-unknown-linux-gnu)`. */
export function describeBuild(info: BuildInfo = buildInfo()): string {
  const place = info.unpackedAt === undefined ? "" : `, unpacked in ${info.unpackedAt}`;
  return `pubsub ${info.version} (${KIND_TEXT[info.kind]}; Deno ${info.runtime}, ${info.target}${place})`;
}

/** Directory that holds the program's own files, such as `mininet/network.py`: the source tree or what was unpacked. */
export function programRoot(): string {
  const info = buildInfo();
  if (info.unpackedAt !== undefined) return info.unpackedAt;
  const directory = import.meta.dirname ?? "";
  return info.kind === "compiled" ? directory : `${directory}/../..`;
}
