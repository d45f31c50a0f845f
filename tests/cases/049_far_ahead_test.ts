/** Case 49: a forged mark far ahead ended a stream: "lost samples 3487 to 9007199254740981". */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { systemTest } from "../harness/system.ts";
import { Broker, Publisher, Subscriber } from "../../lib/mod.ts";
import { BatchBuilder, encodeMark } from "../../lib/wire/batch_builder.ts";
import { liveKey } from "../../lib/wire/key.ts";
import { parseBrokerRecord } from "../../lib/wire/control.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { Socket } from "../../lib/zmq/socket.ts";

for (const reliability of ["reliable", "best-effort"] as const) {
  systemTest(
    `case 49: what is implausibly far ahead is not believed, ${reliability}`,
    async ({ zookeeper }) => {
      await using broker = new Broker({ zookeeper });
      await broker.start();
      await using publisher = new Publisher({ zookeeper, topics: ["A"], id: "p", centralized: true });
      await publisher.start();
      await using reader = new Subscriber({ zookeeper, topics: ["A"], id: "s", reliability });
      await reader.start();
      const got: number[] = [];
      const reading = (async () => {
        for await (const { sequence } of reader) got.push(sequence);
      })();
      await publisher.joined(10_000, 1);
      await publisher.publish("A", "one");
      await until("the first is there", () => got.length === 1);
      await using zk = new ZooKeeper({ servers: zookeeper });
      await zk.connected();
      const { data } = await zk.getData("/primaries/zone_1");
      // Anybody can publish to the broker's ingress under any name.
      await using forger = new Socket("xpub");
      forger.connect(parseBrokerRecord(data, "zone_1").ingress);
      const key = liveKey("A", "p");
      const header = { incarnation: publisher.incarnation, epoch: 0n, first: 2 ** 53 - 10 };
      const builder = new BatchBuilder(key);
      builder.add(0, "forged");
      const sample = builder.finish({ ...header, epoch: 2n ** 40n });
      await until("they are refused", () => {
        forger.send(encodeMark(key, header));
        forger.send(sample);
        return reader.stats().implausible >= 4;
      });
      for (let i = 2; i <= 10; i++) await publisher.publish("A", String(i));
      await until("all are there", () => got.length === 10);
      assert.deepEqual(got, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      assert.equal(reader.stats().lost, 0);
      await reader.close();
      await reading;
    },
  );
}
