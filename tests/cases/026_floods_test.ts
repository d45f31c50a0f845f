/**
 * Cases 26 and 52: floods of subscriptions and requests aborted brokers, and what they had cost was never given back.
 * Larger, and for every port: `deno run -A tests/chaos/floods.ts`.
 *
 * Runs alone: a flood takes a processor for itself.
 */
import assert from "node:assert/strict";
import { subscription as subscriptionMessage } from "../../lib/wire/key.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import { delay, until, within } from "../harness/condition.ts";
import { FloodedSystem, FLOODS, type Port } from "../harness/flooded_system.ts";
import { systemTest } from "../harness/system.ts";
import { freePort } from "../harness/zookeeper.ts";
import { subscriptionBytes, ZmtpPeer } from "../harness/zmtp_peer.ts";

const MAX_LEFT_MIB = 64;
const WATCHED = ["broker", "publisher"];

async function comesBack(flooded: FloodedSystem, role: string, before: number): Promise<void> {
  await until(`the ${role}'s memory to come back to ${before} MiB`, () => {
    const now = flooded.memory(role);
    if (now <= before + MAX_LEFT_MIB) return true;
    throw new Error(`${now} MiB`);
  }, 60_000);
}

/** Whether a connection from this address is taken, within half a second. */
async function letsIn(endpoint: string, from: string): Promise<boolean> {
  const peer = ZmtpPeer.connect({ endpoint, type: "SUB", from }).then(
    (peer) => (peer.close(), true),
    () => false,
  );
  return await within("it is let in", peer, 500).catch(() => false);
}

/** Some connections that each send what they may, for 8 s, and come back with everything when they are cut. */
async function pourSteadily(endpoint: string, connections: number, sockets: DisposableStack): Promise<void> {
  const flooders = Array.from({ length: connections }, () => new Socket("xsub", { heartbeatIntervalMs: 0 }));
  for (const flooder of flooders) sockets.defer(() => flooder.close());
  for (const flooder of flooders) flooder.connect(endpoint);
  for (let second = 0; second < 8; second++) {
    for (const [index, socket] of flooders.entries()) {
      for (let count = 0; count < 2000; count++) {
        const key = `${index}-${second}-${count}`.padEnd(380, "q");
        socket.send(subscriptionMessage(new TextEncoder().encode(key), true));
      }
    }
    await delay(1000);
  }
}

for (const port of Object.keys(FLOODS) as Port[]) {
  systemTest(`case 26: floods of a ${port} port end nobody, and their memory comes back`, async (system) => {
    const flooded = await FloodedSystem.start(system);
    const before = new Map(WATCHED.map((role) => [role, flooded.memory(role)]));
    for (const flood of FLOODS[port].slice(0, 4)) {
      await flooded.pour(port, flood, 0.5);
      await flooded.pour(port, flood, 0.25);
    }
    await flooded.goesOn();
    for (const role of WATCHED) await comesBack(flooded, role, before.get(role)!);
  });
}

systemTest(
  "case 52: a subscriber that pours in subscriptions is cut off, and the log names it",
  async (system) => {
    const flooded = await FloodedSystem.start(system);
    const flood = FLOODS.egress.at(-1)!;
    await flooded.pour("egress", flood);
    await flooded.processes.broker!.says(/cut the connection of 127\.0\.1\.\d+:\d+: .*MiB/);
    await flooded.goesOn();
  },
);

systemTest(
  "case 52: several connections that go on at the rate that each may, and come back when they are cut, end nobody",
  async (system) => {
    const flooded = await FloodedSystem.start(system);
    const before = new Map(WATCHED.map((role) => [role, flooded.memory(role)]));
    using sockets = new DisposableStack();
    await pourSteadily(flooded.endpoint("egress"), 3, sockets);
    sockets.dispose();
    // Its data plane may have to begin anew, or the broker within its process.
    await flooded.goesOn(60_000);
    for (const role of WATCHED) await comesBack(flooded, role, before.get(role)!);
    await flooded.goesOn();
  },
);

systemTest(
  "case 52: the same straight into a publisher's port: they are cut off, not let in again, and all comes back",
  async (system) => {
    const flooded = await FloodedSystem.start(system);
    const { publisher } = flooded.processes;
    const before = flooded.memory("publisher");
    using sockets = new DisposableStack();
    await pourSteadily(flooded.endpoint("publisher"), 2, sockets);
    await publisher!.says(
      /cut the connection of .*; no new connections from 127\.0\.0\.1 are taken for 10 s/,
    );
    sockets.dispose();
    assert.equal(await letsIn(flooded.endpoint("publisher"), "127.0.0.1"), false);
    assert.equal(await letsIn(flooded.endpoint("publisher"), "127.0.0.8"), true);
    await flooded.goesOn(60_000);
    await comesBack(flooded, "publisher", before);
    const isLetIn = () => letsIn(flooded.endpoint("publisher"), "127.0.0.1");
    for (let tries = 0; !await isLetIn(); tries++) assert.ok(tries < 60, "it is let in again");
  },
);

systemTest(
  "case 52: a reader that takes nothing while 10 MB samples flow costs a bounded memory",
  async (system) => {
    const ports = { egress: freePort(), publisher: freePort() };
    const here = ["--address", "127.0.0.1"];
    const broker = await system.broker(...here, "--egress-port", String(ports.egress));
    const publisher = system.start([
      ...["publisher", ...here, "--topics", "A", "--indefinite", "--payload-size", "10000000"],
      ...["--sleep", "0.05", "--flow", "drop", "--bind-port", String(ports.publisher)],
    ]);
    await publisher.says(/owns topic A/);
    const peaks = new Map<string, number>();
    const watching = setInterval(() => {
      for (const [name, { pid }] of Object.entries({ broker, publisher })) {
        const pages = Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]);
        peaks.set(name, Math.max(peaks.get(name) ?? 0, pages * 4096 / 1024 / 1024));
      }
    }, 20);
    try {
      for (const [process, port] of [[broker, ports.egress], [publisher, ports.publisher]] as const) {
        using reader = await ZmtpPeer.connect({ endpoint: `tcp://127.0.0.1:${port}`, type: "SUB" });
        await reader.write(subscriptionBytes(new Uint8Array()));
        await process.says(
          /cut the connection of 127\.0\.0\.1:\d+: \S+ MiB more memory than at the start are in use/,
        );
      }
    } finally {
      clearInterval(watching);
    }
    assert.ok(broker.running && publisher.running);
    // 256 MiB above what it has of itself, and what comes in while that is noticed.
    assert.ok(peaks.get("broker")! < 600, `the broker had ${peaks.get("broker")} MiB`);
    assert.ok(peaks.get("publisher")! < 900, `the publisher had ${peaks.get("publisher")} MiB`);
  },
);
