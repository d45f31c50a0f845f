/** The operations of the client against a real server: what they return, how they fail, how many go out. */
import assert from "node:assert/strict";
import { CoordinationError } from "../../../lib/base/errors.ts";
import { until } from "../../harness/condition.ts";
import { suite } from "../../harness/coordination.ts";

const test = suite();
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const failsWith = (code: CoordinationError["code"]) => (error: unknown) => CoordinationError.is(error, code);

test("a chroot that does not exist is created with the first path, and paths are relative to it", async (place) => {
  const zk = place.client();
  await zk.connected();
  await zk.ensurePath("/a/b/c");
  await zk.ensurePath("/a/b/c");
  assert.equal(await zk.create("/a/b/c/d", "x"), "/a/b/c/d");
  assert.deepEqual((await zk.getChildren("/")).names, ["a"]);
  const path = await zk.create("/a/s-", "", { sequential: true });
  assert.match(path, /^\/a\/s-\d{10}$/);
});

test("data go in and out unchanged: text, bytes, a part of a buffer, nothing, and a lot", async (place) => {
  const zk = place.client();
  await zk.connected();
  await zk.ensurePath("/d");
  const big = crypto.getRandomValues(new Uint8Array(60_000));
  const large = new Uint8Array(1_040_000).fill(7);
  const samples = ["", "grün ✓", new Uint8Array([0, 255, 1]), big.subarray(10, 20), large];
  for (const [i, sample] of samples.entries()) {
    const expected = typeof sample === "string" ? new TextEncoder().encode(sample) : sample;
    await zk.create(`/d/${i}`, sample);
    assert.deepEqual((await zk.getData(`/d/${i}`)).data, new Uint8Array(expected));
    await zk.setData(`/d/${i}`, sample);
    assert.deepEqual((await zk.getData(`/d/${i}`)).data, new Uint8Array(expected));
  }
});

test("a request too large for the server is refused here, and costs neither connection nor session", async (place) => {
  const zk = place.client();
  const session = await zk.connected();
  await zk.ensurePath("/d");
  await assert.rejects(zk.setData("/d", new Uint8Array(1_100_000)), failsWith("INVALID"));
  await assert.rejects(zk.create("/e", new Uint8Array(1_100_000)), failsWith("INVALID"));
  assert.equal(zk.session, session);
  assert.equal(zk.attachment, 1);
});

test("version 0 means version 0, and no version means any", async (place) => {
  const zk = place.client();
  await zk.connected();
  await zk.ensurePath("/v");
  assert.equal((await zk.setData("/v", "one", 0)).version, 1);
  await assert.rejects(zk.setData("/v", "two", 0), failsWith("BAD_VERSION"));
  await assert.rejects(zk.remove("/v", 0), failsWith("BAD_VERSION"));
  assert.equal(text((await zk.getData("/v")).data), "one");
  assert.equal((await zk.setData("/v", "three")).version, 2);
  await zk.remove("/v", 2);
  assert.equal(await zk.exists("/v"), undefined);
});

test("each failure has its code, and says what failed on which path", async (place) => {
  const zk = place.client();
  await zk.connected();
  await zk.ensurePath("/p/child");
  await assert.rejects(zk.getData("/none"), failsWith("NO_NODE"));
  await assert.rejects(zk.getChildren("/none"), failsWith("NO_NODE"));
  await assert.rejects(zk.setData("/none", ""), failsWith("NO_NODE"));
  await assert.rejects(zk.remove("/none"), failsWith("NO_NODE"));
  await assert.rejects(zk.create("/none/child", ""), failsWith("NO_NODE"));
  await assert.rejects(zk.create("/p", ""), failsWith("NODE_EXISTS"));
  await assert.rejects(zk.remove("/p"), failsWith("NOT_EMPTY"));
  await assert.rejects(zk.getData("relative"), failsWith("INVALID"));
  await zk.create("/ephemeral", "", { ephemeral: true });
  await assert.rejects(zk.create("/ephemeral/child", ""), failsWith("INVALID"));
  await assert.rejects(
    zk.remove("/p"),
    /^CoordinationError: Cannot remove \/p in ZooKeeper: the node has children$/,
  );
});

test("a stat has what the recipes rest on", async (place) => {
  const zk = place.client();
  const session = await zk.connected();
  await zk.ensurePath("/s");
  await zk.create("/s/e", "abc", { ephemeral: true });
  const { stat } = await zk.getData("/s/e");
  assert.equal(stat.ephemeralOwner, session.id);
  assert.equal(stat.czxid, stat.mzxid);
  assert.equal(stat.dataLength, 3);
  assert.ok(Math.abs(stat.ctime - Date.now()) < 60_000);
  const after = await zk.setData("/s/e", "abcd");
  assert.equal(after.czxid, stat.czxid);
  assert.ok(after.mzxid > stat.mzxid);
  const parent = (await zk.exists("/s"))!;
  assert.equal(parent.ephemeralOwner, 0n);
  assert.equal(parent.numChildren, 1);
});

