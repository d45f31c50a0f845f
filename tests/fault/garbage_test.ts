/** Garbage on every port that is listened on: nothing crashes, nothing grows, the next real client registers. */
import assert from "node:assert/strict";
import { Socket } from "../../lib/zmq/socket.ts";
import { until } from "../harness/condition.ts";
import type { Pubsub } from "../harness/process.ts";
import { systemTest } from "../harness/system.ts";

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) * 1024;
}

/** Bytes that mean nothing, as a stranger's program might send them. */
async function rawBytes(endpoint: string, bytes: Uint8Array): Promise<void> {
  const { hostname, port } = new URL(endpoint.replace("tcp:", "http:"));
  try {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const writer = connection.writable.getWriter();
    await writer.write(bytes);
  } catch {
    // It may well be cut off.
  }
}

/** Valid ZMTP, random frames: `socket` is of a kind that the other side talks to. */
async function frames(
  kind: "dealer" | "xpub" | "xsub",
  endpoint: string,
  messages: Uint8Array[],
): Promise<void> {
  await using socket = new Socket(kind, { linger: 1000 });
  const peers = socket.peers();
  socket.connect(endpoint);
  for await (const { type } of peers) if (type === "handshaken") break;
  for (const message of messages) socket.send(message);
}

function random(bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i += 65_536) {
    crypto.getRandomValues(out.subarray(i, Math.min(bytes, i + 65_536)));
  }
  return out;
}

systemTest("garbage on every port harms nobody", async (system) => {
  const broker = await system.broker("--centralized");
  const [, control, ingress, egress] = /control (\S+), ingress (\S+), egress (\S+)/.exec(
    await broker.says(/egress tcp/),
  )!;
  const publish = ["publisher", "--topics", "T", "--id", "P", "--indefinite", "--sleep", "0.01"];
  const publisher = system.start(publish);
  await publisher.says(/owns topic T/);
  const subscriber = system.start(["subscriber", "--topics", "T", "--centralized", "--json", "--indefinite"]);
  await subscriber.prints(10);
  const status = system.start(["status", "--json"]);
  assert.equal(await status.exit(), 0);
  const direct = /"address":"(tcp:[^"]+)"/.exec(status.stdout.join(""))![1]!;
  const victims: Pubsub[] = [broker, publisher, subscriber];
  const before = victims.map(({ pid }) => residentBytes(pid));

  const key = new TextEncoder().encode("T\0P\0L");
  const forged = [random(300), new Uint8Array([...key, ...random(200)]), key, new Uint8Array(0)];
  const upstream = [
    random(300),
    new Uint8Array([2, 0x51, ...new TextEncoder().encode("P\0T\0"), ...random(40)]),
  ];
  const json = ["{", "[]", "null", '{"type":"register"}', '{"type":"ping","id":"P","time":"x"}'].map((text) =>
    new TextEncoder().encode(text)
  );
  const large = random(50_000_000);
  for (const endpoint of [control!, ingress!, egress!, direct]) {
    await rawBytes(endpoint, random(10_000));
    await rawBytes(endpoint, new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  }
  for (let round = 0; round < 5; round++) {
    await frames("dealer", control!, [...json, random(1000), random(100_000)]);
    await frames("xpub", ingress!, forged);
    await frames("xsub", egress!, upstream.map((bytes) => new Uint8Array([2, ...bytes])));
    await frames("xsub", direct, upstream);
  }
  await frames("dealer", control!, [large]);
  await frames("xsub", egress!, [new Uint8Array([2, ...large])]);
  await frames("xsub", direct, [new Uint8Array([2, ...large])]);

  const heard = subscriber.stdout.length;
  await until("samples go on", () => subscriber.stdout.length > heard + 50);
  const grown = victims.map(({ pid }, i) => residentBytes(pid) - before[i]!);
  for (const bytes of grown) {
    assert.ok(
      bytes < 150 * 1024 * 1024,
      `grown by ${grown.map((n) => n >> 20)} MiB`,
    );
  }
  for (const victim of victims) assert.ok(victim.running);
  const next = system.start(["subscriber", "--topics", "T", "--json", "--max-event-count", "5"]);
  assert.equal(await next.exit(), 0);
  assert.equal(await subscriber.interrupt(), 0);
  const sequences = subscriber.stdout.map((line) => JSON.parse(line).sequence as number);
  const first = sequences[0]!;
  assert.deepEqual(sequences, sequences.map((_, i) => first + i), "every sample once, in order, none forged");
});

systemTest("znodes that somebody else wrote are named and ignored", async (system) => {
  const broker = await system.broker();
  await broker.says(/primary of zone/);
  const { ZooKeeper } = await import("../../lib/zk/zookeeper.ts");
  {
    await using zk = new ZooKeeper({ servers: system.zookeeper });
    await zk.connected();
    for (const path of ["/shared_state/publishers", "/shared_state/subscribers"]) await zk.ensurePath(path);
    await zk.create("/shared_state/publishers/forged", "not JSON");
    await zk.create("/shared_state/subscribers/forged", JSON.stringify({ id: 5 }));
    await zk.create("/brokers/forged", new Uint8Array([0xff, 0x00]));
    await zk.create("/primaries/zone_x", "{}");
    await zk.create("/primaries/zone_7", "{}");
  }
  await broker.says(/ignoring znode .*publishers\/forged: .*not JSON/);
  await broker.says(/ignoring znode .*subscribers\/forged/);
  const publisher = system.start(["publisher", "--topics", "T", "--indefinite", "--sleep", "0.02"]);
  const subscriber = system.start(["subscriber", "--topics", "T", "--json", "--max-event-count", "5"]);
  assert.equal(await subscriber.exit(), 0);
  assert.equal(await publisher.interrupt(), 0);
});
