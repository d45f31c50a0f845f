/** What a command loads before it is asked to do something: start-up time, and commands that work without sockets. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { title, unrestricted } from "../../harness/permissions.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

interface Module {
  specifier: string;
  dependencies?: { specifier: string; isDynamic?: boolean; code?: { specifier: string } }[];
}

/** Every module and package that is loaded with `path`, without what is imported later, on demand. */
async function loadedWith(path: string): Promise<Set<string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", path], cwd: ROOT })
    .output();
  const { modules, redirects } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: Module[];
    redirects: Record<string, string>;
  };
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const visit = (specifier: string) => {
    const real = redirects[specifier] ?? specifier;
    if (loaded.has(real)) return;
    loaded.add(real);
    for (const { code, isDynamic } of bySpecifier.get(real)?.dependencies ?? []) {
      if (code && !isDynamic) visit(code.specifier);
    }
  };
  visit(new URL(path, `file://${ROOT}`).href);
  assert.ok(loaded.size > 3, `${path} loads nothing: is the answer of deno info understood?`);
  return loaded;
}

function packagesOf(loaded: Set<string>): string[] {
  return [...loaded].map((specifier) => /npm:\/?((?:@[^/]+\/)?[^@/]+)/.exec(specifier)?.[1]).filter((name) =>
    name !== undefined
  );
}

Deno.test({
  name: title("help, version and a mistyped flag load the command line and nothing else"),
  ignore: !unrestricted,
  async fn() {
    const loaded = await loadedWith("main.ts");
    const packages = packagesOf(loaded);
    assert.ok(packages.includes("commander"), packages.join(" "));
    for (const heavy of ["zeromq", "node-zookeeper-client", "echarts", "zod", "hdr-histogram-js"]) {
      assert.ok(!packages.includes(heavy), `${heavy} is loaded`);
    }
    assert.ok(![...loaded].some((specifier) => specifier.includes("/roles/")), "a role is loaded");
  },
});

Deno.test({
  name: title("status and clear work without ZeroMQ"),
  ignore: !unrestricted,
  async fn() {
    const isSocket = (specifier: string) => specifier.includes("/lib/zmq/");
    assert.ok([...await loadedWith("roles/broker.ts")].some(isSocket), "a broker loads lib/zmq");
    for (const role of ["roles/status.ts", "roles/clear.ts"]) {
      const loaded = await loadedWith(role);
      const packages = packagesOf(loaded);
      assert.ok(packages.includes("node-zookeeper-client"), packages.join(" "));
      assert.ok(!packages.includes("zeromq"), `${role} loads zeromq`);
      assert.ok(![...loaded].some(isSocket), `${role} loads lib/zmq`);
    }
  },
});
