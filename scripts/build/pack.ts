/**
 * The self-extracting executable: launcher.sh with its blanks filled in, then the gzip-compressed tar archive of
 * the staged program and the Deno runtime (as `pubsub`, so that process lists show that name).
 *
 * The same input gives the same bytes, so the payload's hash names the directory it is unpacked into.
 */
import { createHash } from "node:crypto";
import { gzip } from "node:zlib";
import { promisify } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { RUNTIME_FLAGS } from "../../lib/base/self_command.ts";
import type { Target } from "./targets.ts";
import { filesBelow, type TarEntry, tarOf } from "./tar.ts";

/** What to pack. */
export interface PackInput {
  /** Directory of the staged program. */
  readonly stage: string;
  /** A `deno` executable for the target. */
  readonly runtime: string;
  readonly target: Target;
  /** The file to write. */
  readonly output: string;
  /** gzip's level, 1 to 9. @default 6, as 9 takes twice the time for half a percent. */
  readonly level?: number;
}

/** What was written. */
export interface PackResult {
  readonly bytes: number;
  readonly unpackedBytes: number;
  /** Name of the directory it unpacks into: the beginning of the payload's SHA-256. */
  readonly key: string;
}

/** Characters of a digest that name a directory: 96 bits. */
const KEY_LENGTH = 24;

/** Writes the executable `output` from the staged program and the runtime. */
export async function packProgram(
  { stage, runtime, target, output, level = 6 }: PackInput,
): Promise<PackResult> {
  const entries: TarEntry[] = [{ name: "pubsub", data: await Deno.readFile(runtime), executable: true }];
  for (const name of await filesBelow(stage)) {
    entries.push({ name, data: await Deno.readFile(`${stage}/${name}`), executable: false });
  }
  const payload = new Uint8Array(await promisify(gzip)(tarOf(entries), { level }));
  const key = digestOf(payload).slice(0, KEY_LENGTH);
  const unpackedBytes = entries.reduce((sum, entry) => sum + entry.data.length, 0);
  const launcher = fillLauncher(await Deno.readTextFile(new URL("launcher.sh", import.meta.url)), {
    VERSION: config.version,
    TARGET: target.name,
    KEY: key,
    FILES: entries.map((entry) => entry.name).join(" "),
    SIZES: entries.map((entry) => entry.data.length).join("\n"),
    DIGEST: digestOf(...entries.map((entry) => entry.data)),
    NEED_MIB: String(Math.ceil(unpackedBytes / 2 ** 20)),
    RUNTIME_FLAGS: RUNTIME_FLAGS.join(" "),
  });
  const fresh = `${output}.new`;
  await Deno.writeFile(fresh, launcher);
  await Deno.writeFile(fresh, payload, { append: true });
  await Deno.chmod(fresh, 0o755);
  await Deno.rename(fresh, output);
  return { bytes: launcher.length + payload.length, unpackedBytes, key };
}

/**
 * The launcher with every `@NAME@` replaced, and `@OFFSET@` by the number (from 1) of the first byte behind it,
 * as `tail -c +N` counts.
 */
export function fillLauncher(template: string, values: Record<string, string>): Uint8Array<ArrayBuffer> {
  const filled = Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`@${name}@`, () => value),
    template,
  );
  const encoder = new TextEncoder();
  const blank = "@OFFSET@";
  const length = encoder.encode(filled).length;
  // The number is padded to the width of its blank, so that filling it in does not move the payload.
  const result = filled.replace(blank, String(length + 1).padStart(blank.length, "0"));
  const left = /@[A-Z_]{3,}@/.exec(result);
  if (left !== null) throw new Error(`The launcher has a blank that nobody filled in: ${left[0]}`);
  return encoder.encode(result);
}

/** SHA-256 of these one after the other, in hexadecimal. */
function digestOf(...parts: Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
