/** An independent client's expectations (`kazoo_checks.py`), of the embedded server and of Apache ZooKeeper. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ZooKeeperServer } from "../../../lib/zookeeper_server/server.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { apacheInstalled, startCoordinator } from "../../harness/zookeeper.ts";

const PYTHON = "/usr/bin/python3";
const CHECKS = fileURLToPath(new URL("../../interop/kazoo_checks.py", import.meta.url));

function kazooIsInstalled(): boolean {
  if (!unrestricted) return false;
  try {
    const args = ["-c", "import kazoo"];
    return new Deno.Command(PYTHON, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

async function expectAllToPass(address: string): Promise<void> {
  const { stdout, stderr } = await new Deno.Command(PYTHON, { args: [CHECKS, address] }).output();
  const text = new TextDecoder().decode(stdout);
  const summary = text.trim().split("\n").at(-1);
  const told = text.split("\n").filter((line) => !line.startsWith("ok ")).join("\n");
  assert.match(summary ?? "", /^[1-9]\d* passed, 0 failed$/, `${told}\n${new TextDecoder().decode(stderr)}`);
}

const kazoo = kazooIsInstalled();
if (unrestricted && !kazoo) console.warn("python3-kazoo is NOT INSTALLED: its checks are left out.");

function name(sentence: string, installed: boolean): string {
  return unrestricted && !installed ? `${sentence} (IGNORED: not installed)` : title(sentence);
}

Deno.test({
  name: name("Kazoo's checks pass against the embedded server", kazoo),
  ignore: !kazoo,
  fn: async () => {
    await using server = await ZooKeeperServer.start({
      words: ["ruok", "srvr", "envi"],
      listen: "127.0.0.1:0",
      tickTimeMs: 500,
    });
    await expectAllToPass(server.address);
    assert.equal(server.stats().watches, 0, "no client is left, and no watch");
  },
});

Deno.test({
  name: name("Kazoo's checks pass against the embedded server with a data directory", kazoo),
  ignore: !kazoo,
  fn: async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "zookeeper-kazoo-" });
    try {
      const limits = { logBytesPerSnapshot: 100_000 };
      await using server = await ZooKeeperServer.start({
        words: ["ruok", "srvr", "envi"],
        listen: "127.0.0.1:0",
        tickTimeMs: 500,
        dataDir,
        limits,
      });
      await expectAllToPass(server.address);
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  },
});

Deno.test({
  name: name("Kazoo's checks pass against Apache ZooKeeper", kazoo && apacheInstalled()),
  ignore: !kazoo || !apacheInstalled(),
  fn: async () => {
    await using apache = await startCoordinator({ backend: "apache", tickMs: 500 });
    await expectAllToPass(apache.servers);
  },
});
