/**
 * Cases 28, 29 and 47: what subscribers that do not exist, and one who speaks in another's name, do to a publisher. Each
 * sends on a connection of its own, as anybody who reaches the publisher or its broker can.
 */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { type System, systemTest } from "../harness/system.ts";
import { Broker, Publisher, Subscriber } from "../../lib/mod.ts";
import { encodeUpstream, type Upstream } from "../../lib/wire/upstream.ts";
import { Socket } from "../../lib/zmq/socket.ts";

const credit = { bytes: 1 << 25, messages: 2048 };

/** A connection to `endpoint` that says what it is told to. */
async function intruder(endpoint: string) {
  const socket = new Socket("xsub", { sendHighWaterMark: 100_000 });
  const up = Promise.withResolvers<void>();
  const watching = (async () => {
    for await (const { type } of socket.peers()) if (type === "connected") up.resolve();
  })();
  socket.connect(endpoint);
  await up.promise;
  return {
    say: (message: Upstream) => socket.send(encodeUpstream(message)),
    async [Symbol.asyncDispose]() {
      await socket[Symbol.asyncDispose]();
      await watching;
    },
  };
}

/** Who has published so many samples of 1 KiB on topic A. */
async function publishing({ zookeeper }: System, samples: number, more: object = {}) {
  const publisher = new Publisher({ zookeeper, topics: ["A"], id: "p", ...more });
  await publisher.start();
  const payload = new Uint8Array(1024);
  for (let i = 0; i < samples; i++) await publisher.publish("A", payload);
  return publisher;
}

/** The longest time that the event loop did not come round in. */
function loopWatch() {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  return {
    get longest() {
      return longest;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

const address = (subscriber: string, { incarnation }: Publisher, life = 1) => (
  { publisher: "p", topic: "A", subscriber, incarnation, life }
);

systemTest(
  "case 28: requests in the names of invented readers join nobody and get nothing",
  async (system) => {
    const { zookeeper } = system;
    await using broker = new Broker({ zookeeper });
    await broker.start();
    await using publisher = await publishing(system, 1000, { maxInFlight: 100 });
    await using stranger = await intruder(publisher.endpoint);
    const { messages } = publisher.stats();
    using loop = loopWatch();
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      const asks = { request: i, from: 0, to: 0, depth: 1, reliable: true, credit } as const;
      stranger.say({ kind: "request", ...address(`x${i}`, publisher), ...asks });
    }
    await until("they were dropped", () => publisher.stats().strangers >= count - 64, 20_000);
    assert.equal(publisher.stats().subscribers, 0);
    // Marks once a second, perhaps, and no answer.
    assert.ok(publisher.stats().messages - messages < 30);
    assert.ok(loop.longest < 1500, `the loop stood still for ${loop.longest} ms`);
    for (let i = 0; i < 300; i++) {
      const told = publisher.publish("A", "nobody is waited for");
      assert.equal(await told, true);
    }
  },
);

systemTest("case 29: nobody acknowledges or leaves in another reader's name", async (system) => {
  const { zookeeper } = system;
  await using broker = new Broker({ zookeeper });
  await broker.start();
  await using publisher = await publishing(system, 0, { maxInFlight: 10, slowSubscriberMs: 60_000 });
  await using reader = new Subscriber({ zookeeper, topics: ["A"], id: "s" });
  await reader.start();
  await publisher.joined(10_000, 1);
  await using stranger = await intruder(publisher.endpoint);
  let published = 0;
  const all = (async () => {
    for (let i = 1; i <= 200; i++) {
      await publisher.publish("A", String(i));
      published = i;
    }
  })();
  await until("the publisher has to wait", () => published >= 10);
  stranger.say({ kind: "acknowledge", ...address("s", publisher), delivered: 1_000_000, givenUp: 0, credit });
  stranger.say({ kind: "bye", ...address("s", publisher) });
  await until("both are dropped", () => publisher.stats().strangers === 2);
  assert.ok(published < 100, "it still waits");
  assert.equal(publisher.stats().subscribers, 1);
  let read = 0;
  for await (const { sequence } of reader) {
    assert.equal(sequence, ++read);
    if (read === 200) break;
  }
  await all;
});

systemTest("case 47: one who asks for everything again and again gets a bounded amount", async (system) => {
  const { zookeeper } = system;
  await using broker = new Broker({ zookeeper });
  await broker.start();
  await using publisher = await publishing(system, 15_000, { flow: "drop" });
  // Its record is there for everybody to read: the life in it is no secret.
  await using reader = new Subscriber({ zookeeper, topics: ["A"], id: "s", reliability: "best-effort" });
  await reader.start();
  await publisher.joined(1000, 1);
  const { ZooKeeper } = await import("../../lib/zk/zookeeper.ts");
  await using zk = new ZooKeeper({ servers: zookeeper });
  await zk.connected();
  const { data } = await zk.getData("/shared_state/subscribers/s");
  const { incarnation: life } = JSON.parse(new TextDecoder().decode(data)) as { incarnation: number };
  await using asker = await intruder(publisher.endpoint);
  const before = publisher.stats().messages;
  using loop = loopWatch();
  for (let i = 0; i < 300; i++) {
    const asks = { request: i, from: 1, to: 0, depth: 0, reliable: false, credit } as const;
    asker.say({ kind: "request", ...address("s", publisher, life), ...asks });
  }
  let seen = before;
  let since = performance.now();
  await until("all is answered that ever will be", () => {
    const { messages } = publisher.stats();
    if (messages > seen + 3) [seen, since] = [messages, performance.now()];
    return performance.now() - since > 500;
  }, 20_000);
  const answered = publisher.stats().messages - before;
  assert.ok(answered > 100, `it is answered: ${answered}`);
  assert.ok(answered < 1500, `${answered} messages of 64 KiB for 300 requests of 240 each`);
  assert.ok(loop.longest < 500, `the loop stood still for ${loop.longest} ms`);
});
