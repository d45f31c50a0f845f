/** A client that is told of changes only has what the index says. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { MatchFeed, type Routing } from "../../../lib/model/match_feed.ts";
import { type Asker, MatchIndex } from "../../../lib/model/match_index.ts";
import { type Matches, MatchSet } from "../../../lib/model/match_set.ts";
import { decodeBrokerMessage, encodeControl, MAX_CONTROL_BYTES } from "../../../lib/wire/control.ts";
import type { MatchMessage, PublisherInfo, SubscriberInfo } from "../../../lib/wire/control.ts";

const TOPICS = ["a", "b", "c"];
const routing: Routing = {
  egress: ["tcp://e1:1", "tcp://e2:1"],
  ingress: ["tcp://i1:1"],
  centralized: false,
};

const topics = fc.subarray(TOPICS, { minLength: 1 });
const ownership = fc.constantFrom("exclusive" as const, "shared" as const);
const publisher: fc.Arbitrary<PublisherInfo> = fc.record({
  id: fc.constantFrom("p1", "p2", "p3"),
  topics,
  ownership,
  address: fc.constant("tcp://h:1"),
  incarnation: fc.integer({ min: 1, max: 3 }),
  offered: fc.nat(2),
  strength: fc.constant(0),
  centralized: fc.boolean(),
});
const subscriber: fc.Arbitrary<SubscriberInfo> = fc.record({
  id: fc.constantFrom("s1", "s2", "s3"),
  topics,
  ownership,
  address: fc.constant(""),
  incarnation: fc.integer({ min: 1, max: 3 }),
  requested: fc.nat(2),
  reliability: fc.constant("reliable" as const),
});

type Change =
  | { kind: "publisher"; info: PublisherInfo }
  | { kind: "subscriber"; info: SubscriberInfo }
  | { kind: "gone"; id: string }
  | { kind: "tell"; lost: boolean }
  | { kind: "routing"; egress: string[]; ingress: string[] };
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("publisher" as const), info: publisher }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("subscriber" as const), info: subscriber }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("gone" as const),
      id: fc.constantFrom("p1", "p2", "p3", "s1", "s2", "s3"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("tell" as const), lost: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("routing" as const),
      egress: fc.subarray(["tcp://e1:1", "tcp://e2:1", "tcp://e3:1"]),
      ingress: fc.subarray(["tcp://i1:1", "tcp://i2:1"]),
    }),
  },
);
const asker: fc.Arbitrary<Asker> = fc.oneof(
  publisher.map((info) => ({ role: "publisher" as const, info: { ...info, id: "me" } })),
  subscriber.map((info) => ({ role: "subscriber" as const, info: { ...info, id: "me" } })),
);

/** What a client would have that is told everything now. */
function truth(index: MatchIndex, me: Asker, now: Routing): Matches {
  const set = new MatchSet(me.role);
  for (const message of new MatchFeed(me, index).whole(now)) set.apply(message);
  return set.matches;
}

/** The same whatever the order, and without brokers that no stream goes through any more. */
function comparable(matches: Matches): unknown {
  const key = (one: object) => JSON.stringify(Object.entries(one).toSorted());
  const sorted = (list: readonly object[]) => list.toSorted((a, b) => key(a) < key(b) ? -1 : 1);
  const usesBrokers = matches.streams.length === 0 ||
    matches.streams.some(({ through }) => through === "broker");
  return {
    streams: sorted(matches.streams),
    subscribers: sorted(matches.subscribers),
    mismatches: sorted(matches.mismatches),
    brokers: usesBrokers && matches.streams.length > 0 ? matches.brokers : [],
  };
}

/** Tells a feed of what happens, as a broker does. */
class Teller {
  readonly index = new MatchIndex();
  readonly feed: MatchFeed;
  routing = routing;

  constructor(readonly me: Asker) {
    this.feed = new MatchFeed(me, this.index);
  }

  change(change: Change): void {
    if (change.kind === "publisher") {
      this.#touch("publisher", change.info.id, this.index.setPublisher(change.info));
    } else if (change.kind === "subscriber") {
      this.#touch("subscriber", change.info.id, this.index.setSubscriber(change.info));
    } else if (change.kind === "gone") {
      this.#touch("publisher", change.id, this.index.deletePublisher(change.id));
      this.#touch("subscriber", change.id, this.index.deleteSubscriber(change.id));
    } else if (change.kind === "routing") {
      this.routing = { ...this.routing, egress: change.egress, ingress: change.ingress };
    }
  }

  #touch(role: Asker["role"], id: string, topics: string[]): void {
    if (role === this.me.role) return;
    for (const topic of topics) if (this.me.info.topics.includes(topic)) this.feed.touch(topic, id);
  }
}

Deno.test("changes, told one after the other, add up to everything", () => {
  fc.assert(fc.property(asker, fc.array(change, { maxLength: 40 }), (me, changes) => {
    const teller = new Teller(me);
    const set = new MatchSet(me.role);
    const tell = (messages: MatchMessage[]) => {
      for (const message of messages) assert.notEqual(set.apply(message), "gap");
    };
    tell(teller.feed.whole(teller.routing));
    for (const change of changes) {
      teller.change(change);
      if (change.kind === "tell") tell(teller.feed.news(teller.routing));
    }
    tell(teller.feed.news(teller.routing));
    assert.deepEqual(comparable(set.matches), comparable(truth(teller.index, me, teller.routing)));
    assert.equal(set.version, teller.feed.version);
    assert.deepEqual(teller.feed.news(teller.routing), [], "nothing is told twice");
  }));
});

