/** Case 48: a reader that acknowledged one sample more every 4 s held up its publisher for ever, without a word. */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { systemTest } from "../harness/system.ts";
import { Broker, Publisher, Subscriber } from "../../lib/mod.ts";

/** What a publisher tells of, as it comes; `listening` ends with it. */
function eventsOf(publisher: Publisher): { events: string[]; listening: Promise<void> } {
  const events: string[] = [];
  const listening = (async () => {
    for await (const event of publisher.events()) events.push(event.type);
  })();
  return { events, listening };
}

systemTest("case 48: a reader below the least speed is named and not waited for", async ({ zookeeper }) => {
  await using broker = new Broker({ zookeeper });
  await broker.start();
  await using publisher = new Publisher({
    zookeeper,
    topics: ["A"],
    maxInFlight: 100,
    slowSubscriberMs: 1000,
  });
  await publisher.start();
  const { events, listening } = eventsOf(publisher);
  {
    await using reader = new Subscriber({ zookeeper, topics: ["A"], id: "crawler" });
    await reader.start();
    await publisher.joined(10_000, 1);
    let enough = false;
    const taking = (async () => {
      // One sample each 0.6 s: less than 4 of 100 a second, and it never stands still.
      for await (const _batch of reader.batches()) {
        if (enough) break;
        await new Promise((resolve) => setTimeout(resolve, 600));
      }
    })();
    let published = 0;
    const publishing = (async () => {
      for (; published < 110; published++) {
        await publisher.publish("A", "x");
        // Each in a message of its own.
        await new Promise((resolve) => setTimeout(resolve));
      }
    })();
    await until("it is given up", () => events.includes("slow"), 15_000);
    assert.deepEqual(publisher.stats().slow, ["crawler"]);
    await publishing;
    assert.equal(published, 110);
    enough = true;
    await reader.close();
    await taking;
  }
  await publisher.close();
  await listening;
});

systemTest(
  "case 48: a reader that is slow and fast enough is waited for, whatever came in one piece",
  async ({ zookeeper }) => {
    await using broker = new Broker({ zookeeper });
    await broker.start();
    await using publisher = new Publisher({
      zookeeper,
      topics: ["A"],
      maxInFlight: 20,
      slowSubscriberMs: 1000,
    });
    await publisher.start();
    const { events, listening } = eventsOf(publisher);
    await using reader = new Subscriber({ zookeeper, topics: ["A"], history: 0 });
    await reader.start();
    await publisher.joined(10_000, 1);
    const publishing = (async () => {
      // Twenty go out at once, and would be one message.
      for (let i = 0; i < 30; i++) await publisher.publish("A", String(i));
    })();
    const got: string[] = [];
    for await (const sample of reader) {
      got.push(new TextDecoder().decode(sample.payload));
      if (got.length === 30) break;
      // One of twenty each 0.2 s, five times the least.
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await publishing;
    await publisher.close();
    await listening;
    assert.equal(events.includes("slow"), false);
    assert.deepEqual(got, Array.from({ length: 30 }, (_, i) => String(i)));
  },
);
