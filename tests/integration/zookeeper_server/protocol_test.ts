/** The embedded server over real sockets, byte by byte. */
import assert from "node:assert/strict";
import { JuteWriter } from "../../../lib/zookeeper_server/jute.ts";
import { ZooKeeperServer } from "../../../lib/zookeeper_server/server.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import {
  connectFrame,
  fourLetterWord,
  frame,
  OPEN,
  RawClosed,
  RawZooKeeper,
  readStat,
  writeAclList,
} from "../../harness/raw_zookeeper.ts";

function test(name: string, fn: (server: ZooKeeperServer) => Promise<void>) {
  Deno.test({
    name: title(name),
    ignore: !unrestricted,
    fn: async () => {
      await using server = await ZooKeeperServer.start({
        listen: "127.0.0.1:0",
        minSessionTimeoutMs: 200,
        words: ["ruok", "srvr", "mntr", "wchs"],
      });
      await fn(server);
    },
  });
}

function getDataFrame(xid: number, path: string): Uint8Array {
  return frame((out) => (out.int(xid), out.int(4), out.string(path), out.bool(false)));
}

test("Frames may arrive byte by byte", async (server) => {
  await using client = await RawZooKeeper.open(server.address);
  const [handshake, reply] = [client.expectHandshake(), client.expect(1)];
  for (const byte of [...connectFrame({ timeout: 5000 }), ...getDataFrame(9, "/zookeeper")]) {
    await client.send(new Uint8Array([byte]));
    await delay(0);
  }
  assert.notEqual((await within("the handshake", handshake)).id, 0n);
  assert.deepEqual((await within("the reply", reply)).map(({ xid, err }) => [xid, err]), [[9, 0]]);
});

test("A body that cannot be read is a marshalling error, and the connection stays", async (server) => {
  await using client = await RawZooKeeper.connect(server.address);
  assert.equal((await client.request(4, (out) => out.int(1000))).err, -5);
  assert.equal((await client.getData("/")).err, 0);
});

test("Requests may be pipelined behind the handshake, a thousand in one segment, and are answered in order", async (server) => {
  await using setup = await RawZooKeeper.connect(server.address);
  await setup.create("/n", "0");
  await using client = await RawZooKeeper.open(server.address);
  const frames = [];
  for (let i = 1; i <= 1000; i++) {
    frames.push(
      i % 2 === 1
        ? frame((
          out,
        ) => (out.int(i),
          out.int(5),
          out.string("/n"),
          out.buffer(new TextEncoder().encode(`${i}`)),
          out.int(-1))
        )
        : getDataFrame(i, "/n"),
    );
  }
  const replies = client.expect(1000);
  const handshake = client.handshake({});
  await client.send(new Uint8Array(frames.flatMap((one) => [...one])));
  await within("the handshake", handshake);
  for (const [index, reply] of (await within("all replies", replies)).entries()) {
    assert.equal(reply.xid, index + 1);
    assert.equal(reply.err, 0);
    if (reply.xid % 2 === 0) assert.equal(new TextDecoder().decode(reply.body.view()!), `${reply.xid - 1}`);
  }
});

test("A negative length, a packet over 1 MiB and a garbled handshake close that connection only", async (server) => {
  await using bystander = await RawZooKeeper.connect(server.address, { timeout: 10_000 });
  const header = (length: number) => {
    const out = new JuteWriter();
    out.int(length);
    return out.take();
  };
  for (const length of [-1, 0x100000, 2 ** 31 - 1]) {
    await using client = await RawZooKeeper.connect(server.address);
    const waiting = client.expect(1);
    await client.send(header(length));
    await within(`the connection with length ${length} is closed`, client.closed);
    await assert.rejects(waiting, RawClosed);
  }
  for (
    const bytes of [
      header(-1),
      header(0x100000),
      frame((out) => out.int(0)),
      header(0),
      new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
    ]
  ) {
    await using client = await RawZooKeeper.open(server.address);
    await client.send(bytes);
    await within("the connection is closed", client.closed);
  }
  assert.equal((await bystander.ping()).err, 0);
});

