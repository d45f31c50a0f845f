/** Mininet networks: up, usable, and gone however they end. Needs root and Debian's mininet. */
import assert from "node:assert/strict";
import { mininetHosts, type MininetOptions } from "../../../lib/perf/mininet.ts";
import { parseNetwork } from "../../../lib/perf/network.ts";
import { PubsubError } from "../../../lib/base/errors.ts";
import { until } from "../../harness/condition.ts";
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

/** Names of the network interfaces that a process sees: those of this machine, or of a network's keeper. */
async function interfaces(pid: number | string = "self"): Promise<string[]> {
  return [...(await Deno.readTextFile(`/proc/${pid}/net/dev`)).matchAll(/^ *(\S+):/gm)]
    .map((match) => match[1] ?? "").sort();
}

/** Processes of Mininet networks in namespaces other than this one's: keepers, and the shells of hosts and switches. */
async function inNamespaces(): Promise<number[]> {
  const own = await Deno.readLink("/proc/self/ns/net");
  const pids = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // Of a process that ends just now there is nothing to be read.
    const command = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (!/mininet:|pubsub-network-|network\.py/.test(command)) continue;
    const namespace = await Deno.readLink(`/proc/${name}/ns/net`).catch(() => own);
    if (namespace !== own) pids.push(Number(name));
  }
  return pids;
}

/** Waits until none of them is left that was not there before. */
async function othersAreGone(before: readonly number[]): Promise<void> {
  await until("no process of the network is left", async () => {
    assert.deepEqual((await inNamespaces()).filter((pid) => !before.includes(pid)), []);
    return true;
  });
}

/** A keeper of four hosts, as `perf` starts it; `python` keeps, `sleep` holds its standard input open. */
async function startKeeper(log: string) {
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
  while (text.split("\n").length < 3) {
    text += (await reader.read()).value ?? assert.fail(`ended early: ${text}`);
  }
  const [python = "", announced = ""] = text.split("\n");
  const siblings = (await output(["ps", "-o", "pid=,comm=", "--ppid", String(owner.pid)])).text;
  const sleep = Number(/(\d+) sleep/.exec(siblings)?.[1]);
  if (!announced.includes('"hosts"')) {
    Deno.kill(sleep, "SIGKILL");
    await owner.status;
    await reader.cancel();
    assert.fail(`no network: ${announced}`);
  }
  return { owner, reader, sleep, python: Number(python) };
}

test("the hosts of a tree reach each other; afterwards nothing is left of it", async (options) => {
  const before = { interfaces: await interfaces(), pids: await inNamespaces() };
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
    const command = () => Deno.readTextFileSync(`/proc/${sleeper.pid}/comm`).trim();
    await until("mnexec has become sleep", () => command() === "sleep");
    assert.deepEqual(await interfaces(), before.interfaces, "its switches are not among the machine's own");
  }
  assert.equal((await sleeper.status).signal, "SIGKILL", "what still ran in a host was killed");
  assert.deepEqual(await interfaces(), before.interfaces);
  await othersAreGone(before.pids);
});

test("two networks at once do not meet, though their hosts and switches have the same names", async (options) => {
  await using one = await mininetHosts(options, never);
  await using other = await mininetHosts({ ...options, network: parseNetwork("single:5") }, never);
  const reach = async (hosts: typeof one.hosts, address: string) =>
    (await output(hosts[0]?.wrap(["ping", "-c", "1", "-W", "1", address]) ?? [])).code === 0;
  assert.deepEqual(
    await Promise.all([reach(one.hosts, "10.0.0.4"), reach(other.hosts, "10.0.0.4")]),
    [true, true],
  );
  assert.deepEqual(
    await Promise.all([reach(one.hosts, "10.0.0.5"), reach(other.hosts, "10.0.0.5")]),
    [false, true],
    "only the other one has a fifth host",
  );
});

test("a network whose owner is killed removes itself", async ({ log }) => {
  const before = await inNamespaces();
  const { owner, reader, sleep, python } = await startKeeper(log);
  assert.ok((await interfaces(python)).includes("s1"));
  Deno.kill(sleep, "SIGKILL");
  assert.equal((await owner.status).success, true);
  await reader.cancel();
  await othersAreGone(before);
});

test("a network whose keeper is killed is removed by the kernel", async ({ log }) => {
  const before = { interfaces: await interfaces(), pids: await inNamespaces() };
  const { owner, reader, sleep, python } = await startKeeper(log);
  Deno.kill(python, "SIGKILL");
  Deno.kill(sleep, "SIGKILL");
  await owner.status;
  await reader.cancel();
  // Its switches are gone with the last process that sees them.
  await othersAreGone(before.pids);
  assert.deepEqual(await interfaces(), before.interfaces);
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
});

test("stopped while it starts, it leaves nothing behind", async (options) => {
  const before = await inNamespaces();
  const stop = new AbortController();
  const tried = mininetHosts(options, stop.signal);
  stop.abort();
  await assert.rejects(tried, /Stopped while Mininet was starting/);
  await othersAreGone(before);
});
