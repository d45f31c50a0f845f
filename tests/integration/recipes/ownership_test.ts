/** Ownership of a topic: the strongest owns, one at a time, epochs only grow. */
import assert from "node:assert/strict";
import { CoordinationError } from "../../../lib/base/errors.ts";
import { topicPath } from "../../../lib/model/paths.ts";
import { type Ownership, parseOwner, TopicOwnership } from "../../../lib/recipes/ownership.ts";
import { ZooKeeper } from "../../../lib/zk/zookeeper.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { type Place, SESSION_MS, suite } from "../../harness/coordination.ts";
import { loseReply, OPERATION } from "../../harness/lost_reply.ts";
import { startCoordinator } from "../../harness/zookeeper.ts";

const test = suite();
const TOPIC = "A/ß .";

function contend(place: Place, publisher: string, strength = 0, sessionTimeoutMs = SESSION_MS) {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy, sessionTimeoutMs });
  return { proxy, zk, ownership: place.use(new TopicOwnership(zk, TOPIC, { publisher, strength })) };
}

type Contending = ReturnType<typeof contend>;

async function owns({ ownership }: Contending): Promise<bigint> {
  await until("it owns", () => ownership.owner, 20_000);
  assert.ok(ownership.epoch > 0n);
  return ownership.epoch;
}

async function waits({ ownership }: Contending): Promise<void> {
  assert.deepEqual(await within("decided", ownership.decided()), { owner: false, epoch: 0n });
}

async function recorded(zk: ZooKeeper) {
  await zk.connected();
  await zk.sync("/");
  const { data, stat } = await zk.getData(topicPath(TOPIC));
  return parseOwner(data, stat);
}

async function contenders(zk: ZooKeeper): Promise<string[]> {
  await zk.sync("/");
  return (await zk.getChildren(topicPath(TOPIC))).names;
}

test("the first one owns and writes the record, whose mzxid is the epoch; the second one waits, and inherits", async (place) => {
  const a = contend(place, "a");
  const first = await owns(a);
  assert.deepEqual(await a.ownership.decided(), { owner: true, epoch: first });
  assert.deepEqual(await recorded(a.zk), { publisher: "a", strength: 0, epoch: first });
  const b = contend(place, "b");
  await waits(b);
  assert.equal(b.ownership.owner, false);
  assert.equal(b.ownership.epoch, 0n);
  await a.ownership.close();
  assert.equal(a.ownership.owner, false);
  const second = await owns(b);
  assert.ok(second > first);
  assert.deepEqual(await recorded(b.zk), { publisher: "b", strength: 0, epoch: second });
});

test("a stronger one takes over at once, a weaker one does not, an equal one does not", async (place) => {
  const a = contend(place, "a", 5);
  const first = await owns(a);
  const [weaker, equal] = [contend(place, "w", 4), contend(place, "e", 5)];
  await Promise.all([waits(weaker), waits(equal)]);
  assert.equal(a.ownership.epoch, first);
  const stronger = contend(place, "s", 10);
  const second = await owns(stronger);
  assert.ok(second > first);
  await until("the old owner knows", () => !a.ownership.owner);
  assert.equal((await recorded(a.zk))?.publisher, "s");
  // It goes again: back to the strongest of the rest, by arrival.
  await stronger.ownership.close();
  const third = await owns(a);
  assert.ok(third > second);
  await a.ownership.close();
  assert.ok(await owns(equal) > third);
  await equal.ownership.close();
  await owns(weaker);
});

test("many at once with all kinds of strength: they own in the order of strength, then of arrival", async (place) => {
  const zk = place.client();
  await zk.connected();
  const strengths = [0, 3, 3, -2, 7, 0, 7, 1];
  const all = [];
  for (const [i, strength] of strengths.entries()) {
    const ownership = place.use(new TopicOwnership(zk, TOPIC, { publisher: String(i), strength }));
    await ownership.decided();
    all.push({ i, strength, ownership });
  }
  const order = all.toSorted((x, y) => y.strength - x.strength || x.i - y.i);
  let last = 0n;
  for (const { i, ownership } of order) {
    await until(`${i} owns`, () => ownership.owner);
    assert.ok(ownership.epoch > last);
    last = ownership.epoch;
    assert.equal(all.filter((one) => one.ownership.owner).length, 1);
    await ownership.close();
  }
});

for (const operation of ["create", "setData", "getChildren", "getData"] as const) {
  for (const moment of ["before", "after"] as const) {
    test(`the reply to ${operation} is lost ${moment} the server acted: one node, owner, the epoch is the record's`, async (place) => {
      const observer = place.client();
      await observer.connected();
      await observer.ensurePath(topicPath(TOPIC));
      const proxy = place.proxy();
      const zk = place.client({ through: proxy });
      await zk.connected();
      const lost = loseReply(proxy, { operation, moment });
      const a = {
        proxy,
        zk,
        ownership: place.use(new TopicOwnership(zk, TOPIC, { publisher: "a", strength: 0 })),
      };
      await within("the reply is lost", lost);
      const epoch = await owns(a);
      assert.equal((await contenders(observer)).length, 1);
      assert.equal((await recorded(observer))?.epoch, epoch);
      const stat = await observer.exists(topicPath(TOPIC));
      assert.equal(stat?.version, 1, "written once");
      assert.equal(stat?.cversion, 1, "there never was a second node");
      assert.equal(zk.session?.generation, 1);
    });
  }
}

