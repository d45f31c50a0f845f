/**
 * Case 52: 400 registrations of 1,000 topics each blocked a broker for 8 s: it lost its session and its zone.
 *
 * Runs alone: beside others a broker may be held up by the machine for as long as a session takes.
 */
import assert from "node:assert/strict";
import { Publisher } from "../../lib/mod.ts";
import { until } from "../harness/condition.ts";
import { publisherOf, RawClient, registrationOf } from "../harness/raw_client.ts";
import { systemTest } from "../harness/system.ts";

systemTest(
  "case 52: registrations of very many topics do not hold up a broker, nor fill it",
  async (system) => {
    const broker = await system.broker("--address", "127.0.0.1", "--id", "b", "--session-timeout", "4");
    await broker.says(/primary of zone 1/);
    const control = /control (tcp:\S+),/.exec(await broker.says(/control tcp/))![1]!;
    // By many connections: one that says as much as all this is cut off.
    await using connections = new AsyncDisposableStack();
    const clients = Array.from({ length: 50 }, () => connections.use(new RawClient(control)));
    const answers = () => clients.flatMap(({ heard }) => heard);
    for (let i = 0; i < 400; i++) {
      const topics = Array.from({ length: 1000 }, (_, n) => `${i}/topic number ${n} with some more text`);
      clients[i % clients.length]!.say(registrationOf({ publisher: publisherOf({ id: `p${i}`, topics }) }));
    }
    await until("each has its answer", () => answers().length >= 400, 20_000);
    const taken = answers().filter(({ type }) => type === "registered").length;
    assert.ok(taken >= 50 && taken <= 201, `${taken} were taken`);
    const other = answers().filter(({ type }) => type !== "registered" && type !== "rejected");
    assert.deepEqual(other, []);
    // Who comes now is served, as soon as there is room again.
    await using publisher = new Publisher({
      zookeeper: system.zookeeper,
      topics: ["T"],
      address: "127.0.0.1",
    });
    await publisher.start();
    assert.equal(publisher.zone, 1);
    assert.ok(!broker.stderr.some((line) => /no longer primary/.test(line)), "it has led all the time");
  },
);
