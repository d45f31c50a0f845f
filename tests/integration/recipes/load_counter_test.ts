/** The load figure equals the truth, whoever writes it and whatever gets in between. */
import assert from "node:assert/strict";
import { CoordinationError } from "../../../lib/base/errors.ts";
import {
  LOAD,
  PRIMARIES,
  primaryPath,
  publisherPath,
  PUBLISHERS,
  subscriberPath,
  SUBSCRIBERS,
} from "../../../lib/model/paths.ts";
import { LoadCounter } from "../../../lib/recipes/load_counter.ts";
import type { ZooKeeper } from "../../../lib/zk/zookeeper.ts";
import { delay, until } from "../../harness/condition.ts";
import { type Place, SESSION_MS, suite } from "../../harness/coordination.ts";
import { loseReply, OPERATION } from "../../harness/lost_reply.ts";

const test = suite();

async function prepared(place: Place): Promise<ZooKeeper> {
  const zk = place.client({ sessionTimeoutMs: 10_000 });
  await zk.connected();
  for (const path of [PRIMARIES, PUBLISHERS, SUBSCRIBERS]) await zk.ensurePath(path);
  return zk;
}

async function figure(zk: ZooKeeper): Promise<string | undefined> {
  try {
    return new TextDecoder().decode((await zk.getData(LOAD)).data);
  } catch (error) {
    if (CoordinationError.is(error, "NO_NODE")) return undefined;
    throw error;
  }
}

function counter(place: Place, sessionTimeoutMs = 10_000) {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy, sessionTimeoutMs });
  return { proxy, zk, counter: place.use(new LoadCounter(zk)) };
}

test("the figure follows clients and zones", async (place) => {
  const zk = await prepared(place);
  const { counter: load } = counter(place);
  load.start();
  load.start();
  await until("nobody is no load", async () => await figure(zk) === "0");
  await zk.create(primaryPath(1), "");
  await zk.create(publisherPath("p"), "");
  await until("one", async () => await figure(zk) === "1");
  await zk.create(primaryPath(2), "");
  await until("a half", async () => await figure(zk) === "0.5");
  for (const id of ["a", "b", "c", "d"]) await zk.create(subscriberPath(id), "");
  await until("five for two", async () => await figure(zk) === "2.5");
  await zk.remove(primaryPath(1));
  await until("five for one", async () => await figure(zk) === "5");
  await zk.removeTree(SUBSCRIBERS);
  await until("one", async () => await figure(zk) === "1");
});

test("nothing is there yet: the paths are waited for, the figure is created", async (place) => {
  const zk = place.client();
  await zk.connected();
  const { counter: load } = counter(place);
  load.start();
  await until("the figure", async () => await figure(zk) === "0");
  await zk.ensurePath(primaryPath(1));
  await zk.ensurePath(publisherPath("p"));
  await until("one", async () => await figure(zk) === "1");
});

test("it is not written when equal, and nothing is done while nothing changes", async (place) => {
  const zk = await prepared(place);
  await zk.create(primaryPath(1), "");
  await zk.create(publisherPath("p"), "");
  const { zk: own, counter: load } = counter(place);
  load.start();
  await until("one", async () => await figure(zk) === "1");
  await delay(200);
  const version = (await zk.exists(LOAD))!.version;
  const before = own.counters().operations;
  await delay(500);
  assert.equal(own.counters().operations, before);
  // One comes and one goes: looked at, not written.
  await Promise.all([zk.create(publisherPath("q"), ""), zk.remove(publisherPath("p"))]);
  await until("it has looked", () => own.counters().operations > before);
  await delay(200);
  assert.equal(await figure(zk), "1");
  assert.ok((await zk.exists(LOAD))!.version - version <= 2);
});

test("a burst of a hundred clients is a few writes", async (place) => {
  const zk = await prepared(place);
  await zk.create(primaryPath(1), "");
  const { counter: load } = counter(place);
  load.start();
  await until("the figure", async () => await figure(zk) === "0");
  await Promise.all(Array.from({ length: 100 }, (_, i) => zk.create(publisherPath(String(i)), "")));
  await until("a hundred", async () => await figure(zk) === "100");
  assert.ok((await zk.exists(LOAD))!.version < 20);
});