test("suspended it is not the owner, at once; the same session back, it is with the same epoch, verified", async (place) => {
  const a = contend(place, "a", 0, 10_000);
  const epoch = await owns(a);
  const b = contend(place, "b");
  await waits(b);
  const seen: Ownership[] = [];
  const following = (async () => {
    for await (const ownership of a.ownership.changes()) seen.push(ownership);
  })();
  a.proxy.refuse();
  a.proxy.cut();
  await until("the loss is seen", () => !a.ownership.owner && a.zk.state === "suspended");
  await until("and told", () => seen.at(-1)?.owner === false);
  assert.equal(a.ownership.epoch, 0n);
  a.proxy.admit();
  assert.equal(await owns(a), epoch);
  await until("told", () => seen.at(-1)?.owner === true);
  assert.equal(b.ownership.owner, false);
  await a.ownership.close();
  await within("the changes end", following);
  assert.deepEqual(seen, [
    { owner: true, epoch },
    { owner: false, epoch: 0n },
    { owner: true, epoch },
    { owner: false, epoch: 0n },
  ]);
});

test("a stronger one that came while the owner was suspended: back again, it never claims to own", async (place) => {
  const a = contend(place, "a", 0, 10_000);
  const first = await owns(a);
  a.proxy.refuse();
  a.proxy.cut();
  await until("suspended", () => a.zk.state === "suspended");
  const b = contend(place, "b", 1);
  const second = await owns(b);
  assert.ok(second > first);
  let claimed = false;
  const timer = setInterval(() => claimed ||= a.ownership.owner, 1);
  a.proxy.admit();
  await until("attached again and settled", () => a.zk.acting && a.zk.attachment === 2);
  await delay(100);
  clearInterval(timer);
  assert.equal(claimed, false);
  assert.equal(b.ownership.epoch, second);
});

test("the owner's session is lost: not the owner by its own clock before the next one is; back, it waits", async (place) => {
  const a = contend(place, "a");
  const first = await owns(a);
  const b = contend(place, "b");
  await waits(b);
  let both = false;
  const timer = setInterval(() => both ||= a.ownership.owner && b.ownership.owner, 1);
  a.proxy.hold();
  await until("the loss is seen", () => !a.ownership.owner);
  const second = await owns(b);
  assert.ok(second > first);
  a.proxy.release();
  a.proxy.cut();
  await until("it contends again", async () => a.zk.acting && (await contenders(b.zk)).length === 2);
  await delay(50);
  clearInterval(timer);
  assert.equal(both, false);
  assert.equal(a.ownership.owner, false);
  assert.equal(b.ownership.epoch, second);
});

test("ZooKeeper restarts within the session: the owner owns on with the same epoch", async (place) => {
  const coordinator = place.use(await startCoordinator());
  const make = (publisher: string) => {
    const zk = place.use(new ZooKeeper({ servers: coordinator.servers, sessionTimeoutMs: 10_000 }));
    return {
      zk,
      proxy: undefined!,
      ownership: place.use(new TopicOwnership(zk, TOPIC, { publisher, strength: 0 })),
    };
  };
  const a = make("a");
  const epoch = await owns(a);
  const b = make("b");
  await waits(b);
  await coordinator.kill();
  await until("the loss is seen", () => !a.ownership.owner);
  await coordinator.restart();
  assert.equal(await owns(a), epoch);
  await b.zk.connected();
  await delay(50);
  assert.equal(b.ownership.owner, false);
  await a.ownership.close();
  assert.ok(await owns(b) > epoch);
});

test("a write that comes late does not overwrite a newer owner's record", async (place) => {
  const observer = place.client();
  await observer.connected();
  await observer.ensurePath(topicPath(TOPIC));
  const proxy = place.proxy();
  const zk = place.client({ through: proxy, sessionTimeoutMs: 10_000 });
  await zk.connected();
  const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<"pass">()];
  proxy.intercept = (chunk, direction) => {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    if (direction !== "up" || chunk.length < 12 || view.getInt32(8) !== OPERATION.setData) return "pass";
    proxy.intercept = undefined;
    reached.resolve();
    return goOn.promise;
  };
  const a = {
    proxy,
    zk,
    ownership: place.use(new TopicOwnership(zk, TOPIC, { publisher: "a", strength: 0 })),
  };
  await within("its write is on the way", reached.promise);
  const b = contend(place, "b", 1);
  const epoch = await owns(b);
  goOn.resolve("pass");
  await waits(a);
  assert.deepEqual(await recorded(observer), { publisher: "b", strength: 1, epoch });
  assert.equal((await observer.exists(topicPath(TOPIC)))?.version, 1, "one write was taken");
  assert.equal(b.ownership.epoch, epoch);
});

