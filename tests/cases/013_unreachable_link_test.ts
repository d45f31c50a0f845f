/**
 * Case 13: a matched subscriber whose link never came up (`publisher --address` of an address that leads nowhere) said
 * nothing, and `status` showed a match; `no answer for 2005 ms` did not say from where.
 */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { type System, systemTest } from "../harness/system.ts";
import { Broker, Publisher, Subscriber } from "../../lib/mod.ts";
import { freePort } from "../harness/zookeeper.ts";

/** Nobody listens there. */
const NOWHERE = "127.0.0.9";

async function statusOf(system: System): Promise<string> {
  await using status = system.start(["status"]);
  assert.equal(await status.exit(), 0);
  return status.stdout.join("\n");
}

systemTest("case 13: a link that never comes up is said at both ends, and once in status", async (system) => {
  await system.broker();
  const subscriber = system.start(["subscriber", "-t", "A", "-i", "--id", "sub"]);
  await subscriber.says(/registered in zone/);
  const address = ["--address", NOWHERE, "--bind", "127.0.0.1"];
  const publisher = system.start(["publisher", "-t", "A", "-i", "--id", "pub", "--sleep", "0.1", ...address]);
  await subscriber.says(
    /WARN .*sub: no connection with publisher pub at tcp:\/\/127\.0\.0\.9:\d+ after [\d.]+ s \(topic A\)/,
  );
  await publisher.says(
    /WARN .*pub: no connection with subscriber sub who has not joined at tcp:\/\/127\.0\.0\.9:\d+ after [\d.]+ s \(topic A\)/,
  );
  await until("status shows it", async () => {
    const text = await statusOf(system);
    return /^publisher pub +tcp:\/\/127\.0\.0\.9:\d+ +\d+ s +sub$/m.test(text) &&
      !text.includes("which has not joined");
  });
  // Once, not again and again.
  for (const process of [subscriber, publisher]) {
    assert.equal(process.stderr.filter((line) => line.includes("no connection with")).length, 1);
  }
});

systemTest("case 13: a link that comes up after all is said too, as events", async ({ zookeeper }) => {
  await using broker = new Broker({ zookeeper });
  await broker.start();
  await using subscriber = new Subscriber({ zookeeper, topics: ["A"], id: "sub" });
  await subscriber.start();
  const bindPort = freePort();
  await using publisher = new Publisher({
    zookeeper,
    topics: ["A"],
    id: "pub",
    address: NOWHERE,
    bind: "127.0.0.1",
    bindPort,
  });
  const seen: string[] = [];
  const gather = async (events: AsyncIterable<{ type: string }>) => {
    for await (const event of events) {
      const { type, kind, peer } = event as { type: string; kind?: string; peer?: string };
      if (type === "unreachable" || type === "reached") seen.push(`${type} ${kind} ${peer}`);
    }
  };
  const gathering = [gather(subscriber.events()), gather(publisher.events())];
  await publisher.start();
  await until("both ends say so", () => seen.length >= 2);
  assert.deepEqual([...seen].sort(), ["unreachable publisher pub", "unreachable subscriber sub"]);
  using relay = Deno.listen({ hostname: NOWHERE, port: bindPort });
  const relaying = (async () => {
    for await (const outer of relay) {
      const inner = await Deno.connect({ hostname: "127.0.0.1", port: bindPort });
      const both = [outer.readable.pipeTo(inner.writable), inner.readable.pipeTo(outer.writable)];
      for (const pipe of both) pipe.catch(() => {});
    }
  })();
  await until("both ends say that it is there", () => seen.length >= 4);
  assert.deepEqual(seen.slice(2).sort(), ["reached publisher pub", "reached subscriber sub"]);
  await subscriber.close();
  await publisher.close();
  relay.close();
  await relaying;
  await Promise.all(gathering);
});

systemTest(
  "case 13: a broker that cannot be reached is named by who registers and by who sends",
  async (system) => {
    await system.broker("--address", NOWHERE, "--bind", "127.0.0.1", "--id", "dark");
    const waiting = system.start(["subscriber", "-t", "A", "-i"]);
    await waiting.says(/waiting for broker dark of zone 1 at tcp:\/\/127\.0\.0\.9:\d+ to serve us/);
    await system.broker("--zone", "2");
    const publisher = system.start(["publisher", "-t", "A", "-i", "--zone", "2"]);
    await publisher.says(/WARN .*no connection with broker at tcp:\/\/127\.0\.0\.9:\d+ after [\d.]+ s/);
    await until(
      "status shows it",
      async () => /broker +tcp:\/\/127\.0\.0\.9:\d+ +\d+ s/.test(await statusOf(system)),
    );
  },
);