test("ten primaries count at once while clients come and go: the figure ends at the truth", async (place) => {
  const zk = await prepared(place);
  const counters = Array.from({ length: 10 }, () => counter(place));
  for (const [i, { counter: load }] of counters.entries()) {
    await zk.create(primaryPath(i + 1), "");
    load.start();
  }
  const present = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const id = String(Math.floor(Math.random() * 30));
    if (present.delete(id)) await zk.remove(publisherPath(id));
    else {
      await zk.create(publisherPath(id), "");
      present.add(id);
    }
    if (i % 20 === 7) counters[i % 10]!.proxy.cut();
  }
  const truth = String(present.size / 10);
  await until("the truth", async () => await figure(zk) === truth);
  await delay(500);
  assert.equal(await figure(zk), truth, "and stays");
});

test("a count that comes late does not overwrite a newer one", async (place) => {
  const zk = await prepared(place);
  await zk.create(primaryPath(1), "");
  await zk.create(LOAD, "0");
  await zk.create(publisherPath("p"), "");
  const [late, other] = [counter(place), counter(place)];
  await Promise.all([late.zk.connected(), other.zk.connected()]);
  const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<"pass">()];
  late.proxy.intercept = (chunk, direction) => {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    if (direction !== "up" || chunk.length < 12 || view.getInt32(8) !== OPERATION.setData) return "pass";
    late.proxy.intercept = undefined;
    reached.resolve();
    return goOn.promise;
  };
  const counting = late.counter.recompute();
  await reached.promise; // it has counted one
  await zk.create(publisherPath("q"), "");
  assert.equal(await other.counter.recompute(), 2);
  goOn.resolve("pass");
  assert.equal(await counting, 2);
  assert.equal(await figure(zk), "2");
  assert.equal((await zk.exists(LOAD))?.version, 1);
});

test("a figure that somebody else writes wrongly is put right; one that is removed is created", async (place) => {
  const zk = await prepared(place);
  await zk.create(primaryPath(1), "");
  const { counter: load } = counter(place);
  load.start();
  await until("the figure", async () => await figure(zk) === "0");
  await zk.setData(LOAD, "77");
  await until("put right", async () => await figure(zk) === "0");
  await zk.remove(LOAD);
  await until("created", async () => await figure(zk) === "0");
});

for (const operation of ["create", "setData", "getData"] as const) {
  for (const moment of ["before", "after"] as const) {
    test(`the reply to ${operation} is lost ${moment} the server acted: the figure is right`, async (place) => {
      const zk = await prepared(place);
      await zk.create(primaryPath(1), "");
      if (operation === "setData") await zk.create(LOAD, "9");
      const one = counter(place);
      await one.zk.connected();
      const lost = loseReply(one.proxy, { operation, moment });
      one.counter.start();
      await lost;
      await until("right", async () => await figure(zk) === "0");
      await zk.create(publisherPath("p"), "");
      await until("and it goes on", async () => await figure(zk) === "1");
    });
  }
}

test("a new session counts again; stopped, it leaves the figure alone; started again, it counts", async (place) => {
  const zk = await prepared(place);
  await zk.create(primaryPath(1), "");
  const one = counter(place, SESSION_MS);
  one.counter.start();
  await until("the figure", async () => await figure(zk) === "0");
  one.proxy.hold();
  await until("the loss is seen", () => one.zk.state === "lost");
  await zk.create(publisherPath("p"), "");
  one.proxy.release();
  one.proxy.cut();
  await until("counted in the new session", async () => await figure(zk) === "1");
  one.counter.stop();
  await delay(100);
  await zk.create(publisherPath("q"), "");
  await delay(200);
  assert.equal(await figure(zk), "1");
  one.counter.start();
  await until("counted again", async () => await figure(zk) === "2");
  await one.counter.close();
});

test("recompute returns the load, and fails as an operation does when not connected", async (place) => {
  const zk = await prepared(place);
  await zk.create(primaryPath(1), "");
  await zk.create(primaryPath(2), "");
  await zk.create(publisherPath("p"), "");
  const load = place.use(new LoadCounter(zk));
  assert.equal(await load.recompute(), 0.5);
  await zk.close();
  await assert.rejects(load.recompute(), (error) => CoordinationError.is(error, "CLOSED"));
});
