import assert from "node:assert/strict";
import { MatchFeed } from "../../../lib/model/match_feed.ts";
import { type Asker, MatchIndex } from "../../../lib/model/match_index.ts";
import { Registry } from "../../../lib/broker/registry.ts";
import { publisherInfo, subscriberInfo } from "../model/match_fixture.ts";

const route = new Uint8Array([1]);
function add(registry: Registry, asker: Asker, now: number, pinned = false) {
  const feed = new MatchFeed(asker, new MatchIndex());
  return registry.add({ asker, feed, route, pinned, key: "k", attempt: 1 }, now);
}
const publisher = (id: string, topics = ["A"], incarnation = 1): Asker => ({
  role: "publisher",
  info: publisherInfo({ id, topics, incarnation }),
});
const subscriber = (id: string, topics = ["A"], incarnation = 1): Asker => ({
  role: "subscriber",
  info: subscriberInfo({ id, topics, incarnation }),
});
const ids = (clients: Iterable<{ id: string }>) => [...clients].map(({ id }) => id).sort();

Deno.test("clients are found by id, and by role and topic", () => {
  const registry = new Registry();
  add(registry, publisher("p", ["A", "B"]), 0);
  add(registry, publisher("q", ["B"]), 0);
  add(registry, subscriber("s", ["B"]), 0, true);
  assert.equal(registry.size, 3);
  assert.equal(registry.pinned, 1);
  assert.deepEqual(ids(registry.on("publisher", "B")), ["p", "q"]);
  assert.deepEqual(ids(registry.on("subscriber", "B")), ["s"]);
  assert.deepEqual(ids(registry.on("subscriber", "A")), []);
  const p = registry.at(route, "p")!;
  assert.equal(p.asker.role, "publisher");
  assert.equal(registry.at(new Uint8Array([2]), "p"), undefined, "somebody else says so");
  assert.equal(registry.delete(p), true);
  assert.equal(registry.delete(p), false);
  assert.deepEqual(ids(registry.on("publisher", "A")), []);
  registry.clear();
  assert.deepEqual([registry.size, registry.pinned, ids(registry.on("publisher", "B"))], [0, 0, []]);
});

Deno.test("a publisher and a subscriber may have the same id", () => {
  const registry = new Registry();
  const first = add(registry, publisher("x"), 0);
  const other = new Uint8Array([2]);
  const asker = subscriber("x");
  const feed = new MatchFeed(asker, new MatchIndex());
  const second = registry.add({ asker, feed, route: other, pinned: false, key: "k", attempt: 1 }, 0);
  assert.equal(registry.size, 2);
  assert.equal(registry.at(route, "x"), first);
  assert.equal(registry.at(other, "x"), second);
  registry.delete(first);
  assert.deepEqual([registry.has(first), registry.has(second)], [false, true]);
});

Deno.test("who registers again is one client, with what it declares now", () => {
  const registry = new Registry();
  const before = add(registry, publisher("p", ["A", "B"]), 0, true);
  const after = add(registry, publisher("p", ["B", "C"]), 5);
  assert.notEqual(before, after);
  assert.equal(registry.size, 1);
  assert.equal(registry.pinned, 0);
  assert.deepEqual(ids(registry.on("publisher", "A")), []);
  assert.deepEqual([...registry.on("publisher", "B")], [after]);
});

Deno.test("a client is alive as long as it has been heard of lately; topics are counted", () => {
  const registry = new Registry();
  const client = add(registry, publisher("p", ["A", "B"]), 0);
  add(registry, subscriber("p", ["A"]), 0);
  assert.equal(registry.get("publisher", "p"), client);
  assert.equal(registry.topics, 3);
  assert.deepEqual([registry.isAlive(client, 2999), registry.isAlive(client, 3000)], [true, false]);
  client.heardAt = 2000;
  assert.equal(registry.isAlive(client, 3000), true);
  add(registry, publisher("p", ["A"]), 0);
  assert.equal(registry.topics, 2);
  registry.delete(registry.get("publisher", "p")!);
  assert.equal(registry.topics, 1);
});

Deno.test("those who have gone silent are forgotten, once", () => {
  const registry = new Registry();
  add(registry, publisher("p"), 0);
  add(registry, publisher("q"), 5000);
  assert.deepEqual(registry.expire(10_000), []);
  assert.deepEqual(ids(registry.expire(10_001)), ["p"]);
  assert.deepEqual(registry.expire(10_001), []);
  assert.deepEqual(ids(registry), ["q"]);
  assert.deepEqual(ids(registry.on("publisher", "A")), ["q"]);
});
