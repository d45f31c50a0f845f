/** What a session goes through when the network or the server fails, as the client's user sees it. */
import assert from "node:assert/strict";
import { CoordinationError } from "../../../lib/base/errors.ts";
import { ZooKeeper } from "../../../lib/zk/zookeeper.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { SESSION_MS, suite } from "../../harness/coordination.ts";
import { loseReply, OPERATION } from "../../harness/lost_reply.ts";
import { StateLog } from "../../harness/state_log.ts";
import { TcpProxy } from "../../harness/tcp_proxy.ts";
import { startCoordinator } from "../../harness/zookeeper.ts";

const test = suite();
const failsWith = (code: CoordinationError["code"]) => (error: unknown) => CoordinationError.is(error, code);

test("a cut connection suspends the session, and the same session goes on", async (place) => {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy });
  const log = place.use(new StateLog(zk));
  const session = await zk.connected();
  await zk.ensurePath("/e");
  await zk.create("/e/mine", "", { ephemeral: true });
  log.states.length = 0;
  proxy.cut();
  await log.saw("suspended", "connected");
  assert.equal(zk.session, session);
  assert.equal(session.lost.aborted, false);
  assert.equal(zk.attachment, 2);
  assert.equal((await zk.exists("/e/mine"))?.ephemeralOwner, session.id);
});

test("while it is not connected every operation is refused at once, and nothing is sent later", async (place) => {
  const proxy = place.proxy();
  const [zk, observer] = [place.client({ through: proxy }), place.client()];
  await Promise.all([zk.connected(), observer.connected()]);
  await zk.ensurePath("/s");
  proxy.refuse();
  proxy.cut();
  await until("suspended", () => zk.state === "suspended");
  assert.equal(zk.acting, false);
  const sent = zk.counters().operations;
  const results = await Promise.allSettled([
    zk.create("/s/a", ""),
    zk.setData("/s", "x"),
    zk.getData("/s"),
    zk.exists("/s"),
    zk.getChildren("/s"),
    zk.remove("/s"),
    zk.sync("/s"),
    zk.ensurePath("/s/b"),
  ]);
  for (const result of results) {
    assert.ok(result.status === "rejected" && failsWith("SUSPENDED")(result.reason));
    assert.equal(result.reason.maybeApplied, false);
  }
  assert.equal(zk.counters().operations, sent);
  proxy.admit();
  await zk.connected();
  await zk.sync("/s");
  assert.deepEqual((await observer.getChildren("/s")).names, []);
  assert.equal((await observer.getData("/s")).stat.version, 0);
});

for (const moment of ["before", "after"] as const) {
  test(`a reply lost ${moment} the server acted is a connection loss that may have been applied`, async (place) => {
    const proxy = place.proxy();
    const zk = place.client({ through: proxy });
    await zk.connected();
    await zk.ensurePath("/l");
    const lost = loseReply(proxy, { operation: "setData", moment });
    const error = await zk.setData("/l", "x").then(() => undefined, (error) => error);
    await within("the reply was lost", lost);
    assert.ok(failsWith("CONNECTION_LOSS")(error), String(error));
    assert.equal((error as CoordinationError).maybeApplied, true);
    await zk.connected();
    assert.equal((await zk.getData("/l")).stat.version, moment === "after" ? 1 : 0);
  });
}