test("a create that is meant for another session is refused", async (place) => {
  const zk = place.client();
  const other = place.client();
  await zk.connected();
  const session = await other.connected();
  await assert.rejects(zk.create("/x", "", { session }), failsWith("SESSION_LOST"));
});

test("a tree of any depth is removed, also while others create and remove in it", async (place) => {
  const [zk, other] = [place.client(), place.client()];
  await Promise.all([zk.connected(), other.connected()]);
  await zk.ensurePath("/t/a/b/c/d/e");
  await zk.ensurePath("/t/a/f");
  assert.equal(await zk.removeTree("/t"), 7);
  assert.equal(await zk.removeTree("/t"), 0);
  let creating = true;
  const churn = (async () => {
    for (let i = 0; creating; i++) await other.ensurePath(`/u/${i % 7}/${i % 5}`);
  })();
  await until("the other one has begun", async () => await zk.exists("/u/1"));
  for (let round = 0; round < 5; round++) {
    await zk.removeTree("/u").catch((error) =>
      assert.ok(CoordinationError.is(error, "NOT_EMPTY"), String(error))
    );
  }
  creating = false;
  await churn;
  await zk.removeTree("/u");
  assert.equal(await zk.exists("/u"), undefined);
});

test("everything below the chroot goes with its root, the chroot itself stays", async (place) => {
  const zk = place.client();
  await zk.connected();
  await zk.ensurePath("/a/b");
  await zk.ensurePath("/c");
  assert.equal(await zk.removeTree("/"), 3);
  assert.deepEqual((await zk.getChildren("/")).names, []);
});

test("after a sync a client reads what another one wrote before it", async (place) => {
  const [writer, reader] = [place.client(), place.client()];
  await Promise.all([writer.connected(), reader.connected()]);
  await writer.ensurePath("/s");
  for (let i = 0; i < 50; i++) {
    await writer.setData("/s", String(i));
    await reader.sync("/s");
    assert.equal(text((await reader.getData("/s")).data), String(i));
  }
});

test("ten thousand operations at once are all answered, in the order they were asked", async (place) => {
  const zk = place.client({ sessionTimeoutMs: 10_000, operationDeadlineMs: 60_000 });
  await zk.connected();
  await zk.ensurePath("/many");
  const before = zk.counters().operations;
  const order: number[] = [];
  await Promise.all(Array.from({ length: 10_000 }, async (_, i) => {
    await zk.exists("/many");
    order.push(i);
  }));
  assert.deepEqual(order, order.toSorted((a, b) => a - b));
  assert.equal(zk.counters().operations - before, 10_000);
  assert.equal(zk.attachment, 1);
});

test("more operations than can wait are refused, and the others are answered", async (place) => {
  const zk = place.client({ sessionTimeoutMs: 10_000, operationDeadlineMs: 60_000 });
  await zk.connected();
  await zk.ensurePath("/many");
  const results = await Promise.allSettled(Array.from({ length: 25_000 }, () => zk.exists("/many")));
  const refused = results.filter((result) => result.status === "rejected");
  assert.ok(refused.length > 0 && refused.length < 5_000, String(refused.length));
  assert.ok(refused.every(({ reason }) => failsWith("OTHER")(reason)));
});

test("an error number that nobody knows is a failure of its operation, and of nothing else", async (place) => {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy });
  const session = await zk.connected();
  await zk.ensurePath("/q");
  proxy.intercept = (chunk, direction) => {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    if (direction === "down" && chunk.length === 20 && view.getInt32(16) === -101) view.setInt32(16, -125); // a quota
    return "pass";
  };
  await assert.rejects(
    zk.getData("/none"),
    (error) => failsWith("OTHER")(error) && /error -125/.test(String(error)),
  );
  await zk.setData("/q", "x");
  assert.equal(zk.session, session);
  assert.equal(zk.attachment, 1);
});

test("close is idempotent, ends the session on the server, and what comes after is refused as closed", async (place) => {
  const [zk, observer] = [place.client(), place.client()];
  const session = await zk.connected();
  await observer.connected();
  await zk.ensurePath("/c");
  await zk.create("/c/e", "", { ephemeral: true });
  const pending = zk.getData("/c");
  const closing = zk.close();
  assert.equal(zk.state, "closed");
  assert.equal(zk.session, undefined);
  await assert.rejects(pending, failsWith("CLOSED"));
  await Promise.all([closing, zk.close()]);
  assert.equal(session.lost.aborted, true);
  await assert.rejects(zk.getData("/c"), failsWith("CLOSED"));
  await assert.rejects(zk.connected(), failsWith("CLOSED"));
  assert.deepEqual((await observer.getChildren("/c")).names, []);
});
