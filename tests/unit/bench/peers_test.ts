/** The comparison with other systems has a configuration of its own: what it installs is not for everybody. */
import assert from "node:assert/strict";
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../../", import.meta.url);
const IMPORT = /^(?:import|export)\s[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

/** Every package that a file reaches through imports, by name. */
function packagesOf(file: URL, seen = new Set<string>(), packages = new Set<string>()): Set<string> {
  if (seen.has(file.href)) return packages;
  seen.add(file.href);
  for (const match of Deno.readTextFileSync(file).matchAll(IMPORT)) {
    const name = match[1] ?? match[2] ?? match[3]!;
    if (name.startsWith(".")) packagesOf(new URL(name, file), seen, packages);
    else if (!name.startsWith("node:") && !isAbsolute(name)) packages.add(name);
  }
  return packages;
}

function importsOf(path: string): Record<string, string> {
  return JSON.parse(Deno.readTextFileSync(new URL(path, ROOT))).imports;
}

Deno.test({
  name: "the comparison has every package that it reaches, in the version of the rest",
  ignore: Deno.permissions.querySync({ name: "read", path: fileURLToPath(ROOT) }).state !== "granted",
  fn() {
    const theirs = importsOf("tests/bench/peers/deno.json");
    const ours = importsOf("deno.json");
    for (const script of ["compare.ts", "mqtt_client.ts", "nats_client.ts"]) {
      const packages = packagesOf(new URL(`tests/bench/peers/${script}`, ROOT));
      assert.ok(packages.size > 0);
      for (const name of packages) assert.ok(name in theirs, `${script} imports ${name}`);
    }
    for (const [name, version] of Object.entries(theirs)) {
      if (name in ours) assert.equal(version, ours[name]);
    }
  },
});