test("a silent network is noticed by our own clock: suspended, then lost, while nothing was heard", async (place) => {
  const proxy = place.proxy();
  const [zk, observer] = [place.client({ through: proxy }), place.client()];
  const log = place.use(new StateLog(zk));
  const session = await zk.connected();
  await observer.connected();
  await zk.ensurePath("/n");
  await zk.create("/n/mine", "", { ephemeral: true });
  const reasons: string[] = [];
  await zk.getData("/n", (reason) => reasons.push(reason));
  log.states.length = 0;
  const held = zk.counters().bytesIn;
  proxy.hold();
  const pending = zk.getData("/n").catch((error) => error);
  await log.saw("suspended", "lost");
  assert.equal(zk.counters().bytesIn, held, "lost without a word from the server");
  assert.equal(session.lost.aborted, true);
  assert.ok(CoordinationError.is(session.lost.reason, "SESSION_LOST"));
  assert.equal(zk.session, undefined);
  assert.ok((await pending as CoordinationError).maybeApplied);
  assert.deepEqual(reasons.filter((reason) => reason !== "reattached"), ["ended"]);
  await assert.rejects(zk.getData("/n"), (error) => CoordinationError.is(error, "SUSPENDED", "SESSION_LOST"));
  proxy.release();
  const next = await zk.connected();
  assert.equal(next.generation, 2);
  assert.notEqual(next.id, session.id);
  assert.equal(next.lost.aborted, false);
  await until(
    "the lost session's node is gone",
    async () => (await observer.getChildren("/n")).names.length === 0,
  );
});

test("a server that falls silent is left for another one within the session", async (place) => {
  const proxies = [place.proxy(), place.proxy()];
  const servers = proxies.map(({ address }) => address).join(",") + place.chroot;
  const zk = place.use(new ZooKeeper({ servers, sessionTimeoutMs: 4_000 }));
  const log = place.use(new StateLog(zk));
  const session = await zk.connected();
  log.states.length = 0;
  const used = proxies.findIndex(({ connections }) => connections === 1);
  proxies[used]!.hold();
  await log.saw("suspended", "connected");
  assert.equal(zk.session, session);
  assert.equal(session.lost.aborted, false);
  assert.equal(proxies[1 - used]!.connections, 1);
});

test("a session that another connection has closed is lost by the server's word", async (place) => {
  const proxy = place.proxy();
  let handshake: Uint8Array | undefined;
  proxy.intercept = (chunk, direction) => {
    if (direction === "down") handshake ??= chunk.slice();
    return "pass";
  };
  const zk = place.client({ through: proxy, sessionTimeoutMs: 10_000 });
  const log = place.use(new StateLog(zk));
  const session = await zk.connected();
  log.states.length = 0;
  await closeSessionElsewhere(place.coordinator.port, handshake!);
  proxy.cut();
  await log.saw("suspended", "connected");
  assert.equal(session.lost.aborted, true);
  assert.match(String(session.lost.reason), /expired/);
  assert.equal(zk.session?.generation, 2);
});

test("when the server was away for longer than the session, the old session is closed before it would expire", async (place) => {
  const coordinator = place.use(await startCoordinator());
  const proxy = place.use(
    new TcpProxy({ target: coordinator.port }),
  );
  const zk = place.use(new ZooKeeper({ servers: proxy.address, sessionTimeoutMs: 2 * SESSION_MS }));
  const log = place.use(new StateLog(zk));
  const session = await zk.connected();
  await zk.create("/mine", "", { ephemeral: true });
  log.states.length = 0;
  await coordinator.kill();
  await log.saw("suspended", "lost");
  let closed = 0;
  proxy.intercept = (chunk, direction) => {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    if (direction === "up" && chunk.length === 12 && view.getInt32(8) === OPERATION.closeSession) closed += 1;
    return "pass";
  };
  await coordinator.restart();
  const next = await within("a new session", zk.connected(), 30_000);
  assert.notEqual(next.id, session.id);
  await until("the old session's node is gone", async () => await zk.exists("/mine") === undefined);
  assert.equal(closed, 1);
  assert.equal(next.lost.aborted, false);
});

