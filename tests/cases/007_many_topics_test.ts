/**
 * Case 7: what was under way over many topics was more than a queue on the way holds: dropped, and sent again.
 *
 * Runs alone: beside others a connection may be silent for longer than its heartbeats allow, and what is repaired then
 * cannot be told from what was dropped.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { until } from "../harness/condition.ts";
import { systemTest } from "../harness/system.ts";
import { TcpProxy } from "../harness/tcp_proxy.ts";
import { Broker, Publisher, Subscriber } from "../../lib/mod.ts";

const MIB = 1024 * 1024;

interface Load {
  publishers: number;
  topics: number;
  size: number;
  mebibytes: number;
  centralized: boolean;
}

/** Samples `from` … `to` - 1, about the topics in turn, as fast as flow control lets them, and all delivered. */
async function pour(publisher: Publisher, topics: string[], payload: Uint8Array, from: number, to: number) {
  for (let i = from; i < to; i++) {
    const sent = publisher.publish(topics[i % topics.length]!, payload);
    if (typeof sent !== "boolean") await sent;
  }
  assert.ok((await publisher.drain()).complete);
}

/** Publishers publish as fast as they may, one subscriber takes everything. @returns its figures. */
async function load(zookeeper: string, { publishers, topics, size, mebibytes, centralized }: Load) {
  const names = Array.from({ length: topics }, (_, i) => `topic/${i}`);
  // A machine that is busy elsewhere must not cut connections here.
  const patient = { zookeeper, heartbeatTimeoutMs: 20_000 };
  await using broker = new Broker({ ...patient });
  await broker.start();
  await using subscriber = new Subscriber({
    ...patient,
    topics: names,
    centralized,
    history: 0,
    ownership: "shared",
  });
  await subscriber.start();
  let received = 0;
  const reading = (async () => {
    for await (const batch of subscriber.batches()) received += batch.count;
  })();
  const each = Math.ceil(mebibytes * MIB / size / topics / publishers) * topics;
  const payload = new Uint8Array(size);
  await using stack = new AsyncDisposableStack();
  const all = await Promise.all(Array.from({ length: publishers }, async () => {
    const publisher = stack.use(
      new Publisher({ ...patient, topics: names, centralized, ownership: "shared" }),
    );
    await publisher.start();
    assert.ok(await publisher.joined(10_000, 1));
    return publisher;
  }));
  // Every join has been answered when its stream's first sample is here.
  for (const publisher of all) for (const name of names) await publisher.publish(name, payload);
  await until("the first sample of every stream", () => received === topics * publishers);
  const before = subscriber.stats();
  await Promise.all(all.map(async (publisher) => {
    await pour(publisher, names, payload, topics, each);
  }));
  const { recovered, repeated, lost } = subscriber.stats();
  await subscriber.close();
  await reading;
  assert.equal(received, each * publishers);
  return { recovered, repeated: repeated - before.repeated, lost };
}

const ALL_IS_WELL = { recovered: 0, repeated: 0, lost: 0 };

for (const mode of ["centralized", "direct"]) {
  const centralized = mode === "centralized";
  for (const [topics, size, mebibytes] of [[16, 20_000, 600], [8, 1024, 300], [32, 64, 40]] as const) {
    systemTest(
      `case 7: ${mode}, ${topics} topics of ${size} bytes at full speed: nothing is dropped on the way`,
      async ({ zookeeper }) => {
        const result = await load(zookeeper, { publishers: 1, topics, size, mebibytes, centralized });
        assert.deepEqual(result, ALL_IS_WELL);
      },
    );
  }
}

/** As the case's program: an owner publishes as soon as it has started, and everything is counted. */
async function fromTheStart(zookeeper: string, topics: number, size: number, centralized: boolean) {
  const names = Array.from({ length: topics }, (_, i) => `topic/${i}`);
  const patient = { zookeeper, centralized, heartbeatTimeoutMs: 20_000 };
  await using broker = new Broker({ zookeeper, zone: 1, centralized, heartbeatTimeoutMs: 20_000 });
  await broker.start();
  await using subscriber = new Subscriber({ ...patient, topics: names, history: 0 });
  await subscriber.start();
  let received = 0;
  const reading = (async () => {
    for await (const batch of subscriber.batches()) received += batch.count;
  })();
  await using publisher = new Publisher({ ...patient, topics: names });
  await publisher.start();
  const payload = new Uint8Array(size);
  const count = Math.ceil(60 * MIB / size);
  await pour(publisher, names, payload, 0, count);
  const { recovered, repeated, lost } = subscriber.stats();
  await subscriber.close();
  await reading;
  assert.equal(received, count);
  return { recovered, repeated, lost };
}

for (const mode of ["centralized", "direct"]) {
  for (const [topics, size] of [[2, 64], [16, 64], [32, 1024], [32, 20_000]] as const) {
    systemTest(
      `case 7: ${mode}, ${topics} topics of ${size} bytes: nothing comes twice or late from the first sample on`,
      async ({ zookeeper }) => {
        assert.deepEqual(await fromTheStart(zookeeper, topics, size, mode === "centralized"), ALL_IS_WELL);
      },
    );
  }
}

systemTest(
  "case 7: 16 publishers that share a queue of one subscriber at the broker: nothing is dropped on the way",
  async ({ zookeeper }) => {
    const result = await load(zookeeper, {
      publishers: 16,
      topics: 2,
      size: 1024,
      mebibytes: 200,
      centralized: true,
    });
    assert.deepEqual(result, ALL_IS_WELL);
  },
);

systemTest(
  "case 7: a connection that stands still holds all that its publisher sends on 16 topics, and drops nothing",
  async ({ zookeeper }) => {
    const topics = Array.from({ length: 16 }, (_, i) => `topic/${i}`);
    const patient = { zookeeper, heartbeatTimeoutMs: 20_000 };
    await using broker = new Broker({ zookeeper });
    await broker.start();
    const port = freePort();
    await using proxy = new TcpProxy({ hostname: "127.0.0.2", port, target: port });
    await using subscriber = new Subscriber({ ...patient, topics, history: 0 });
    await subscriber.start();
    let received = 0;
    const reading = (async () => {
      for await (const batch of subscriber.batches()) received += batch.count;
    })();
    await using publisher = new Publisher({
      ...patient,
      topics,
      address: "127.0.0.2",
      bind: "127.0.0.1",
      bindPort: port,
    });
    await publisher.start();
    assert.ok(await publisher.joined(10_000, 1));
    proxy.hold();
    const payload = new Uint8Array(4000);
    let published = 0;
    // A message a topic and turn: three times what a queue holds, unless somebody says wait.
    let waits: Promise<boolean> | undefined;
    for (let turn = 0; turn < 750 && waits === undefined; turn++) {
      for (const topic of topics) {
        const sent = publisher.publish(topic, payload);
        published++;
        if (typeof sent !== "boolean") waits = sent;
      }
      await setImmediate();
    }
    proxy.release();
    assert.ok(waits, `published ${published} messages and never had to wait`);
    await waits;
    assert.ok((await publisher.drain()).complete);
    const { recovered, repeated, lost } = subscriber.stats();
    await subscriber.close();
    await reading;
    assert.equal(received, published);
    assert.deepEqual({ recovered, repeated, lost }, ALL_IS_WELL);
    assert.ok(published <= 2048 + topics.length, `${published} messages under way`);
  },
);

/** A port that is free on 127.0.0.1 and 127.0.0.2. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