Deno.test("a lost message is noticed, by the next one or by its number, and everything again heals it", () => {
  fc.assert(fc.property(asker, fc.array(change, { maxLength: 40 }), (me, changes) => {
    const teller = new Teller(me);
    const set = new MatchSet(me.role);
    for (const message of teller.feed.whole(teller.routing)) set.apply(message);
    let lostOne = false;
    const heal = () => {
      for (const message of teller.feed.whole(teller.routing)) set.apply(message);
      lostOne = false;
    };
    for (const change of changes) {
      teller.change(change);
      if (change.kind !== "tell") continue;
      for (const message of teller.feed.news(teller.routing)) {
        if (change.lost) lostOne = true;
        else if (lostOne) {
          const before = comparable(set.matches);
          assert.equal(set.apply(message), "gap", "what follows a lost one is not taken");
          assert.deepEqual(comparable(set.matches), before);
          heal();
        } else assert.equal(set.apply(message), "complete");
      }
      assert.equal(set.version !== teller.feed.version, lostOne, "the number tells");
    }
    if (lostOne) heal();
    for (const message of teller.feed.news(teller.routing)) set.apply(message);
    assert.deepEqual(comparable(set.matches), comparable(truth(teller.index, me, teller.routing)));
  }));
});

Deno.test("a change costs what it concerns, not the size of the set", () => {
  const me: Asker = {
    role: "publisher",
    info: { ...fc.sample(publisher, 1)[0]!, id: "me", topics: ["a"], offered: 9 },
  };
  const teller = new Teller(me);
  const info = { ...fc.sample(subscriber, 1)[0]!, topics: ["a"], requested: 0, ownership: me.info.ownership };
  for (let i = 0; i < 500; i++) teller.change({ kind: "subscriber", info: { ...info, id: `s${i}` } });
  const whole = JSON.stringify(teller.feed.whole(routing)).length;
  teller.change({ kind: "subscriber", info: { ...info, id: "new" } });
  teller.change({ kind: "gone", id: "s7" });
  const [news, ...more] = teller.feed.news(routing);
  assert.deepEqual(more, []);
  assert.deepEqual(news!.subscribers.map((one) => one.subscriber), ["new"]);
  assert.deepEqual(news!.removed, [{ topic: "a", peer: "s7" }]);
  assert.ok(JSON.stringify(news).length * 50 < whole);
});

Deno.test("a client that declares the same again, from another zone, concerns nobody", () => {
  const index = new MatchIndex();
  const info = fc.sample(publisher, 1)[0]!;
  assert.deepEqual(
    index.setPublisher({ ...info, zone: 1 } as PublisherInfo).toSorted(),
    info.topics.toSorted(),
  );
  assert.deepEqual(index.setPublisher({ zone: 2, ...info } as PublisherInfo), []);
  assert.deepEqual(index.setPublisher({ ...info, incarnation: 9 }).toSorted(), info.topics.toSorted());
});

Deno.test("a large set comes in several messages, none above the limit, and is one set at the end", () => {
  const long = "x".repeat(200);
  const me: Asker = {
    role: "subscriber",
    info: { ...fc.sample(subscriber, 1)[0]!, topics: [long], requested: 5 },
  };
  const teller = new Teller(me);
  const info = {
    ...fc.sample(publisher, 1)[0]!,
    topics: [long],
    address: `tcp://${"h".repeat(200)}:65535`,
    offered: 0,
  };
  for (let i = 0; i < 3500; i++) {
    const offered = i % 2 === 0 ? 5 : 0;
    const ownership = i % 4 === 0 ? me.info.ownership : "shared";
    teller.change({ kind: "publisher", info: { ...info, offered, ownership, id: `p${"0".repeat(50)}${i}` } });
  }
  const set = new MatchSet("subscriber");
  const messages = teller.feed.whole(routing);
  assert.ok(messages.length > 1);
  const outcomes = messages.map((message) => {
    const bytes = encodeControl(message);
    assert.ok(bytes.length <= MAX_CONTROL_BYTES, `${bytes.length} bytes`);
    const decoded = decodeBrokerMessage(bytes);
    if (decoded instanceof Error) throw decoded;
    return set.apply(decoded as MatchMessage);
  });
  assert.deepEqual(outcomes, [...messages.slice(1).map(() => "more"), "complete"]);
  assert.deepEqual(comparable(set.matches), comparable(truth(teller.index, me, routing)));
});

Deno.test("brokers are told to those whose data goes through them, and to publishers all", () => {
  const info = { ...fc.sample(subscriber, 1)[0]!, topics: ["a"], requested: 0, ownership: "shared" as const };
  const teller = new Teller({ role: "subscriber", info });
  const offer = { ...fc.sample(publisher, 1)[0]!, topics: ["a"], ownership: "shared" as const };
  teller.change({ kind: "publisher", info: { ...offer, id: "p1", centralized: false } });
  assert.equal(teller.feed.whole(routing)[0]!.brokers, undefined);
  teller.change({ kind: "publisher", info: { ...offer, id: "p2", centralized: true } });
  const set = new MatchSet("subscriber");
  for (const message of teller.feed.whole(routing)) set.apply(message);
  assert.deepEqual(
    set.matches.streams.map(({ publisher, endpoints }) => [publisher, endpoints]).toSorted(),
    [["p1", ["tcp://h:1"]], ["p2", routing.egress]],
  );
  const mine = new MatchFeed({ role: "publisher", info: offer }, teller.index);
  assert.deepEqual(mine.whole(routing)[0]!.brokers, routing.ingress);
  assert.deepEqual(mine.news(routing), []);
  assert.deepEqual(mine.news({ ...routing, ingress: [] })[0]!.brokers, []);
});
