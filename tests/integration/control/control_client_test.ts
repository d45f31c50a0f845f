/** What a client does on the control plane, with brokers that are made up, so that they can do everything wrong. */
import assert from "node:assert/strict";
import { primaryPath, publisherPath } from "../../../lib/model/paths.ts";
import type { BrokerMessage } from "../../../lib/wire/control.ts";
import { zoneClientsPath } from "../../../lib/recipes/zone_clients.ts";
import { delay, until } from "../../harness/condition.ts";
import { suite } from "../../harness/coordination.ts";
import { matchedWith, World } from "../../harness/fake_broker.ts";

const test = suite();

test("a client reads its own zone only: the cost of registering does not grow with the zones", async (place) => {
  const world = await World.in(place);
  const broker = await world.broker(1);
  const zone = (zone: number) => JSON.stringify({ ...broker.record, zone });
  const cost: number[] = [];
  for (const zones of [1, 30]) {
    for (let n = 2; n <= zones; n++) await world.zk.create(primaryPath(n), zone(n));
    const { client, zk } = world.client();
    await client.recorded;
    await until("nothing is under way", async () => {
      const before = zk.counters().operations;
      await delay(100);
      return zk.counters().operations === before;
    });
    cost.push(zk.counters().operations);
    const before = zk.counters().operations;
    for (let n = 50; n < 60; n++) await world.zk.create(primaryPath(n), zone(n));
    for (let n = 50; n < 60; n++) await world.zk.remove(primaryPath(n));
    await delay(200);
    assert.equal(zk.counters().operations, before, "zones of others come and go unnoticed");
    await client.close();
  }
  assert.ok(cost[0]! <= 6 && cost[1]! <= cost[0]!, `operations: ${cost}`);
});

test("changes of the matches add up; one that is missed is noticed and everything asked for again", async (place) => {
  const world = await World.in(place);
  const broker = await world.broker(1);
  const { client, events } = world.client();
  await client.recorded;
  await until("the first", () => matchedWith(events)?.join() === "s0");
  broker.send(broker.matches(2, 1, ["s1"]));
  await until("one more", () => matchedWith(events)?.join() === "s0,s1");
  // The third is lost: the fourth does not follow on the second.
  const accept = broker.answer;
  broker.answer = (message) =>
    message.type === "resync" ? [broker.matches(5, undefined, ["s1", "s2", "s3"])] : accept(message);
  broker.send(broker.matches(4, 3, ["s3"]));
  await until("everything again", () => matchedWith(events)?.join() === "s1,s2,s3");
  assert.equal(broker.heardOf("resync"), 1);
  // The last one is lost: only the number in the answer to the keep-alive tells.
  broker.matches(6, 5, ["s4"]);
  broker.answer = (message) =>
    message.type === "resync" ? [broker.matches(7, undefined, ["s4"])] : accept(message);
  await until("everything again", () => matchedWith(events)?.join() === "s4");
  const { length } = events;
  await delay(500);
  assert.equal(events.length, length, "then there is peace");
});

test("a message in several parts is one event", async (place) => {
  const world = await World.in(place);
  const broker = await world.broker(1);
  const accept = broker.answer;
  broker.answer = (message) =>
    message.type === "register"
      ? [
        broker.accepted(),
        { ...broker.matches(1, undefined, ["a"]), more: true } as BrokerMessage,
        broker.matches(2, 1, ["b"]),
      ]
      : accept(message);
  const { client, events } = world.client();
  await client.recorded;
  await until("both parts", () => matchedWith(events) !== undefined);
  const found = events.filter((event) => event.type === "matches");
  assert.equal(found.length, 1);
  assert.deepEqual(matchedWith(events), ["a", "b"]);
});

test("sent elsewhere it goes there, and its record tells the new zone; one that is pinned stays", async (place) => {
  const world = await World.in(place);
  const [one, two] = [await world.broker(1), await world.broker(2)];
  await world.zk.create(zoneClientsPath(1), "0");
  await world.zk.create(zoneClientsPath(2), "9");
  const { client, events } = world.client({ assignment: "two-choices" });
  await client.recorded;
  assert.equal(client.zone, 1, "the lighter one");
  one.send({ type: "reassign", zone: 2, reason: "step 1, zone 2 is new" });
  await until("there", () => client.zone === 2);
  assert.equal(one.heardOf("unregister"), 1);
  assert.equal(two.heardOf("register"), 1);
  assert.ok(events.some((event) => event.type === "left" && event.reason.includes("zone 2 is new")));
  const record = async () => new TextDecoder().decode((await world.zk.getData(publisherPath("p"))).data);
  await until("the record", async () => await record() === '{"zone":2}');
  await client.close();
  const pinned = world.client({ zone: 1 });
  await pinned.client.recorded;
  assert.equal(one.heard.findLast((message) => message.type === "register")?.pinned, true);
  one.send({ type: "reassign", zone: 2, reason: "try" });
  await delay(300);
  assert.equal(pinned.client.zone, 1);
  assert.equal(one.heardOf("unregister"), 1);
});

test("a zone that is about to end is passed over while there is another", async (place) => {
  const world = await World.in(place);
  const ending = await world.broker(1, { draining: true });
  const { client: early } = world.client();
  await until("for want of a better one", () => early.zone === 1);
  await early.close();
  const other = await world.broker(2);
  for (let i = 0; i < 6; i++) {
    const { client } = world.client();
    await client.recorded;
    assert.equal(client.zone, 2);
    await client.close();
  }
  assert.equal(ending.heardOf("register"), 1);
  assert.equal(other.heardOf("register"), 6);
});

test("a primary that is replaced is followed in its zone; a zone that stays without one is left", async (place) => {
  const world = await World.in(place);
  await world.broker(1);
  const { client } = world.client();
  await client.recorded;
  await world.zk.remove(primaryPath(1));
  const next = await world.broker(1, { epoch: "2" });
  await until("with the next one", () => next.heardOf("register") === 1);
  const other = await world.broker(2);
  await delay(300);
  assert.equal(other.heardOf("register"), 0, "there is no reason to leave");
  await world.zk.remove(primaryPath(1));
  await until("elsewhere", () => client.zone === 2);
});

test("a broker that does not answer is left for another one, and tried again for want of one", async (place) => {
  const world = await World.in(place);
  const deaf = await world.broker(1);
  deaf.answer = () => [];
  const { client } = world.client();
  await until("it has tried twice", () => deaf.heardOf("register") >= 2, 15_000);
  const other = await world.broker(2);
  await until("elsewhere", () => client.zone === 2, 15_000);
  assert.equal(other.heardOf("register"), 1);
});

test("who was stopped itself does not take its broker for dead", async (place) => {
  const world = await World.in(place);
  const broker = await world.broker(1);
  const { client, events } = world.client();
  await client.recorded;
  await until("keep-alives go", () => broker.heardOf("ping") > 0);
  // Longer than three heartbeats, and shorter than the session.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  const pings = broker.heardOf("ping");
  await until("keep-alives go on", () => broker.heardOf("ping") > pings + 3);
  assert.equal(broker.heardOf("register"), 1);
  assert.ok(!events.some(({ type }) => type === "left"));
});
