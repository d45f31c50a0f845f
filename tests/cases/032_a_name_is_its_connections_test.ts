/** Case 32: registrations were unlimited in number and rate, and answered in anybody's name. */
import assert from "node:assert/strict";
import { Admission, ADMISSION_LIMITS } from "../../lib/broker/admission.ts";
import { Broker } from "../../lib/broker/broker.ts";
import { MatchFeed } from "../../lib/model/match_feed.ts";
import { type Asker, MatchIndex } from "../../lib/model/match_index.ts";
import { Registry } from "../../lib/broker/registry.ts";
import { decodeClientMessage, encodeControl } from "../../lib/wire/control.ts";
import { delay, until } from "../harness/condition.ts";
import { suite } from "../harness/coordination.ts";
import { publisherOf, RawClient, registrationOf } from "../harness/raw_client.ts";

const test = suite();

test("case 32: nobody else is answered, or leaves, in the name of a client", async (place) => {
  const broker = place.use(
    new Broker({ zookeeper: place.coordinator.servers + place.chroot, address: "127.0.0.1" }),
  );
  await broker.start();
  await until("it leads", () => broker.role === "primary");
  const { control } = broker.record!;
  await using owner = new RawClient(control);
  await using thief = new RawClient(control);
  owner.say(registrationOf({ publisher: publisherOf() }, { key: "secret", attempt: 1 }));
  await owner.hears("registered");
  // Everything that a client may ask for, by another connection.
  thief.ping("p");
  await thief.hears("unregistered");
  thief.say({ type: "unregister", id: "p" });
  thief.say({ type: "resync", id: "p" });
  thief.say(registrationOf({ publisher: publisherOf() }, { key: "guess", attempt: 2 }));
  assert.equal((await thief.hears("rejected")).code, "id_in_use");
  thief.say(registrationOf({ publisher: publisherOf({ incarnation: 99 }) }, { key: "guess", attempt: 2 }));
  assert.equal((await thief.hears("rejected")).code, "id_in_use");
  assert.equal(broker.stats().clients, 1);
  owner.ping("p");
  await owner.hears("pong");
  assert.deepEqual(thief.heard.map(({ type }) => type), ["unregistered", "rejected", "rejected"]);
  // By a connection of its own it is the same client at once.
  await using again = new RawClient(control);
  again.say(registrationOf({ publisher: publisherOf() }, { key: "secret", attempt: 2 }));
  await again.hears("registered");
  assert.equal(broker.stats().clients, 1);
});

test("case 32: what is asked again and again is not answered beyond its bounds, and costs nobody else", async (place) => {
  const broker = place.use(
    new Broker({ zookeeper: place.coordinator.servers + place.chroot, address: "127.0.0.1" }),
  );
  await broker.start();
  await until("it leads", () => broker.role === "primary");
  const { control } = broker.record!;
  await using flood = new RawClient(control);
  // Keep-alives that tell as much as they may, so that an answer is large.
  const stats = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`figure${i}`, "x".repeat(300)]));
  for (let i = 0; i < 150; i++) {
    const topics = Array.from({ length: 20 }, (_, n) => `${i} ${n}`);
    flood.say(registrationOf({ publisher: publisherOf({ id: `p${i}`, topics }) }));
    flood.say({ type: "ping", id: `p${i}`, time: 1, stats });
  }
  await until("all are there", () => flood.heard.filter(({ type }) => type === "pong").length === 150);
  for (let i = 0; i < 200; i++) flood.say({ type: "status" });
  flood.ping("p0");
  await flood.hears("pong");
  const answers = flood.heard.filter(({ type }) => type === "status").length;
  assert.ok(answers >= 1 && answers < 60, `${answers} answers of some 1.9 MB`);
  assert.ok(broker.stats().dropped > 100);
  await delay(1500);
  await using operator = new RawClient(control);
  operator.say({ type: "status", brief: true });
  await operator.hears("status");
});

Deno.test("case 32: a keep-alive tells no more than its bound", () => {
  const stats = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`figure${i}`, "x".repeat(300)]));
  assert.match(
    String(decodeClientMessage(encodeControl({ type: "ping", id: "p", time: 1, stats }))),
    /keep-alive of \d+ bytes, must be at most 16384/,
  );
});

Deno.test("case 32: registrations are bounded in number, in topics and in rate", () => {
  const registry = new Registry();
  const admission = new Admission({
    ...ADMISSION_LIMITS,
    ...{ clients: 3, topics: 10, registrations: { burst: 6, perSecond: 2 } },
  });
  const asker = (id: string, topics = ["A"]): Asker => ({
    role: "publisher",
    info: publisherOf({ id, topics }),
  });
  const ask = (who: Asker, now = 0, attempt = 1) => {
    const verdict = admission.decide({ asker: who, key: "k", attempt }, undefined, registry, now);
    if (verdict === "welcome") {
      const feed = new MatchFeed(who, new MatchIndex());
      registry.add({ asker: who, feed, route: new Uint8Array(), pinned: false, key: "k", attempt }, now);
    }
    return typeof verdict === "string" ? verdict : `${verdict.code}: ${verdict.reason}`;
  };
  assert.equal(ask(asker("a", ["1", "2", "3", "4", "5", "6"])), "welcome");
  assert.match(ask(asker("b", ["1", "2", "3", "4", "5"])), /busy: its clients have 10 topics/);
  assert.equal(ask(asker("b")), "welcome");
  assert.equal(ask(asker("c")), "welcome");
  assert.match(ask(asker("d")), /busy: it has 3 clients/);
  assert.equal(ask(asker("a", ["1"]), 0, 2), "welcome", "who is there may register again");
  assert.match(ask(asker("b"), 0, 2), /busy: more clients register/);
  assert.equal(ask(asker("b"), 1000, 2), "welcome", "later there is room again");
  assert.equal(ask(asker("b"), 10_000, 1), "late");
});
