/**
 * Case 2: a host name in somebody's `--address` that the name server does not answer for stopped other streams for 10
 * to 20 s and kept processes from ending, as libzmq looks names up where every connection waits.
 */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { Inside, INSIDE_ZOOKEEPER, namespaceTest } from "../harness/namespace.ts";
import type { Pubsub } from "../harness/process.ts";

/** A look-up in vain takes 10 s and more. */
const SOON_MS = 5000;

/** Ctrl-C, and how it ended. */
async function leaves(process: Pubsub): Promise<number> {
  process.signal("SIGINT");
  return await process.exit(SOON_MS);
}

namespaceTest("case 2: a publisher whose name nobody knows costs its own stream only", async () => {
  await using inside = await Inside.create();
  const broker = inside.start("broker");
  await broker.says(/primary of zone 1/);
  const good = inside.start("publisher", "-t", "A", "-i", "--sleep", "0.01", "--id", "good");
  const subscriber = inside.start("subscriber", "-t", "A", "-t", "B", "-i", "--count", "3");
  await subscriber.prints(100);
  const bad = inside.start("publisher", "-t", "B", "-i", "--id", "bad", "--address", "silent.example");
  await until(
    "all subscribers are matched with it",
    () => subscriber.stderr.filter((line) => line.includes("matched with publisher bad")).length === 3,
  );
  const printed = subscriber.stdout.length;
  await subscriber.prints(printed + 600, SOON_MS);
  assert.equal(await leaves(subscriber), 0);
  assert.equal(subscriber.summary().lost, 0);
  assert.ok(subscriber.summary().max_gap_ms < SOON_MS / 2, `a gap of ${subscriber.summary().max_gap_ms} ms`);
  for (const process of [bad, good, broker]) assert.equal(await leaves(process), 0);
});

namespaceTest("case 2: a broker whose name nobody knows costs nobody else's samples", async () => {
  await using inside = await Inside.create(["127.0.0.1 known.example"]);
  const broker = inside.start("broker", "--address", "known.example", "--centralized");
  await broker.says(/primary of zone 1/);
  const bad = inside.start("broker", "--zone", "2", "--address", "silent.example", "--centralized");
  await bad.says(/primary of zone 2/);
  const publisher = inside.start("publisher", "-t", "A", "-i", "--sleep", "0.01", "--zone", "1");
  const subscriber = inside.start("subscriber", "-t", "A", "-i", "--zone", "1");
  await subscriber.says(/through the broker/);
  await subscriber.prints(300, 2 * SOON_MS);
  const waiting = inside.start("subscriber", "-t", "A", "-i", "--zone", "2");
  await waiting.says(
    /waiting for broker \S+ of zone 2 .*: No address for host silent.example: the name server/,
  );
  assert.equal(await leaves(waiting), 0);
  // One that may go anywhere comes to the zone that can be reached.
  const free = inside.start("subscriber", "-t", "A", "-m", "100");
  await free.prints(100, 4 * SOON_MS);
  const status = inside.start("status");
  assert.equal(await status.exit(SOON_MS), 0);
  for (const process of [subscriber, publisher, bad, broker]) assert.equal(await leaves(process), 0);
});

namespaceTest(
  "case 2: ZooKeeper's name that nobody knows holds up no end, and no other host of it",
  async () => {
    await using inside = await Inside.create();
    const waiting = ["broker", "publisher -t A", "subscriber -t A --count 20"].map((words) =>
      inside.start(...words.split(" "), "-z", "silent.example:2181")
    );
    for (const process of waiting) await process.says(/waiting for ZooKeeper|cannot be reached/);
    for (const process of waiting) assert.equal(await leaves(process), 0);
    const broker = inside.start(
      "broker",
      "-z",
      `silent.example:2181,${INSIDE_ZOOKEEPER}`,
      "--session-timeout",
      "4",
    );
    await broker.says(/primary of zone 1/);
    assert.equal(await leaves(broker), 0);
  },
);

namespaceTest("case 2: a name that has come to mean another address is looked up anew", async () => {
  await using inside = await Inside.create(["127.0.0.9 moving.example"]);
  const broker = inside.start("broker");
  await broker.says(/primary of zone 1/);
  const address = ["--address", "moving.example", "--bind", "127.0.0.1"];
  inside.start("publisher", "-t", "A", "-i", "--id", "pub", "--sleep", "0.05", ...address);
  const subscriber = inside.start("subscriber", "-t", "A", "-m", "100");
  await subscriber.says(/no connection with publisher pub at tcp:..moving.example/);
  await inside.namespace.hosts(["127.0.0.1 moving.example"]);
  await subscriber.says(/connected with publisher pub at tcp:..moving.example/);
  assert.equal(await subscriber.exit(), 0);
});
