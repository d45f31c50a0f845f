/** Case 50: a registration without a record, that is without a session, was matched: others connected to its address. */
import assert from "node:assert/strict";
import { askHealth } from "../../lib/status/health_query.ts";
import { Broker, Publisher, Subscriber } from "../../lib/mod.ts";
import { publisherPath, PUBLISHERS } from "../../lib/model/paths.ts";
import { delay, until } from "../harness/condition.ts";
import { suite } from "../harness/coordination.ts";
import { publisherOf, RawClient, registrationOf, subscriberOf } from "../harness/raw_client.ts";

const test = suite();

test("case 50: nobody is matched before its record is there; status names who has none", async (place) => {
  const zookeeper = place.coordinator.servers + place.chroot;
  const broker = place.use(new Broker({ zookeeper, address: "127.0.0.1", id: "b" }));
  await broker.start();
  await until("it leads", () => broker.role === "primary");
  const { control } = broker.record!;
  const subscriber = place.use(
    new Subscriber({ zookeeper, topics: ["T"], ownership: "shared", address: "127.0.0.1", id: "honest" }),
  );
  await subscriber.start();
  // An address that somebody would be surprised to be connected to.
  let connections = 0;
  using third = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const connection of third) {
      connections++;
      connection.close();
    }
  })();
  const address = `tcp://127.0.0.1:${third.addr.port}`;
  await using forger = new RawClient(control);
  forger.say(registrationOf({ publisher: publisherOf({ id: "forger", address }) }));
  forger.say(registrationOf({ subscriber: subscriberOf({ id: "nosy" }) }));
  await until("both are registered", () => broker.stats().clients === 3);
  const pinging = setInterval(() => ["forger", "nosy"].forEach((id) => forger.ping(id)), 200);
  try {
    await delay(1500);
    assert.equal(connections, 0, "nobody connects to the address");
    assert.equal(subscriber.stats().streams, 0);
    assert.ok(!forger.heard.some(({ type }) => type === "matches"), "it is told of nobody");
    forger.say({ type: "resync", id: "nosy" });
    const health = await askHealth([{ broker: "b", control }], 2000);
    assert.deepEqual(health.get("b")?.unrecorded.toSorted(), ["forger", "nosy"]);
    // With a record it is a client as any other.
    const info = publisherOf({ id: "forger", address });
    const zk = place.client();
    await zk.connected();
    await zk.ensurePath(PUBLISHERS);
    await zk.create(publisherPath("forger"), JSON.stringify({ ...info, zone: 1 }), { ephemeral: true });
    await until("it is connected to", () => connections > 0);
    await until("it is told", () => forger.heard.some(({ type }) => type === "matches"));
  } finally {
    clearInterval(pinging);
  }
});

test("case 50: what is published right after start reaches everybody who was there before, each time", async (place) => {
  const zookeeper = place.coordinator.servers + place.chroot;
  const common = { zookeeper, topics: ["T"], ownership: "shared" as const, address: "127.0.0.1" };
  const broker = place.use(new Broker({ zookeeper, address: "127.0.0.1" }));
  await broker.start();
  for (let round = 0; round < 5; round++) {
    await using subscriber = new Subscriber({ ...common, id: `s${round}` });
    await subscriber.start();
    await using publisher = new Publisher({ ...common, id: `p${round}` });
    await publisher.start();
    await publisher.publish("T", `first ${round}`);
    for await (const sample of subscriber) {
      assert.equal(new TextDecoder().decode(sample.payload), `first ${round}`);
      assert.equal(sample.sequence, 1);
      break;
    }
  }
});