test("A packet of 1 MiB less one byte is taken, and data of that size come back", async (server) => {
  await using client = await RawZooKeeper.connect(server.address);
  const data = "y".repeat(0xfffff - 100);
  assert.equal((await client.create("/big", data)).err, 0);
  const reply = await client.getData("/big");
  assert.equal(reply.body.view()!.length, data.length);
  assert.equal(readStat(reply.body).dataLength, data.length);
});

test("The last answer arrives although the client had sent more than was read", async (server) => {
  for (let round = 0; round < 20; round++) {
    await using client = await RawZooKeeper.connect(server.address);
    const reply = client.closeSession();
    const more = new Uint8Array(100_000);
    client.send(more).catch(() => {});
    assert.equal((await within("the answer to closeSession", reply)).err, 0);
    await within("the server closes", client.closed);
  }
});

test("A refused session is told so although requests were pipelined behind it", async (server) => {
  for (let round = 0; round < 20; round++) {
    await using client = await RawZooKeeper.open(server.address);
    const handshake = client.handshake({ session: 12345n });
    client.send(getDataFrame(1, "/")).catch(() => {});
    const session = await within("the refusal", handshake);
    assert.deepEqual([session.id, session.timeout], [0n, 0]);
    await within("the server closes", client.closed);
  }
});

test("A session outlives its connection, with its ephemeral nodes and without its watches", async (server) => {
  const client = await RawZooKeeper.connect(server.address, { timeout: 5000 });
  await client.create("/e", "", { flags: 1 });
  await client.exists("/w", true);
  assert.equal(server.stats().watches, 1);
  await client.close();
  await until("the dead connection's watches are gone", () => server.stats().watches === 0);
  const { id: session, password } = client.session;
  await using again = await RawZooKeeper.connect(server.address, { timeout: 5000, session, password });
  assert.equal(again.session.id, session);
  const stat = readStat((await again.exists("/e")).body);
  assert.equal(stat.ephemeralOwner, session);
});

test("Attaching again closes the previous connection at once, and the session stays whole", async (server) => {
  await using first = await RawZooKeeper.connect(server.address, { timeout: 5000 });
  await first.exists("/w", true);
  const { id: session, password } = first.session;
  await using second = await RawZooKeeper.connect(server.address, { timeout: 5000, session, password });
  await within("the first connection is closed", first.closed);
  await second.create("/w", "", { flags: 1 });
  assert.equal(server.stats().sessions, 1);
  assert.equal(server.stats().watches, 0);
  assert.deepEqual(second.events, [], "watches are not handed on");
});

test("A silent session expires: its nodes go, watchers hear it, its connection is closed, attaching is refused", async (server) => {
  await using watcher = await RawZooKeeper.connect(server.address, { timeout: 20_000 });
  await using silent = await RawZooKeeper.connect(server.address, { timeout: 300 });
  await silent.create("/e", "", { flags: 1 });
  await watcher.exists("/e", true);
  const [event] = await within("the deletion is told", watcher.event());
  assert.deepEqual(event, { type: 2, path: "/e" });
  await within("the silent connection is closed", silent.closed);
  const { id: session, password } = silent.session;
  await using late = await RawZooKeeper.connect(server.address, { session, password });
  assert.equal(late.session.id, 0n);
});

test("A session that pings lives, one whose connection is lost expires after its time-out", async (server) => {
  await using living = await RawZooKeeper.connect(server.address, { timeout: 300 });
  const lost = await RawZooKeeper.connect(server.address, { timeout: 300 });
  await lost.create("/lost", "", { flags: 1 });
  await living.create("/living", "", { flags: 1 });
  await lost.close();
  await until("the lost one has expired", async () => {
    await living.ping();
    return server.stats().sessions === 1;
  });
  assert.equal((await living.exists("/lost")).err, -101);
  assert.equal((await living.exists("/living")).err, 0);
});

