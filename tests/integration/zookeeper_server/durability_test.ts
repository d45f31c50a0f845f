/** The embedded server with a data directory: what it keeps, and how it fails. */
import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/base/errors.ts";
import { CorruptFile } from "../../../lib/zookeeper_server/block.ts";
import { Engine } from "../../../lib/zookeeper_server/engine.ts";
import { ZooKeeperServer } from "../../../lib/zookeeper_server/server.ts";
import type { ServerOptions } from "../../../lib/zookeeper_server/server_options.ts";
import { until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { RawClosed, RawZooKeeper, readStat } from "../../harness/raw_zookeeper.ts";

function test(
  name: string,
  fn: (start: (more?: Partial<ServerOptions>) => Promise<ZooKeeperServer>, dir: string) => Promise<void>,
) {
  Deno.test({
    name: title(name),
    ignore: !unrestricted,
    fn: async () => {
      const parent = await Deno.makeTempDir({ prefix: "zookeeper-durability-" });
      try {
        const dataDir = `${parent}/data`;
        await fn((more) => ZooKeeperServer.start({ listen: "127.0.0.1:0", dataDir, ...more }), dataDir);
      } finally {
        await Deno.remove(parent, { recursive: true });
      }
    },
  });
}

function filesOf(dir: string, kind: string): string[] {
  return [...Deno.readDirSync(dir)].map((entry) => entry.name).filter((name) => name.startsWith(kind)).sort();
}

test("Everything is there after a restart: nodes, statistics, lists, sessions with their ephemerals, sequence numbers", async (start) => {
  let server = await start();
  const client = await RawZooKeeper.connect(server.address, { timeout: 10_000 });
  await client.create("/a", "one");
  await client.setData("/a", "two");
  await client.create("/a/e", "", { flags: 1 });
  await client.create("/a/n-", "", { flags: 2 });
  await client.delete("/a/n-0000000001");
  await client.auth("digest", "ann:pw");
  await client.create("/mine", "", { acl: [{ perms: 31, scheme: "auth", id: "" }] });
  await client.multi([{ op: "create", path: "/m" }, { op: "create", path: "/m/x", data: "y" }]);
  const before = await client.getData("/a");
  const [beforeData, beforeStat] = [before.body.view()!.slice(), readStat(before.body)];
  await server.close();
  await client.close();
  server = await start();
  await using again = await RawZooKeeper.connect(server.address, {
    timeout: 10_000,
    session: client.session.id,
    password: client.session.password,
    lastZxidSeen: BigInt(before.zxid),
  });
  assert.equal(again.session.id, client.session.id);
  const after = await again.getData("/a");
  assert.deepEqual(after.body.view()!.slice(), beforeData);
  assert.deepEqual(readStat(after.body), beforeStat);
  assert.equal(readStat((await again.exists("/a/e")).body).ephemeralOwner, client.session.id);
  assert.equal((await again.create("/a/n-", "", { flags: 2 })).body.string(), "/a/n-0000000002");
  assert.equal((await again.getData("/mine")).err, -102, "identities belong to a connection");
  assert.equal((await again.auth("digest", "ann:pw")).err, 0);
  assert.equal((await again.getData("/mine")).err, 0);
  assert.equal((await again.getData("/m/x")).err, 0);
  assert.ok((await again.create("/later")).zxid > before.zxid);
  await server.close();
});

test("A session that nobody attaches to after a restart expires, with its ephemerals; a closed one is not revived", async (start) => {
  let server = await start({ minSessionTimeoutMs: 300 });
  const lost = await RawZooKeeper.connect(server.address, { timeout: 300 });
  await lost.create("/lost", "", { flags: 1 });
  const closed = await RawZooKeeper.connect(server.address, { timeout: 20_000 });
  await closed.create("/closed", "", { flags: 1 });
  await closed.closeSession();
  await server.close();
  await lost.close();
  await closed.close();
  server = await start({ minSessionTimeoutMs: 300 });
  assert.equal(server.stats().sessions, 1);
  await using client = await RawZooKeeper.connect(server.address, { timeout: 20_000 });
  assert.equal((await client.exists("/closed")).err, -101);
  assert.equal((await client.exists("/lost")).err, 0);
  const { id: session, password } = closed.session;
  await using refused = await RawZooKeeper.connect(server.address, { session, password });
  assert.equal(refused.session.id, 0n);
  await until("the lost session has expired", async () => (await client.exists("/lost")).err === -101);
  await server.close();
});

test(
  "Snapshots are taken while clients write, old files go, and a restart finds everything",
  async (start, dir) => {
    const limits = { logBytesPerSnapshot: 20_000 };
    let server = await start({ limits });
    await using client = await RawZooKeeper.connect(server.address, { timeout: 20_000 });
    await client.create("/n");
    for (let i = 0; i < 200; i++) {
      const writes = Array.from(
        { length: 20 },
        (_, j) =>
          i % 2 === 0 ? client.create(`/n/${i}-${j}`, "d".repeat(50)) : client.delete(`/n/${i - 1}-${j}`),
      );
      for (const reply of await Promise.all(writes)) {
        assert.equal(reply.err, 0);
      }
      if (i % 2 === 0 && i % 20 !== 0) continue;
      for (let j = 0; j < 20; j++) await client.setData("/n", `${i}`);
    }
    await until("several snapshots have been taken", () => filesOf(dir, "snapshot").length >= 2);
    const stat = readStat((await client.exists("/n")).body);
    await until("old segments are gone", () => filesOf(dir, "log").length <= 4);
    await server.close();
    assert.ok(filesOf(dir, "snapshot").filter((name) => !name.endsWith(".tmp")).length <= 3);
    server = await start({ limits });
    const { id: session, password } = client.session;
    await using again = await RawZooKeeper.connect(server.address, { timeout: 20_000, session, password });
    assert.deepEqual(readStat((await again.exists("/n")).body), stat);
    assert.deepEqual(filesOf(dir, "snapshot").filter((name) => name.endsWith(".tmp")), []);
    await server.close();
  },
);

test("A data directory is made with those above it; a file in its place is named", async (start, dir) => {
  const nested = `${dir}/of/somebody`;
  await (await start({ dataDir: nested })).close();
  assert.equal((await Deno.stat(dir)).mode! & 0o777, 0o700);
  assert.ok(filesOf(nested, "log").length > 0);
  await Deno.writeTextFile(`${dir}/file`, "");
  for (const dataDir of [`${dir}/file`, `${dir}/file/data`]) {
    await assert.rejects(
      start({ dataDir }),
      (error) =>
        error instanceof PubsubError &&
        error.message.startsWith(`Cannot use the data directory ${dataDir}: `),
    );
  }
});

test("Two servers do not share a directory", async (start) => {
  await using server = await start();
  await assert.rejects(
    start(),
    (error) => error instanceof PubsubError && /another server is using it/.test(error.message),
  );
  assert.equal(server.stats().nodes, 4);
});

test(
  "A torn end is cut off and the server goes on; damage stops it and names file and offset",
  async (start, dir) => {
    let server = await start();
    let client = await RawZooKeeper.connect(server.address);
    for (let i = 0; i < 20; i++) await client.create(`/n${i}`, "x".repeat(30));
    await server.close();
    await client.close();
    const [name] = filesOf(dir, "log");
    const file = `${dir}/${name}`;
    const whole = await Deno.readFile(file);
    await Deno.writeFile(file, whole.subarray(0, whole.length - 5));
    server = await start();
    client = await RawZooKeeper.connect(server.address);
    assert.equal((await client.exists("/n18")).err, 0);
    assert.equal((await client.exists("/n19")).err, -101);
    assert.equal((await client.create("/n19")).err, 0);
    await server.close();
    await client.close();
    await (await start()).close(); // What was written after the cut is readable.
    const damaged = await Deno.readFile(file);
    damaged[Math.floor(damaged.length / 2)]! ^= 1;
    await Deno.writeFile(file, damaged);
    await assert.rejects(start(), (error) => {
      assert.ok(error instanceof CorruptFile);
      assert.equal(error.file, file);
      assert.match(error.message, /log\.[0-9a-f]{16}: damaged at offset \d+ \(/);
      return true;
    });
    await assert.rejects(start(), CorruptFile, "the lock was given back, and it still says the same");
  },
);

test("A directory that cannot be used is an error that names it", async (start, dir) => {
  await Deno.writeTextFile(dir, "a file");
  await assert.rejects(start(), (error) => error instanceof PubsubError && error.message.includes(dir));
  await assert.rejects(start({ dataDir: "" }), /^UsageError: Invalid data directory "": must not be empty$/);
});

test("When the disk fails nothing more is acknowledged, connections close, and the failure is told", async (start) => {
  const server = await start();
  await using client = await RawZooKeeper.connect(server.address, { timeout: 20_000 });
  assert.equal((await client.create("/kept")).err, 0);
  const original = Deno.FsFile.prototype.syncData;
  Deno.FsFile.prototype.syncData = () => Promise.reject(new Error("EIO: input/output error"));
  try {
    await assert.rejects(within("the write has an end", client.create("/lost")), RawClosed);
    await assert.rejects(within("the failure is told", server.failed), /Cannot write the log in .*EIO/);
    await assert.rejects(RawZooKeeper.connect(server.address), "it takes no more connections");
  } finally {
    Deno.FsFile.prototype.syncData = original;
    await server.close();
  }
  await using again = await start();
  await using after = await RawZooKeeper.connect(again.address);
  assert.equal((await after.exists("/kept")).err, 0);
});

test("A fault in the engine stops the server, which would not know its state any more", async (start) => {
  const server = await start();
  await using client = await RawZooKeeper.connect(server.address);
  await using bystander = await RawZooKeeper.connect(server.address);
  const original = Engine.prototype.commit;
  Engine.prototype.commit = () => {
    throw new TypeError("a fault nobody foresaw");
  };
  try {
    await assert.rejects(within("the request has an end", client.create("/n")), RawClosed);
    await assert.rejects(within("the failure is told", server.failed), /a fault nobody foresaw/);
    await within("every connection is closed", bystander.closed);
  } finally {
    Engine.prototype.commit = original;
    await server.close();
  }
});

test("One sync serves the writes of many clients", async (start) => {
  await using server = await start();
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawZooKeeper.connect(server.address)));
  await clients[0]!.create("/n");
  const original = Deno.FsFile.prototype.syncData;
  let syncs = 0;
  Deno.FsFile.prototype.syncData = function (this: Deno.FsFile) {
    syncs++;
    return original.call(this);
  };
  try {
    await Promise.all(clients.map(async (client, i) => {
      const writes = Array.from({ length: 100 }, (_, j) => client.create(`/n/${i}-${j}`));
      for (const reply of await Promise.all(writes)) assert.equal(reply.err, 0);
    }));
  } finally {
    Deno.FsFile.prototype.syncData = original;
  }
  assert.ok(syncs < 1000, `${syncs} syncs for 2000 writes`);
  for (const client of clients) await client.close();
});