test("the server restarting within the session is a suspension: same session, watches armed again", async (place) => {
  const coordinator = place.use(await startCoordinator());
  const client = () => place.use(new ZooKeeper({ servers: coordinator.servers, sessionTimeoutMs: 10_000 }));
  const [zk, other] = [client(), client()];
  const log = place.use(new StateLog(zk));
  const session = await zk.connected();
  await other.connected();
  await zk.ensurePath("/r");
  await zk.create("/r/mine", "", { ephemeral: true });
  const reasons: string[] = [];
  await zk.getData("/r", (reason) => reasons.push(reason));
  log.states.length = 0;
  await coordinator.restart();
  await log.saw("suspended", "connected");
  assert.equal(zk.session, session);
  assert.equal((await zk.exists("/r/mine"))?.ephemeralOwner, session.id);
  await other.connected();
  await other.setData("/r", "changed");
  await until("the watch fires", () => reasons.includes("changed"));
  assert.deepEqual(reasons, ["reattached", "changed"]);
});

test("a server that stands still past the session and goes on: lost by our clock, then a new session", async (place) => {
  const coordinator = place.use(await startCoordinator());
  const zk = place.use(new ZooKeeper({ servers: coordinator.servers, sessionTimeoutMs: SESSION_MS }));
  const log = place.use(new StateLog(zk));
  const session = await zk.connected();
  log.states.length = 0;
  coordinator.pause();
  await log.saw("suspended", "lost");
  assert.equal(session.lost.aborted, true);
  coordinator.resume();
  assert.equal((await zk.connected()).generation, 2);
});

test("a watch whose event happened while we were away fires when we are back", async (place) => {
  const proxy = place.proxy();
  const [zk, other] = [place.client({ through: proxy, sessionTimeoutMs: 10_000 }), place.client()];
  await Promise.all([zk.connected(), other.connected()]);
  await zk.ensurePath("/w/a");
  await zk.ensurePath("/w/b");
  const fired: string[] = [];
  const note = (name: string) => (reason: string) => reason === "changed" && fired.push(name);
  await zk.getData("/w/a", note("data"));
  await zk.getData("/w/b", note("deleted and created again"));
  await zk.getChildren("/w", note("children"));
  await zk.exists("/w/c", note("created"));
  await zk.exists("/w/never", note("never"));
  proxy.refuse();
  proxy.cut();
  await until("suspended", () => zk.state === "suspended");
  await other.setData("/w/a", "x");
  await other.remove("/w/b");
  await other.ensurePath("/w/b");
  await other.ensurePath("/w/c");
  proxy.admit();
  await zk.connected();
  await until("all have fired", () => fired.length === 4);
  await zk.sync("/w");
  assert.deepEqual(fired.toSorted(), ["children", "created", "data", "deleted and created again"]);
});

test("more watches than fit into one packet are armed again", async (place) => {
  const proxy = place.proxy();
  const options = { sessionTimeoutMs: 10_000, operationDeadlineMs: 60_000 };
  const [zk, other] = [place.client({ through: proxy, ...options }), place.client()];
  const session = await zk.connected();
  await other.connected();
  await zk.ensurePath("/many");
  const name = (i: number) => `/many/${"long".repeat(20)}-${i}`;
  const fired = new Set<number>();
  const count = 13_000;
  await Promise.all(Array.from({ length: count }, (_, i) =>
    zk.exists(name(i), (reason) => {
      if (reason === "changed") fired.add(i);
    })));
  assert.equal(zk.counters().watches, count);
  proxy.cut();
  await until("attached again", () => zk.attachment === 2 && zk.acting);
  await zk.sync("/many");
  for (const i of [0, count >> 1, count - 1]) await other.create(name(i), "");
  await until("all three have fired", () => fired.size === 3);
  assert.equal(zk.session, session);
  assert.equal(zk.attachment, 2, "the packets were taken");
});

test("half a reply of a lost connection does not spoil the next one", async (place) => {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy });
  await zk.connected();
  const data = Uint8Array.from({ length: 900_000 }, (_, i) => (i * 31) >> 3);
  await zk.ensurePath("/big");
  await zk.setData("/big", data);
  let passed = 0;
  proxy.intercept = (chunk, direction) => {
    if (direction === "up" || (passed += chunk.length) < 100_000) return "pass";
    proxy.intercept = undefined;
    return "pass-then-cut";
  };
  await assert.rejects(zk.getData("/big"), failsWith("CONNECTION_LOSS"));
  await zk.connected();
  assert.deepEqual((await zk.getData("/big")).data, data);
});