test("A reader sees the watch event before the new data", async (server) => {
  await using writer = await RawZooKeeper.connect(server.address);
  await using reader = await RawZooKeeper.connect(server.address);
  await writer.create("/n", "0");
  for (let round = 1; round <= 200; round++) {
    reader.arrivals.length = 0;
    await reader.getData("/n", true);
    const write = writer.setData("/n", `${round}`);
    for (;;) {
      const reply = await reader.getData("/n");
      const value = new TextDecoder().decode(reply.body.view()!);
      if (value !== `${round}`) continue;
      assert.ok(reader.arrivals.includes("event"), "the new data came before the event");
      break;
    }
    await write;
  }
});

test("Dead connections leave no watch entries, however they die", async (server) => {
  await using setup = await RawZooKeeper.connect(server.address, { timeout: 20_000 });
  await setup.create("/n");
  for (const how of ["close", "half", "expire", "session", "reattach", "garbage"]) {
    const client = await RawZooKeeper.connect(server.address, { timeout: how === "expire" ? 300 : 20_000 });
    for (let i = 0; i < 50; i++) await client.exists(`/missing/${i}`, true);
    await client.getData("/n", true);
    await client.getChildren("/", true);
    await client.addWatch("/zookeeper", 1);
    assert.equal(server.stats().watches, 54);
    const { id: session, password } = client.session;
    if (how === "close") await client.close();
    else if (how === "half") await client.socket.closeWrite();
    else if (how === "session") await client.closeSession();
    else if (how === "garbage") await client.send(new Uint8Array([255, 255, 255, 255]));
    else if (how === "reattach") {
      await using again = await RawZooKeeper.connect(server.address, { session, password });
      assert.equal(again.session.id, session);
    }
    await until(`no watch is left after: ${how}`, () => server.stats().watches === 0);
    await client.close();
  }
});

test("The four-letter words are answered and the connection is closed; an unknown one gets nothing", async (server) => {
  assert.equal(await fourLetterWord(server.address, "ruok"), "imok");
  assert.match(await fourLetterWord(server.address, "srvr"), /Mode: standalone/);
  assert.match(await fourLetterWord(server.address, "mntr"), /zk_znode_count\t4/);
  assert.match(await fourLetterWord(server.address, "wchs"), /^0 connections watching 0 paths/);
  assert.equal(await fourLetterWord(server.address, "nope"), "");
});

test("Zxids do not go back when a server that keeps nothing is started again", async (server) => {
  await using client = await RawZooKeeper.connect(server.address);
  const { zxid } = await client.create("/n");
  await using later = await ZooKeeperServer.start({ listen: "127.0.0.1:0" });
  await using after = await RawZooKeeper.connect(later.address, { lastZxidSeen: BigInt(zxid) });
  assert.notEqual(after.session.id, 0n);
});

test("Sequence numbers never repeat under a parent, whoever creates, and whatever is deleted", async (server) => {
  const clients = await Promise.all(Array.from({ length: 4 }, () => RawZooKeeper.connect(server.address)));
  await clients[0]!.create("/q");
  const names = (await Promise.all(clients.map(async (client) => {
    const paths: string[] = [];
    for (let i = 0; i < 100; i++) {
      const path = (await client.create("/q/n-", "", { flags: i % 2 === 0 ? 2 : 3 })).body.string()!;
      paths.push(path);
      if (i % 3 === 0) await client.delete(path);
    }
    return paths;
  }))).flat();
  assert.equal(new Set(names).size, 400);
  for (const client of clients) await client.close();
});

test("A stopped server closes its connections, and the port is free", async (server) => {
  const client = await RawZooKeeper.connect(server.address);
  await server.close();
  await within("the connection is closed", client.closed);
  await using again = await ZooKeeperServer.start({ listen: server.address });
  assert.equal(again.address, server.address);
  await client.close();
});

test("Create2 and multi answer with the node's statistics", async (server) => {
  await using client = await RawZooKeeper.connect(server.address);
  const reply = await client.request(15, (out) => {
    out.string("/n");
    out.buffer(new Uint8Array(3));
    writeAclList(out, OPEN);
    out.int(0);
  });
  assert.equal(reply.body.string(), "/n");
  assert.equal(readStat(reply.body).dataLength, 3);
  assert.equal(reply.body.remaining, 0);
});