test("the owner's node is deleted by an operator: it contends again with a new epoch", async (place) => {
  const a = contend(place, "a");
  const first = await owns(a);
  const observer = place.client();
  await observer.connected();
  await observer.remove(`${topicPath(TOPIC)}/${(await contenders(observer))[0]}`);
  await until("a new epoch", () => a.ownership.epoch > first);
  assert.equal((await contenders(observer)).length, 1);
});

test("a waiting one's node is deleted by an operator: it contends again", async (place) => {
  const a = contend(place, "a");
  await owns(a);
  const b = contend(place, "b");
  await waits(b);
  const before = await contenders(a.zk);
  const own = before.toSorted((x, y) => x.slice(-10) < y.slice(-10) ? -1 : 1)[1]!;
  await a.zk.remove(`${topicPath(TOPIC)}/${own}`);
  await until("it contends again", async () => {
    const names = await contenders(a.zk);
    return names.length === 2 && !names.includes(own);
  });
  assert.ok(a.ownership.owner);
  await a.ownership.close();
  await owns(b);
});

test("the topic is removed as a whole: it comes back with a new epoch", async (place) => {
  const a = contend(place, "a");
  const first = await owns(a);
  const observer = place.client();
  await observer.connected();
  await observer.removeTree("/topics").catch((error) => assert.ok(CoordinationError.is(error, "NOT_EMPTY")));
  await until("a new epoch", () => a.ownership.epoch > first);
  assert.equal((await recorded(observer))?.epoch, a.ownership.epoch);
});

test("somebody overwrites the record: at the next look the owner writes its own again", async (place) => {
  const a = contend(place, "a");
  const first = await owns(a);
  const observer = place.client();
  await observer.connected();
  await observer.setData(topicPath(TOPIC), "scribble");
  const b = contend(place, "b", -1); // a change of the list makes the owner look
  await waits(b);
  await until("a new epoch", () => a.ownership.epoch > first);
  assert.equal((await recorded(observer))?.publisher, "a");
});

test("junk among the contenders owns nothing and stops nobody", async (place) => {
  const observer = place.client();
  await observer.connected();
  await observer.ensurePath(topicPath(TOPIC));
  await observer.create(`${topicPath(TOPIC)}/junk-`, "no JSON", { ephemeral: true, sequential: true });
  await observer.create(`${topicPath(TOPIC)}/junk-`, '{"publisher":"x"}', {
    ephemeral: true,
    sequential: true,
  });
  await observer.ensurePath(`${topicPath(TOPIC)}/operator-note`);
  await owns(contend(place, "a"));
});

test("waiting costs no operation; the owner's leaving wakes one; a newcomer costs the others nothing", async (place) => {
  const all: Contending[] = [];
  for (let i = 0; i < 8; i++) {
    all.push(contend(place, String(i), 0, 10_000));
    await all[i]!.ownership.decided();
  }
  await delay(150);
  const counts = () => all.map(({ zk }) => zk.counters().operations);
  let before = counts();
  await delay(1_000);
  assert.deepEqual(counts(), before, "waiting");
  const newcomer = contend(place, "new", -1, 10_000);
  await waits(newcomer);
  await delay(100);
  let woken = counts().map((count, i) => count - before[i]!);
  assert.deepEqual(woken.map((count) => count > 0), [true, ...Array(7).fill(false)], "a newcomer");
  assert.ok(woken[0]! <= 5, `${woken[0]} operations for a newcomer`);
  before = counts();
  await all[0]!.ownership.close();
  await owns(all[1]!);
  await delay(100);
  woken = counts().map((count, i) => count - before[i]!);
  assert.deepEqual(
    woken.slice(1).map((count) => count > 0),
    [true, ...Array(6).fill(false)],
    "the owner leaves",
  );
});

test("closing while a create or a write is under way leaves no node, and no owner", async (place) => {
  const observer = place.client();
  await observer.connected();
  await observer.ensurePath(topicPath(TOPIC));
  for (const wait of [0, 5, 10, 20, 30, 40, 50, 60]) {
    const proxy = place.proxy();
    const zk = place.client({ through: proxy, sessionTimeoutMs: 10_000 });
    await zk.connected();
    proxy.delayMs.up = proxy.delayMs.down = 4;
    const ownership = new TopicOwnership(zk, TOPIC, { publisher: "a", strength: 0 });
    await delay(wait);
    await within("closed", ownership.close());
    assert.equal(ownership.owner, false);
    assert.deepEqual(await contenders(observer), [], `closed after ${wait} ms`);
  }
});

test("the client is closed under it: not the owner, the changes end, and close ends at once", async (place) => {
  const a = contend(place, "a");
  await owns(a);
  const seen: Ownership[] = [];
  const following = (async () => {
    for await (const ownership of a.ownership.changes()) seen.push(ownership);
  })();
  await a.zk.close();
  assert.equal(a.ownership.owner, false);
  await within("the changes end", following);
  assert.equal(seen.at(-1)?.owner, false);
  await within("closed", a.ownership.close());
});
