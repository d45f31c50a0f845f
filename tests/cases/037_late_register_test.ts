/**
 * Case 37: after a one-way cut had healed, a late registration by the old connection took the answers from the new one;
 * and "leaving broker" was logged every 2 s though there was nowhere to go.
 */
import assert from "node:assert/strict";
import { Broker } from "../../lib/broker/broker.ts";
import { delay, until } from "../harness/condition.ts";
import { suite } from "../harness/coordination.ts";
import { World } from "../harness/fake_broker.ts";
import { LogLines } from "../harness/log_lines.ts";
import { publisherOf, RawClient, registrationOf } from "../harness/raw_client.ts";

const test = suite();

test("case 37: a registration that comes late, by the old connection, does not take the answers", async (place) => {
  const broker = place.use(
    new Broker({ zookeeper: place.coordinator.servers + place.chroot, address: "127.0.0.1" }),
  );
  await broker.start();
  await until("it leads", () => broker.role === "primary");
  await using old = new RawClient(broker.record!.control);
  await using current = new RawClient(broker.record!.control);
  const publisher = publisherOf();
  current.say(registrationOf({ publisher }, { key: "k", attempt: 5 }));
  await current.hears("registered");
  old.say(registrationOf({ publisher }, { key: "k", attempt: 4 }));
  old.say({ type: "unregister", id: "p" });
  old.ping("p");
  await old.hears("unregistered");
  current.ping("p");
  await current.hears("pong");
  assert.deepEqual(old.heard.map(({ type }) => type), ["unregistered"]);
  assert.equal(broker.stats().clients, 1);
});

test("case 37: a broker that falls silent is named once while there is nowhere to go", async (place) => {
  using said = new LogLines();
  const world = await World.in(place);
  const broker = await world.broker(1);
  const { client, events } = world.client();
  await client.recorded;
  const accept = broker.answer;
  broker.answer = () => [];
  await until("it is asked again and again", () => broker.heardOf("register") >= 4, 15_000);
  assert.equal(said.with(/leaving broker b1 of zone 1: no answer from tcp:\S+ for \d+ ms/).length, 1);
  assert.equal(
    said.with(
      /waiting for broker b1 of zone 1 at tcp:\S+ to serve us, or another one: no answer within 2000 ms/,
    ).length,
    1,
  );
  assert.equal(said.with(/leaving|waiting/).length, 2);
  assert.equal(events.filter(({ type }) => type === "left").length, 1);
  broker.answer = accept;
  await until("registered again", () => events.filter(({ type }) => type === "registered").length === 2);
});

test("case 37: a broker that does not know the connection is told again at once who comes by it", async (place) => {
  using said = new LogLines();
  const world = await World.in(place);
  const broker = await world.broker(1);
  const { client } = world.client();
  await client.recorded;
  const accept = broker.answer;
  let unknown = true;
  broker.answer = (message) => {
    if (message.type === "register") unknown = false;
    return unknown ? [{ type: "unregistered" }] : accept(message);
  };
  await until("registered again", () => broker.heardOf("register") === 2);
  const pings = broker.heardOf("ping");
  await until("keep-alives go on", () => broker.heardOf("ping") > pings + 2);
  await delay(300);
  assert.equal(broker.heardOf("register"), 2);
  assert.equal(said.with(/waiting|leaving/).length, 0);
});
