/** Mininet networks: up, usable, and gone however they end. Needs root and Debian's mininet. */
import assert from "node:assert/strict";
import { mininetHosts, type MininetOptions } from "../../../lib/perf/mininet.ts";
import { parseNetwork } from "../../../lib/perf/network.ts";
import { PubsubError } from "../../../lib/base/errors.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

const able = unrestricted && Deno.build.os === "linux" && Deno.uid() === 0 &&
  new Deno.Command("/bin/sh", {
    args: ["-c", "command -v mnexec brctl && /usr/bin/python3 -c 'import mininet.net'"],
  })
    .outputSync().success;

function test(name: string, body: (options: MininetOptions) => Promise<void>): void {
  Deno.test({
    name: title(name) + (unrestricted && !able ? " (ignored: needs root and Mininet)" : ""),
    ignore: !able,
    fn: async () => {
      const directory = await Deno.makeTempDir({ prefix: "pubsub-mininet-test-" });
      try {
        await body({
          network: parseNetwork("tree:2,2"),
          switchKind: "linuxbridge",
          linkDelay: null,
          bandwidthMbit: null,
          log: `${directory}/mininet.log`,
        });
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

const never = new AbortController().signal;

async function output(command: readonly string[]): Promise<{ code: number; text: string }> {
  const [name = "", ...args] = command;
  const { code, stdout } = await new Deno.Command(name, { args, stdin: "null", stderr: "null" }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

/** Interfaces of Mininet's switches and hosts on this machine. */
async function interfaces(): Promise<string[]> {
  return [...(await output(["ip", "-o", "link"])).text.matchAll(/\b(s\d+(?:-eth\d+)?)[@:]/g)].map((match) =>
    match[1] ?? ""
  );
}

test("the hosts of a tree reach each other; afterwards nothing is left of it", async (options) => {
  let sleeper: Deno.ChildProcess;
  {
    await using network = await mininetHosts(options, never);
    assert.deepEqual(network.hosts.map((host) => host.address), [
      "10.0.0.1",
      "10.0.0.2",
      "10.0.0.3",
      "10.0.0.4",
    ]);
    const [first, , , last] = network.hosts;
    assert.ok(first !== undefined && last !== undefined);
    const ping = await output(first.wrap(["ping", "-c", "1", "-W", "5", last.address]));
    assert.equal(ping.code, 0, ping.text);
    const [name = "", ...args] = last.wrap(["sleep", "600"]);
    sleeper = new Deno.Command(name, { args, stdin: "null" }).spawn();
    // The process is in the host only once mnexec has entered it.
    const deadline = performance.now() + 10_000;
    while ((await Deno.readTextFile(`/proc/${sleeper.pid}/comm`)).trim() !== "sleep") {
      assert.ok(performance.now() < deadline, "mnexec did not become sleep");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.ok((await interfaces()).includes("s1"));
  }
  assert.equal((await sleeper.status).signal, "SIGKILL", "what still ran in a host was killed");
  assert.deepEqual(await interfaces(), []);
});

test("a network whose owner is killed removes itself", async ({ log }) => {
  const script = new URL("../../../mininet/network.py", import.meta.url).pathname;
  const owner = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `sleep 600 | /usr/bin/python3 '${script}' serve --topo single,4 2>>'${log}' & echo $!; wait`,
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = owner.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"hosts"')) {
    text += (await reader.read()).value ?? assert.fail(`ended early: ${text}`);
  }
  const python = Number(text.split("\n")[0]);
  const siblings = (await output(["ps", "-o", "pid=,comm=", "--ppid", String(owner.pid)])).text;
  const pid = Number(/(\d+) sleep/.exec(siblings)?.[1]);
  assert.ok(pid > 0 && python > 0, siblings);
  Deno.kill(pid, "SIGKILL");
  assert.equal((await owner.status).success, true);
  await reader.cancel();
  assert.deepEqual(await interfaces(), []);
});

test("a queue discipline or a switch that this kernel lacks is said before anything is built", async (options) => {
  const netem = await output([
    "unshare",
    "-n",
    "tc",
    "qdisc",
    "add",
    "dev",
    "lo",
    "root",
    "netem",
    "delay",
    "1ms",
  ]);
  if (netem.code !== 0) {
    const tried = mininetHosts({ ...options, linkDelay: "5ms" }, never);
    await assert.rejects(
      tried,
      (error) =>
        error instanceof PubsubError &&
        /no queue discipline 'netem'.*run without --link-delay/.test(error.message),
    );
  } else {
    await using network = await mininetHosts({ ...options, linkDelay: "5ms" }, never);
    const [first, , , last] = network.hosts;
    const ping = await output(first?.wrap(["ping", "-c", "2", "-q", last?.address ?? ""]) ?? []);
    assert.ok(Number(/= ([\d.]+)\//.exec(ping.text)?.[1]) >= 20, "four links of 5 ms, there and back");
  }
  assert.deepEqual(await interfaces(), []);
});

test("stopped while it starts, it leaves nothing behind", async (options) => {
  const stop = new AbortController();
  const tried = mininetHosts(options, stop.signal);
  stop.abort();
  await assert.rejects(tried, /Stopped while Mininet was starting/);
  assert.deepEqual(await interfaces(), []);
});
