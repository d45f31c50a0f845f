/** Brokers that wait, join, drain; clients that are moved between them, with their data. */
import assert from "node:assert/strict";
import { Broker, type BrokerEvent, Publisher, PubsubError, Subscriber, UsageError } from "../../lib/mod.ts";
import { until } from "../harness/condition.ts";
import { type Place, suite } from "../harness/coordination.ts";
import { Observer } from "../harness/observer.ts";
import { pubsub } from "../harness/process.ts";

const test = suite();

interface World {
  readonly zookeeper: string;
  readonly observer: Observer;
  broker(id: string, options?: Partial<ConstructorParameters<typeof Broker>[0]>): Promise<Broker>;
  subscriber(id: string, options?: Partial<ConstructorParameters<typeof Subscriber>[0]>): Promise<Received>;
  publisher(id: string): Promise<Publisher>;
}

interface Received {
  readonly subscriber: Subscriber;
  /** Numbers in the order they came. */
  readonly numbers: number[];
  readonly failovers: string[];
}

function worldIn(place: Place): World {
  const zookeeper = place.coordinator.servers + place.chroot;
  const common = { zookeeper, address: "127.0.0.1" };
  const client = { ...common, ownership: "shared" as const, topics: ["T"] };
  return {
    zookeeper,
    observer: place.use(new Observer(zookeeper)),
    async broker(id, options = {}) {
      const broker = place.use(new Broker({ ...common, id, ...options }));
      await broker.start();
      return broker;
    },
    async publisher(id) {
      const publisher = place.use(new Publisher({ ...client, id, zone: 1 }));
      await publisher.start();
      return publisher;
    },
    async subscriber(id, options = {}) {
      const subscriber = place.use(new Subscriber({ ...client, id, ...options }));
      const received: Received = { subscriber, numbers: [], failovers: [] };
      await subscriber.start();
      void (async () => {
        for await (const { sequence } of subscriber) received.numbers.push(sequence);
      })();
      void (async () => {
        for await (const event of subscriber.events()) {
          if (event.type === "failover") received.failovers.push(event.failover.event);
        }
      })();
      return received;
    },
  };
}

/** Resolves with the first event of a type. */
async function hears<T extends BrokerEvent["type"]>(
  broker: Broker,
  type: T,
): Promise<Extract<BrokerEvent, { type: T }>> {
  for (;;) {
    const { value } = await broker.events().next();
    if (value === undefined) throw new Error(`the broker has ended without ${type}`);
    if (value.type === type) return value as Extract<BrokerEvent, { type: T }>;
  }
}

/** Publishes a number every few milliseconds until stopped. @returns how many. */
function publishing(publisher: Publisher): { stop(): Promise<number> } {
  let last = 0;
  const timer = setInterval(() => void publisher.publish("T", String(++last)), 3);
  return {
    async stop() {
      clearInterval(timer);
      await publisher.drain();
      return last;
    },
  };
}

function complete({ numbers, subscriber }: Received, last: number): void {
  assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, i) => last - numbers.length + 1 + i));
  const { lost, duplicates } = subscriber.stats();
  assert.deepEqual({ lost, duplicates }, { lost: 0, duplicates: 0 });
}

test("a broker that waits is in no list, joins one zone once, and leads it", async (place) => {
  const { broker, observer } = worldIn(place);
  const warm = await broker("warm", { warm: true });
  assert.equal(warm.zone, 0);
  assert.equal(warm.role, "starting");
  await observer.sees("nobody", () => observer.view !== undefined);
  assert.deepEqual(observer.view!.zones, []);
  await assert.rejects(warm.join(0), UsageError);
  await warm.join(4);
  await hears(warm, "primary");
  await observer.sees("its zone", () => observer.zones.join() === "4");
  await assert.rejects(warm.join(5), PubsubError);
});

test("a new zone takes its share of clients, and their data goes through it", async (place) => {
  const { zookeeper, broker, subscriber, publisher, observer } = worldIn(place);
  const one = place.use(pubsub(["broker", "--zone", "1", "--address", "127.0.0.1"], { zookeeper }));
  await one.says(/primary of zone 1/);
  const receivers = await Promise.all(["a", "b", "c"].map((id) => subscriber(id, { centralized: true })));
  const source = await publisher("p");
  await until("joined", () => source.stats().subscribers === 3);
  const stream = publishing(source);
  await broker("two", { zone: 2 });
  await observer.sees("two and two", () => observer.counts.join() === "2,2");
  const moved = receivers.filter(({ subscriber }) => subscriber.zone === 2);
  assert.equal(moved.length, 2);
  const { length } = moved[0]!.numbers;
  await until("samples go on", () => moved.every(({ numbers }) => numbers.length > length + 100));
  // The broker they have left is killed: who was moved does not notice.
  await one.kill();
  const stayed = receivers.find(({ subscriber }) => subscriber.zone === 1)!;
  await until("who stayed does", () => stayed.failovers.includes("broker_lost"), 20_000);
  const last = await stream.stop();
  await until("everything is there", () => receivers.every(({ numbers }) => numbers.at(-1) === last));
  for (const received of receivers) complete(received, last);
  assert.deepEqual(moved.flatMap(({ failovers }) => failovers), []);
});

test("a zone that drains gives its clients away, tells when it has, and can think better of it", async (place) => {
  const { broker, subscriber, publisher, observer } = worldIn(place);
  await broker("one", { zone: 1, rebalance: false });
  const two = await broker("two", { zone: 2 });
  const receivers = await Promise.all(
    ["a", "b"].map((id) => subscriber(id, { zone: undefined, centralized: true })),
  );
  const stays = await subscriber("stays", { zone: 2, centralized: true });
  const source = await publisher("p");
  await until("joined", () => source.stats().subscribers === 3);
  const stream = publishing(source);
  await two.drain();
  assert.deepEqual(await hears(two, "drained"), { type: "drained", pinned: 1 });
  await observer.sees("in zone 1", () => observer.counts.join() === "3,1");
  assert.equal(stays.subscriber.zone, 2, "it has named its zone");
  const late = await subscriber("late", { centralized: true });
  assert.equal(late.subscriber.zone, 1, "a zone that drains is not chosen");
  await two.drain(false);
  assert.equal(two.stats().draining, false);
  const last = await stream.stop();
  await until("everything is there", () => receivers.every(({ numbers }) => numbers.at(-1) === last));
  for (const received of [...receivers, stays]) complete(received, last);
});
