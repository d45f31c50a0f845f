/** Case 27: one message with epoch 2^64-1 took a topic over for good, without a log line. */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { LogLines } from "../harness/log_lines.ts";
import { systemTest } from "../harness/system.ts";
import { TcpProxy } from "../harness/tcp_proxy.ts";
import { Broker, Publisher, Subscriber } from "../../lib/mod.ts";
import type { PublisherOptions } from "../../lib/client/publisher_options.ts";
import type { SubscriberOptions } from "../../lib/client/subscriber_options.ts";
import { BatchBuilder, encodeMark } from "../../lib/wire/batch_builder.ts";
import { parseBrokerRecord } from "../../lib/wire/control.ts";
import { liveKey } from "../../lib/wire/key.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { Socket } from "../../lib/zmq/socket.ts";

const HIGHEST = 2n ** 64n - 1n;

/** A broker with clients of it, and one who publishes in others' names to its ingress. */
async function world(zookeeper: string) {
  const stack = new AsyncDisposableStack();
  const broker = stack.use(new Broker({ zookeeper }));
  await broker.start();
  const zk = stack.use(new ZooKeeper({ servers: zookeeper }));
  await zk.connected();
  const { data } = await until("there is a primary", () => zk.getData("/primaries/zone_1"));
  const forger = stack.use(new Socket("xpub"));
  forger.connect(parseBrokerRecord(data, "zone_1").ingress);
  return {
    zk,
    async publisher(id: string, more: Partial<PublisherOptions> = {}) {
      const publisher = stack.use(
        new Publisher({ zookeeper, topics: ["A"], id, centralized: true, ...more }),
      );
      await publisher.start();
      return publisher;
    },
    async reader(more: Partial<SubscriberOptions> = {}) {
      const reader = stack.use(new Subscriber({ zookeeper, topics: ["A"], id: "s", ...more }));
      await reader.start();
      const got: string[] = [];
      const reading = (async () => {
        for await (const { publisher, payload } of reader) {
          got.push(`${publisher}: ${new TextDecoder().decode(payload)}`);
        }
      })();
      stack.defer(() => reading);
      stack.use(reader);
      return { reader, got };
    },
    /** A sample in the name of a publisher. */
    forge(id: string, incarnation: number, first: number, epoch = HIGHEST) {
      const builder = new BatchBuilder(liveKey("A", id));
      builder.add(0, "forged");
      forger.send(builder.finish({ incarnation, epoch, first }));
    },
    /** Marks in the name of a publisher: all is published, an answer has ended. */
    mark(id: string, incarnation: number, first: number) {
      const key = liveKey("A", id);
      const header = { incarnation, epoch: HIGHEST, first };
      forger.send(encodeMark(key, header));
      forger.send(encodeMark(key, header, { start: first, acknowledgeEvery: 0 }));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Publish samples `from` … `to`, each as soon as it may. */
async function publish(publisher: Publisher, from: number, to: number): Promise<string[]> {
  const published: string[] = [];
  for (let i = from; i <= to; i++) {
    await until(`${publisher.id} publishes ${i}`, () => publisher.publish("A", String(i)));
    published.push(`${publisher.id}: ${i}`);
  }
  return published;
}

for (const reliability of ["reliable", "best-effort"] as const) {
  for (const ownership of ["exclusive", "shared"] as const) {
    systemTest(
      `case 27: an epoch that ZooKeeper has not given is refused, counted, said once: ${ownership}, ${reliability}`,
      async ({ zookeeper }) => {
        using said = new LogLines();
        await using made = await world(zookeeper);
        const owner = await made.publisher("p", { ownership });
        const other = await made.publisher("q", { ownership });
        const { reader, got } = await made.reader({ reliability, ownership });
        await owner.joined(10_000, 1);
        await other.joined(10_000, 1);
        await publish(owner, 1, 1);
        await until("the first is there", () => got.length === 1);
        await until("they are refused", () => {
          made.forge("p", owner.incarnation, 2);
          made.forge("q", other.incarnation, 1);
          made.mark("p", owner.incarnation, 2);
          made.mark("q", other.incarnation, 1);
          return reader.stats().implausible >= 20;
        });
        await publish(owner, 2, 10);
        await until("all are there", () => got.length === 10);
        assert.deepEqual(got, Array.from({ length: 10 }, (_, i) => `p: ${i + 1}`));
        const { lost, fenced } = reader.stats();
        assert.deepEqual({ lost, fenced }, { lost: 0, fenced: 0 });
        for (const id of ["p", "q"]) {
          const lines = said.with(
            RegExp(`does not believe a message of ${id} on topic A with epoch ${HIGHEST}`),
          );
          assert.equal(lines.length, 1, lines.join("\n"));
        }
      },
    );
  }

  systemTest(
    `case 27: a change of owner is believed, and nothing of it is lost: ${reliability}`,
    async ({ zookeeper }) => {
      await using made = await world(zookeeper);
      const first = await made.publisher("p");
      const { reader, got } = await made.reader({ reliability });
      await first.joined(10_000, 1);
      const published = await publish(first, 1, 50);
      await until("the first owner's are there", () => got.length === 50);
      const second = await made.publisher("q", { strength: 10 });
      await second.joined(10_000, 1);
      published.push(...await publish(second, 1, 50));
      await until("the second owner's are there", () => got.length === 100);
      await second.close();
      published.push(...await publish(first, 51, 100));
      await until("the first owner's are there again", () => got.length === 150);
      assert.deepEqual(got, published);
      const { lost, fenced, implausible } = reader.stats();
      assert.deepEqual({ lost, fenced, implausible }, { lost: 0, fenced: 0, implausible: 0 });
    },
  );
}

systemTest(
  "case 27: a change of owner is believed while others are forged all the time",
  async ({ zookeeper }) => {
    await using made = await world(zookeeper);
    const first = await made.publisher("p");
    const { reader, got } = await made.reader();
    await first.joined(10_000, 1);
    const published = await publish(first, 1, 10);
    const forging = setInterval(() => made.forge("p", first.incarnation, 11), 20);
    try {
      await until("they are refused", () => reader.stats().implausible > 0);
      const second = await made.publisher("q", { strength: 10 });
      await second.joined(10_000, 1);
      published.push(...await publish(second, 1, 10));
      await until("the second owner's are there", () => got.length === 20);
    } finally {
      clearInterval(forging);
    }
    assert.deepEqual(got, published);
    assert.equal(reader.stats().lost, 0);
  },
);

systemTest(
  "case 27: a new owner is heard while ZooKeeper is out of reach; what was believed wrongly then is taken back",
  async ({ zookeeper, coordinator }) => {
    using said = new LogLines();
    await using path = new TcpProxy({ target: coordinator.port });
    await using made = await world(zookeeper);
    const first = await made.publisher("p");
    const through = zookeeper.replace(/:\d+/, `:${path.port}`);
    const { reader, got } = await made.reader({ zookeeper: through, sessionTimeoutMs: 20_000 });
    await first.joined(10_000, 1);
    const second = await made.publisher("q");
    await second.joined(10_000, 1);
    const { incarnation } = await made.publisher("r");
    await until("all are matched", () => reader.stats().streams === 3);
    await publish(first, 1, 10);
    await until("the first owner's are there", () => got.length === 10);
    path.hold();
    await first.close();
    await publish(second, 1, 10);
    await until("the second owner's are there", () => got.length === 20);
    assert.equal(reader.stats().implausible, 0);
    const { mzxid } = (await made.zk.exists("/topics/A"))!;
    made.forge("r", incarnation, 1, mzxid + 2n ** 40n);
    await until("what is far above is refused", () => reader.stats().implausible === 1);
    made.forge("r", incarnation, 1, mzxid + 2n ** 32n);
    await until("what is not is believed", () => got.at(-1) === "r: forged");
    await publish(second, 11, 20);
    await until("the owner is fenced", () => reader.stats().fenced === 10);
    path.release();
    await until("the owner is heard", () => got.length === 31);
    assert.deepEqual(got.slice(21), Array.from({ length: 10 }, (_, i) => `q: ${i + 11}`));
    const { lost, fenced } = reader.stats();
    assert.deepEqual({ lost, fenced }, { lost: 0, fenced: 0 });
    assert.equal(said.with(/believed epoch \d+ of topic A while ZooKeeper was out of reach/).length, 1);
  },
);
