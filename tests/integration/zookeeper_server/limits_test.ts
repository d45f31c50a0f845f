/** The bounds of the embedded server: who reaches one pays for it, and nobody else. */
import assert from "node:assert/strict";
import type { Limits } from "../../../lib/zookeeper_server/limits.ts";
import { ZooKeeperServer } from "../../../lib/zookeeper_server/server.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { connectFrame, frame, hostAndPort, RawZooKeeper } from "../../harness/raw_zookeeper.ts";

function test(name: string, limits: Partial<Limits>, fn: (server: ZooKeeperServer) => Promise<void>) {
  Deno.test({
    name: title(name),
    ignore: !unrestricted,
    fn: async () => {
      await using server = await ZooKeeperServer.start({ listen: "127.0.0.1:0", limits });
      await fn(server);
    },
  });
}

/** A socket with a session that never reads. */
async function deafClient(server: ZooKeeperServer): Promise<Deno.TcpConn> {
  const socket = await Deno.connect(hostAndPort(server.address));
  await socket.write(connectFrame({ timeout: 20_000 }));
  return socket;
}

function getData(path: string, watch = false): Uint8Array<ArrayBuffer> {
  return frame((out) => (out.int(1), out.int(4), out.string(path), out.bool(watch)));
}

async function writeAll(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

function repeat(bytes: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(bytes.length * count);
  for (let i = 0; i < count; i++) all.set(bytes, i * bytes.length);
  return all;
}

test(
  "A connection too many is closed at once, and there is room again when one ends",
  { connections: 3 },
  async (server) => {
    const clients = await Promise.all([1, 2, 3].map(() => RawZooKeeper.connect(server.address)));
    await using tooMany = await RawZooKeeper.open(server.address);
    await within("it is closed", tooMany.closed);
    for (const client of clients) assert.equal((await client.ping()).err, 0);
    await clients[0]!.close();
    await until("the server has noticed", () => server.stats().connections === 2);
    await using again = await RawZooKeeper.connect(server.address);
    assert.equal((await again.ping()).err, 0);
    for (const client of clients) await client.close();
  },
);

test("A connection without a handshake is closed after its time", { handshakeMs: 200 }, async (server) => {
  await using idle = await RawZooKeeper.open(server.address);
  await using halfway = await RawZooKeeper.open(server.address);
  await halfway.send(connectFrame().subarray(0, 20));
  await within("both are closed", Promise.all([idle.closed, halfway.closed]));
  assert.equal(server.stats().connections, 0);
});

test(
  "A client that asks and does not read is no longer read, holds a bounded memory, and is disconnected",
  { stalledMs: 1000, pausedAtBytes: 1 << 20 },
  async (server) => {
    await using setup = await RawZooKeeper.connect(server.address, { timeout: 20_000 });
    await setup.create("/big", "z".repeat(500_000));
    const deaf = await deafClient(server);
    // 20,000 requests in a megabyte: ten gigabytes of answers, if somebody buffered them.
    const before = Deno.memoryUsage().rss;
    let pings = 0;
    const asking = writeAll(deaf, repeat(getData("/big"), 20_000)).catch(() => "closed");
    await until("the deaf client is disconnected", async () => {
      assert.ok(Deno.memoryUsage().rss - before < 200e6, "memory grew by more than 200 MB");
      assert.equal((await setup.ping()).err, 0);
      pings++;
      await delay(20);
      return server.stats().connections === 1;
    });
    assert.ok(server.stats().packetsReceived - pings < 100, "it was read no further");
    await asking;
    deaf.close();
  },
);

test(
  "A client that watches and does not read is disconnected when too many events wait for it",
  { unsentBytes: 1 << 20, stalledMs: 60_000 },
  async (server) => {
    await using writer = await RawZooKeeper.connect(server.address, { timeout: 20_000 });
    await writer.create("/n");
    const deaf = await deafClient(server);
    const addWatch = frame((out) => (out.int(1), out.int(106), out.string("/"), out.int(1)));
    await writeAll(deaf, addWatch);
    await until("it watches", () => server.stats().watches > 0);
    // Each event is 46 bytes; the kernel takes some megabytes before the server's own bound counts.
    await until("the deaf client is disconnected", async () => {
      const writes = Array.from({ length: 2000 }, () => writer.setData("/n", ""));
      for (const reply of await Promise.all(writes)) assert.equal(reply.err, 0);
      return server.stats().connections === 1;
    }, 60_000);
    assert.equal(server.stats().watches, 0);
    deaf.close();
  },
);

test(
  "A slow reader gets every answer, in order, however often it is paused",
  { pausedAtBytes: 10_000, outstandingRequests: 7 },
  async (server) => {
    await using setup = await RawZooKeeper.connect(server.address);
    await setup.create("/n", "q".repeat(3000));
    await using client = await RawZooKeeper.connect(server.address);
    const count = 3000;
    const replies = client.expect(count);
    const frames = Array.from(
      { length: count },
      (_, i) => frame((out) => (out.int(i), out.int(4), out.string("/n"), out.bool(false))),
    );
    await client.send(new Uint8Array(frames.flatMap((one) => [...one])));
    const xids = (await within("all replies", replies, 30_000)).map((reply) => reply.xid);
    assert.deepEqual(xids, Array.from({ length: count }, (_, i) => i));
  },
);

test("A watch too many is refused with an error that clients know, and the connection lives", {
  watchesPerConnection: 10,
}, async (server) => {
  await using client = await RawZooKeeper.connect(server.address);
  for (let i = 0; i < 10; i++) assert.equal((await client.exists(`/n${i}`, true)).err, -101);
  assert.equal((await client.exists("/one-more", true)).err, -1);
  assert.equal((await client.setWatches(0, { exist: ["/a"] })).err, -1);
  assert.equal(server.stats().watches, 10);
  await using other = await RawZooKeeper.connect(server.address);
  assert.equal((await other.exists("/n0", true)).err, -101);
});

test("A multiRead whose answer would be too large is refused", { unsentBytes: 1 << 20 }, async (server) => {
  await using client = await RawZooKeeper.connect(server.address);
  await client.create("/big", "z".repeat(200_000));
  const reply = await client.request(22, (out) => {
    for (let i = 0; i < 50; i++) {
      out.int(4), out.bool(false), out.int(-1), out.string("/big"), out.bool(false);
    }
    out.int(-1), out.bool(true), out.int(-1);
  });
  assert.equal(reply.err, -1);
  assert.equal((await client.getData("/big")).err, 0);
});
