/** A record that stays in place: one node, ours, with the newest content, whatever happens in between. */
import assert from "node:assert/strict";
import { CoordinationError } from "../../../lib/base/errors.ts";
import { EphemeralRecord } from "../../../lib/recipes/ephemeral_record.ts";
import type { ZooKeeper } from "../../../lib/zk/zookeeper.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { type Place, SESSION_MS, suite } from "../../harness/coordination.ts";
import { loseReply } from "../../harness/lost_reply.ts";

const test = suite();
const PATH = "/shared_state/publishers/p1";

function behindProxy(place: Place, sessionTimeoutMs = SESSION_MS) {
  const proxy = place.proxy();
  return { proxy, zk: place.client({ through: proxy, sessionTimeoutMs }) };
}

async function observe(place: Place): Promise<ZooKeeper> {
  const observer = place.client({ sessionTimeoutMs: 10_000 });
  await observer.connected();
  return observer;
}

async function content(zk: ZooKeeper): Promise<string | undefined> {
  try {
    await zk.sync(PATH);
    return new TextDecoder().decode((await zk.getData(PATH)).data);
  } catch (error) {
    if (CoordinationError.is(error, "NO_NODE")) return undefined;
    throw error;
  }
}

test("the record is there, its parents too, it is ours, and it goes with close", async (place) => {
  const [{ zk }, observer] = [behindProxy(place), await observe(place)];
  const record = place.use(new EphemeralRecord(zk, PATH, "one"));
  assert.equal(record.isPresent, false);
  await within("present", record.present());
  assert.equal(record.isPresent, true);
  assert.equal(await content(observer), "one");
  assert.equal((await observer.exists(PATH))?.ephemeralOwner, zk.session!.id);
  await record.close();
  await record.close();
  assert.equal(record.isPresent, false);
  assert.equal(await content(observer), undefined);
  await assert.rejects(record.present(), (error) => CoordinationError.is(error, "CLOSED"));
});

for (const moment of ["before", "after"] as const) {
  for (const operation of ["create", "getData"] as const) {
    test(`the reply to ${operation} is lost ${moment} the server acted: the record is there`, async (place) => {
      const [{ proxy, zk }, observer] = [behindProxy(place), await observe(place)];
      await zk.connected();
      await zk.ensurePath("/shared_state/publishers");
      const lost = loseReply(proxy, { operation, moment });
      const record = place.use(new EphemeralRecord(zk, PATH, "one"));
      await within("the reply is lost", lost);
      await within("present", record.present());
      assert.equal(await content(observer), "one");
      assert.equal((await observer.exists(PATH))?.ephemeralOwner, zk.session!.id);
      assert.equal(zk.session?.generation, 1);
    });
  }

  test(`the reply to the update is lost ${moment} the server acted: the new content is there`, async (place) => {
    const [{ proxy, zk }, observer] = [behindProxy(place), await observe(place)];
    const record = place.use(new EphemeralRecord(zk, PATH, "one"));
    await record.present();
    const lost = loseReply(proxy, { operation: "setData", moment });
    await within("updated", record.update("two"));
    await within("the reply is lost", lost);
    await until("the new content", async () => await content(observer) === "two");
    assert.equal((await observer.exists(PATH))?.version, 1);
  });

  test(`the reply to the delete is lost ${moment} the server acted: the record is gone after close`, async (place) => {
    const [{ proxy, zk }, observer] = [behindProxy(place), await observe(place)];
    const record = new EphemeralRecord(zk, PATH, "one");
    await record.present();
    const lost = loseReply(proxy, { operation: "delete", moment });
    await within("closed", record.close());
    await within("the reply is lost", lost);
    assert.equal(await content(observer), undefined);
    assert.equal(zk.session?.generation, 1);
  });
}

test("update replaces the content, the newest one wins, and waits until it is written", async (place) => {
  const [{ zk }, observer] = [behindProxy(place), await observe(place)];
  const record = place.use(new EphemeralRecord(zk, PATH, "one"));
  await record.update("two"); // nothing there yet to write to
  await record.present();
  assert.equal(await content(observer), "two");
  await record.update("three");
  assert.equal(await content(observer), "three");
  await Promise.all(Array.from({ length: 50 }, (_, i) => record.update(`burst ${i}`)));
  assert.equal(await content(observer), "burst 49");
});

test("an update while suspended does not wait, and is written when the session is back", async (place) => {
  const [{ proxy, zk }, observer] = [behindProxy(place, 10_000), await observe(place)];
  const record = place.use(new EphemeralRecord(zk, PATH, "one"));
  await record.present();
  proxy.refuse();
  proxy.cut();
  await until("suspended", () => zk.state === "suspended");
  assert.equal(record.isPresent, true, "the server still has it");
  await within("noted", record.update("two"), 1_000);
  assert.equal(await content(observer), "one");
  proxy.admit();
  await until("written", async () => await content(observer) === "two");
});