test("a process that stood still for most of the session does not think it is connected, and keeps its session", async (place) => {
  const zk = place.client();
  const session = await zk.connected();
  await zk.ensurePath("/c");
  const end = performance.now() + session.timeoutMs * 0.75;
  while (performance.now() < end);
  assert.equal(zk.state, "suspended");
  assert.equal(zk.acting, false);
  await assert.rejects(zk.getData("/c"), failsWith("SUSPENDED"));
  await until("connected again", () => zk.acting);
  assert.equal(zk.session, session);
});

test("a process that stood still past the session has lost it, at the first look", async (place) => {
  const zk = place.client();
  const session = await zk.connected();
  const end = performance.now() + session.timeoutMs * 1.1;
  while (performance.now() < end);
  assert.equal(zk.state, "lost");
  assert.equal(zk.session, undefined);
  await assert.rejects(zk.getData("/"), failsWith("SESSION_LOST"));
  assert.equal(session.lost.aborted, true);
  assert.equal((await zk.connected()).generation, 2);
});

test("an operation without an answer fails by its deadline and costs the connection, not the session", async (place) => {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy, sessionTimeoutMs: 10_000, operationDeadlineMs: 300 });
  const session = await zk.connected();
  await zk.ensurePath("/d");
  proxy.hold();
  await assert.rejects(zk.setData("/d", "x"), failsWith("DEADLINE"));
  proxy.release();
  await until("attached again", () => zk.attachment === 2 && zk.acting);
  assert.equal(zk.session, session);
});

test("through two hundred cuts, who reads after a lost reply counts each step exactly once", async (place) => {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy, sessionTimeoutMs: 10_000 });
  await zk.connected();
  await zk.ensurePath("/count");
  let cutting = true;
  const cutter = (async () => {
    for (let i = 0; i < 200 && cutting; i++) {
      await delay(Math.random() * 12);
      proxy.cut();
    }
    cutting = false;
  })();
  let steps = 0;
  let losses = 0;
  while (cutting || steps < 50) {
    try {
      await zk.connected();
      const { data, stat } = await zk.getData("/count");
      const known = Number(new TextDecoder().decode(data) || "0");
      assert.ok(known === steps || known === steps + 1, `${known} after ${steps}`);
      steps = known;
      await zk.setData("/count", String(steps + 1), stat.version);
      steps += 1;
    } catch (error) {
      assert.ok(CoordinationError.is(error, "CONNECTION_LOSS", "SUSPENDED"), String(error));
      losses += 1;
    }
  }
  await cutter;
  assert.ok(losses > 0);
  await zk.connected();
  const { stat } = await zk.getData("/count");
  assert.ok(stat.version === steps || stat.version === steps + 1);
  assert.equal(zk.session?.generation, 1);
});

/** Attach to a session from its handshake's answer over another connection, and close it. */
async function closeSessionElsewhere(port: number, answer: Uint8Array): Promise<void> {
  const from = new DataView(answer.buffer, answer.byteOffset, answer.length);
  const frame = new Uint8Array(48 + 12);
  const to = new DataView(frame.buffer);
  to.setInt32(0, 44);
  to.setInt32(16, from.getInt32(8)); // timeout
  to.setBigInt64(20, from.getBigInt64(12)); // session id
  to.setInt32(28, 16);
  frame.set(answer.subarray(24, 40), 32); // password
  to.setInt32(48, 8);
  to.setInt32(52, 1);
  to.setInt32(56, OPERATION.closeSession);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(frame);
  const buffer = new Uint8Array(1_000);
  let bytes = 0;
  // The handshake's answer and the reply to the close, or the end of the stream.
  while (bytes < 40 + 20) {
    const count = await connection.read(buffer);
    if (count === null) return;
    bytes += count;
  }
}
