/**
 * The program as it is delivered: bundled JavaScript, the native ZeroMQ library of one machine, nothing else.
 *
 * Layout of the staged directory:
 *
 *     main.js + chunks            bundled; a chunk is loaded when its role is started (echarts only by `report`)
 *     packed.json                 marks the packed program for lib/base/build_info.ts
 *     node_modules/zeromq/…       kept as files, because its loader looks for the native library beside itself
 *     node_modules/cmake-ts/…     that loader
 *     mininet/network.py          read by `perf --mininet`
 */
import { PACKED_MARK } from "../../lib/base/build_info.ts";
import { command, type Target } from "./targets.ts";

/** One entry of zeromq's build/manifest.json: which native library is for which machine. */
interface AddonKey {
  os: string;
  arch: string;
  libc: string;
  abi: number;
}

/**
 * Bundles the program `entry` of the project at `root`, and copies what it needs at run time, into the empty
 * directory `stage`.
 *
 * @param entry A file called `main.ts`. @default the project's own
 */
export async function stageProgram(
  root: string,
  stage: string,
  target: Target,
  entry = `${root}/main.ts`,
): Promise<void> {
  await bundle(root, stage, entry);
  await copyZeromq(`${root}/node_modules/zeromq`, `${stage}/node_modules/zeromq`, target);
  await copyLoader(await loaderOf(root), `${stage}/node_modules/cmake-ts`);
  await Deno.mkdir(`${stage}/mininet`);
  await Deno.copyFile(`${root}/mininet/network.py`, `${stage}/mininet/network.py`);
  await Deno.writeTextFile(`${stage}/${PACKED_MARK}`, JSON.stringify({ target: target.name }) + "\n");
}

async function bundle(root: string, stage: string, entry: string): Promise<void> {
  await command(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--platform=deno",
    "--code-splitting",
    "--external=zeromq",
    "--external=playwright-core",
    `--outdir=${stage}`,
    entry,
  ], root);
}

async function copyZeromq(from: string, to: string, target: Target): Promise<void> {
  await Deno.mkdir(`${to}/build`, { recursive: true });
  await Deno.copyFile(`${from}/package.json`, `${to}/package.json`);
  await copyScripts(`${from}/lib`, `${to}/lib`);
  const manifest = JSON.parse(await Deno.readTextFile(`${from}/build/manifest.json`)) as Record<
    string,
    string
  >;
  const chosen = chooseAddon(manifest, target);
  await Deno.writeTextFile(`${to}/build/manifest.json`, JSON.stringify({ [chosen.key]: chosen.path }) + "\n");
  await Deno.mkdir(`${to}/build/${chosen.path.slice(0, chosen.path.lastIndexOf("/"))}`, { recursive: true });
  await Deno.copyFile(`${from}/build/${chosen.path}`, `${to}/build/${chosen.path}`);
}

/** The entry of zeromq's manifest that its loader would take on `target`: the highest ABI for that machine. */
export function chooseAddon(manifest: Record<string, string>, target: Target): { key: string; path: string } {
  const fitting = Object.entries(manifest)
    .map(([key, path]) => ({ key, path, about: JSON.parse(key) as AddonKey }))
    .filter(({ about }) =>
      about.os === target.addon.os && about.arch === target.addon.arch && about.libc === target.addon.libc
    )
    .sort((one, other) => other.about.abi - one.about.abi);
  const first = fitting[0];
  if (first === undefined) throw new Error(`zeromq has no prebuilt library for ${target.name}`);
  return { key: first.key, path: first.path };
}

/** Copies a folder's `.js` files, leaving typings and source maps behind. */
async function copyScripts(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    if (entry.isDirectory && !entry.name.startsWith("ts")) {
      await copyScripts(`${from}/${entry.name}`, `${to}/${entry.name}`);
    } else if (entry.isFile && entry.name.endsWith(".js")) {
      await Deno.copyFile(`${from}/${entry.name}`, `${to}/${entry.name}`);
    }
  }
}

/** Directory of the cmake-ts package that zeromq uses. */
async function loaderOf(root: string): Promise<string> {
  const zeromq = await Deno.realPath(`${root}/node_modules/zeromq`);
  return await Deno.realPath(`${zeromq}/../cmake-ts`);
}

async function copyLoader(from: string, to: string): Promise<void> {
  await Deno.mkdir(`${to}/build`, { recursive: true });
  await Deno.copyFile(`${from}/package.json`, `${to}/package.json`);
  await Deno.copyFile(`${from}/build/loader.js`, `${to}/build/loader.js`);
}