test("a new session creates it again, with the newest content", async (place) => {
  const [{ proxy, zk }, observer] = [behindProxy(place), await observe(place)];
  const record = place.use(new EphemeralRecord(zk, PATH, "one"));
  await record.present();
  proxy.hold();
  await until("the loss is seen", () => !record.isPresent && zk.state === "lost");
  await record.update("two");
  await until("the server has removed it", async () => await content(observer) === undefined);
  proxy.release();
  proxy.cut();
  await within("present again", record.present());
  assert.equal(await content(observer), "two");
  assert.equal((await observer.exists(PATH))?.ephemeralOwner, zk.session!.id);
  assert.equal(zk.session?.generation, 2);
});

test("a name that another session holds is waited for, said once, and taken when it goes", async (place) => {
  const [first, second] = [behindProxy(place), behindProxy(place)];
  const holder = place.use(new EphemeralRecord(first.zk, PATH, "first"));
  await holder.present();
  const taken: bigint[] = [];
  const record = place.use(
    new EphemeralRecord(second.zk, PATH, "second", { onTaken: (owner) => taken.push(owner) }),
  );
  await until("told", () => taken.length === 1);
  assert.deepEqual(taken, [first.zk.session!.id]);
  await holder.update("first, changed");
  second.proxy.cut();
  await until("attached again", () => second.zk.attachment === 2 && second.zk.acting);
  await delay(100);
  const before = second.zk.counters().operations;
  await delay(300);
  assert.equal(second.zk.counters().operations, before, "waiting costs nothing");
  assert.equal(taken.length, 1);
  assert.equal(record.isPresent, false);
  await holder.close();
  await within("present", record.present());
  assert.equal(new TextDecoder().decode((await second.zk.getData(PATH)).data), "second");
});

test("closing while another session holds the name leaves that one alone", async (place) => {
  const [first, second] = [behindProxy(place), behindProxy(place)];
  const holder = place.use(new EphemeralRecord(first.zk, PATH, "first"));
  await holder.present();
  const told = Promise.withResolvers<bigint>();
  const record = new EphemeralRecord(second.zk, PATH, "second", { onTaken: told.resolve });
  await told.promise;
  const before = await second.zk.exists(PATH);
  await record.update("never written");
  await record.close();
  await delay(50);
  assert.deepEqual(await second.zk.exists(PATH), before);
  assert.equal(holder.isPresent, true);
});

test("a persistent node in its place is not taken over, and said once", async (place) => {
  const [{ zk }, observer] = [behindProxy(place), await observe(place)];
  await observer.ensurePath(PATH);
  await observer.setData(PATH, "an operator's");
  const taken: bigint[] = [];
  const record = place.use(new EphemeralRecord(zk, PATH, "ours", { onTaken: (owner) => taken.push(owner) }));
  await until("told", () => taken.length === 1);
  assert.deepEqual(taken, [0n]);
  await delay(50);
  assert.equal(await content(observer), "an operator's");
  await observer.remove(PATH);
  await within("present", record.present());
});

test("an operator deletes it: it is there again; an operator changes it: it is put right", async (place) => {
  const [{ zk }, observer] = [behindProxy(place), await observe(place)];
  const record = place.use(new EphemeralRecord(zk, PATH, "ours"));
  await record.present();
  const { czxid } = (await observer.exists(PATH))!;
  await observer.remove(PATH);
  await until("there again", async () => {
    const stat = await observer.exists(PATH);
    return stat !== undefined && stat.czxid > czxid;
  });
  await observer.setData(PATH, "vandalised");
  await until("put right", async () => await content(observer) === "ours");
  await observer.removeTree("/shared_state").catch((error) =>
    assert.ok(CoordinationError.is(error, "NOT_EMPTY"))
  );
  await until("with its parents", async () => await content(observer) === "ours");
});

test("closing while the create is under way leaves nothing behind", async (place) => {
  const observer = await observe(place);
  await observer.ensurePath("/shared_state/publishers");
  for (const wait of [0, 5, 10, 15, 20]) {
    const { proxy, zk } = behindProxy(place, 10_000);
    await zk.connected();
    proxy.delayMs.up = proxy.delayMs.down = 5;
    const record = new EphemeralRecord(zk, PATH, "x");
    await delay(wait);
    await within("closed", record.close());
    assert.equal(await content(observer), undefined, `closed after ${wait} ms`);
  }
});

test("closing on a silent network ends with the session", async (place) => {
  const { proxy, zk } = behindProxy(place);
  const record = new EphemeralRecord(zk, PATH, "x");
  await record.present();
  proxy.hold();
  await within("closed", record.close());
  assert.equal(zk.state, "lost");
});

test("a record in place costs nothing", async (place) => {
  const { zk } = behindProxy(place, 10_000);
  const record = place.use(new EphemeralRecord(zk, PATH, "x"));
  await record.present();
  await delay(50);
  const before = zk.counters().operations;
  await delay(500);
  assert.equal(zk.counters().operations, before);
});
