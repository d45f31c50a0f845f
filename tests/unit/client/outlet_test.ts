/** Where samples leave a publisher: who may, who waits, and what is packed together. */
import assert from "node:assert/strict";
import { Outlet } from "../../../lib/client/outlet.ts";
import { PublishedTopic } from "../../../lib/client/published_topic.ts";
import { Lifecycle } from "../../../lib/base/lifecycle.ts";
import type { TopicOwnership } from "../../../lib/recipes/ownership.ts";
import { PublishedStream } from "../../../lib/stream/published_stream.ts";

async function outletOf({ waits = true, shared = true, maxInFlight = 100 } = {}) {
  const sent: Uint8Array[] = [];
  const stream = new PublishedStream({
    topic: "T",
    publisher: "p",
    incarnation: 1,
    offered: 1,
    flow: "wait",
    maxInFlight,
    slowMs: 5000,
    send: (message) => sent.push(message.slice()),
  });
  const entry = new PublishedTopic(stream, shared);
  const life = new Lifecycle("Publisher p");
  await life.start(undefined, () => Promise.resolve());
  let waiters = 0;
  const outlet = new Outlet(new Map([["T", entry]]), life, waits, () => waiters++);
  const own = (epoch: bigint | undefined) => entry.ownership = { lease: epoch } as TopicOwnership;
  return { outlet, stream, life, sent, own, waiters: () => waiters };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setTimeout(resolve, 0)));
}

Deno.test("samples of one turn leave in order, the first at once and the others together", async () => {
  const { outlet, stream, sent } = await outletOf();
  for (const payload of ["a", "b", "c"]) assert.equal(outlet.publish("T", payload), true);
  assert.equal(sent.length, 0);
  await turn();
  assert.equal(stream.last, 3);
  assert.equal(sent.length, 1);
  assert.equal(outlet.suppressed, 0);
});

Deno.test("a sample of a topic that somebody else owns is dropped and counted, or waits", async () => {
  const drops = await outletOf({ waits: false, shared: false });
  assert.equal(drops.outlet.publish("T", "a"), false);
  assert.equal(drops.outlet.tryPublish("T", "a"), false);
  assert.equal(drops.outlet.suppressed, 2);
  assert.equal(drops.stream.last, 0);
  const waits = await outletOf({ waits: true, shared: false });
  const later = waits.outlet.publish("T", "a") as Promise<boolean>;
  assert.equal(waits.waiters(), 1);
  assert.ok(waits.outlet.awaited);
  waits.own(7n);
  await turn();
  assert.equal(waits.stream.last, 0, "nobody has said that something has changed");
  waits.outlet.wake();
  assert.equal(await later, true);
  assert.equal(waits.stream.last, 1);
  assert.equal(waits.stream.epoch, 7n);
  await turn();
});

Deno.test("who waits for room goes on when there is some, and is told when the publisher is closed", async () => {
  const { outlet, stream, life } = await outletOf({ maxInFlight: 1 });
  stream.expect("s", 0);
  assert.equal(outlet.publish("T", "a"), true);
  const [second, third] = [outlet.publish("T", "b"), outlet.publish("T", "c")] as Promise<boolean>[];
  const refused = assert.rejects(third!, /closed/);
  await turn();
  assert.equal(stream.last, 1);
  stream.acknowledge("s", 1, 0);
  outlet.wake();
  assert.equal(await second, true);
  const closed = life.close(() => Promise.resolve(), () => Promise.resolve(outlet.wake()));
  await refused;
  await closed;
  assert.equal(stream.last, 2);
  assert.throws(() => outlet.publish("T", "d"), /closed/);
});

Deno.test("a topic that is none of its own is named", async () => {
  const { outlet } = await outletOf();
  assert.throws(() => outlet.publish("U", "a"), /Cannot publish on topic U: this publisher has T/);
  assert.throws(() => outlet.tryPublish("T", 1 as never), /must be a text or a Uint8Array/);
});
