/** Case 10: `break` out of `for await` left for good and said nothing: a second loop ended at once. */
import assert from "node:assert/strict";
import { systemTest } from "../harness/system.ts";
import { Broker, Publisher, Subscriber } from "../../lib/mod.ts";

systemTest(
  "case 10: who leaves a loop goes on where it was, with samples and with batches",
  async ({ zookeeper }) => {
    await using broker = new Broker({ zookeeper });
    await broker.start();
    await using subscriber = new Subscriber({ zookeeper, topics: ["A"] });
    await subscriber.start();
    await using publisher = new Publisher({ zookeeper, topics: ["A"], flow: "wait" });
    await publisher.start();
    for (let i = 1; i <= 20_000; i++) {
      const sent = publisher.publish("A", `${i}`);
      if (typeof sent !== "boolean") await sent;
    }
    const seen: number[] = [];
    for await (const { sequence } of subscriber) {
      seen.push(sequence);
      if (sequence === 10) break;
    }
    for await (const { sequence } of subscriber) {
      seen.push(sequence);
      break;
    }
    for await (const batch of subscriber.batches()) {
      for (const { sequence } of batch) seen.push(sequence);
      break;
    }
    assert.deepEqual(seen, Array.from(seen, (_, i) => i + 1));
    // What was left is not taken, and not acknowledged.
    const before = await publisher.drain(AbortSignal.timeout(300));
    assert.deepEqual(before.behind, [subscriber.id]);
    assert.equal(before.missing[0]!.samples, 20_000 - seen.length);

    assert.equal(await publisher.publish("A", "last"), true);
    for await (const { sequence } of subscriber) {
      seen.push(sequence);
      if (sequence === 20_001) break;
    }
    assert.deepEqual(seen, Array.from({ length: 20_001 }, (_, i) => i + 1));
    assert.equal((await publisher.drain()).complete, true);
    assert.deepEqual([subscriber.stats().duplicates, subscriber.stats().lost], [0, 0]);
    await subscriber.close();
    for await (const _ of subscriber) assert.fail("it is closed");
  },
);

systemTest("case 10: events go on, too", async ({ zookeeper }) => {
  await using broker = new Broker({ zookeeper });
  const kinds: string[] = [];
  const started = broker.start();
  for (let i = 0; i < 2; i++) {
    for await (const { type } of broker.events()) {
      kinds.push(type);
      break;
    }
  }
  await started;
  assert.deepEqual(kinds, ["standby", "primary"]);
});
