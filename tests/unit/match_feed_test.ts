import assert from "node:assert/strict";
import fc from "fast-check";
import { mismatchesOf } from "../../lib/match.ts";
import { MatchFeed, type Routing } from "../../lib/match_feed.ts";
import { type Asker, MatchIndex } from "../../lib/match_index.ts";
import { type Matches, MatchSet } from "../../lib/match_set.ts";
import type { PublisherInfo, SubscriberInfo } from "../../lib/wire/control.ts";
import { publisherInfo, subscriberInfo } from "./match_fixture.ts";

const TOPICS = ["A", "AB", "B"];
const topics = fc.subarray(TOPICS, { minLength: 1 });
const ownership = fc.constantFrom("exclusive" as const, "shared" as const);
const publisher = fc.record({
  id: fc.constantFrom("a", "ab", "b", "c"),
  topics,
  ownership,
  offered: fc.nat(3),
  incarnation: fc.nat(2),
  centralized: fc.boolean(),
}).map(publisherInfo);
const subscriber = fc.record({
  id: fc.constantFrom("s", "ss", "t"),
  topics,
  ownership,
  requested: fc.nat(3),
  reliability: fc.constantFrom("reliable" as const, "best-effort" as const),
  centralized: fc.constantFrom(true, false, undefined),
}).map(({ centralized, ...rest }) =>
  subscriberInfo({ ...rest, ...(centralized === undefined ? {} : { centralized }) })
);
const routing: fc.Arbitrary<Routing> = fc.record({
  egress: fc.subarray(["tcp://e:1", "tcp://f:1"]),
  ingress: fc.subarray(["tcp://i:1", "tcp://j:1"]),
  centralized: fc.constant(false),
});

/** By the plainest means: every pair looked at. */
function expected(
  asker: Asker,
  publishers: Iterable<PublisherInfo>,
  subscribers: Iterable<SubscriberInfo>,
  { egress, ingress, centralized }: Routing,
) {
  const streams: string[] = [];
  const readers: string[] = [];
  const mismatches: string[] = [];
  let throughBroker = false;
  const pairs = asker.role === "subscriber"
    ? [...publishers].map((publisher) => [publisher, asker.info] as const)
    : [...subscribers].map((subscriber) => [asker.info, subscriber] as const);
  for (const [publisher, subscriber] of pairs) {
    for (const topic of publisher.topics.filter((one) => subscriber.topics.includes(one))) {
      const failed = mismatchesOf(topic, publisher, subscriber);
      mismatches.push(...failed.map((one) => JSON.stringify(one)));
      if (failed.length > 0) continue;
      const broker = publisher.centralized || (subscriber.centralized ?? centralized);
      throughBroker ||= broker;
      if (asker.role === "publisher") {
        readers.push(`${topic} ${subscriber.id} ${subscriber.reliability === "reliable"}`);
      } else {
        const endpoints = broker ? egress : [publisher.address];
        streams.push(
          `${topic} ${publisher.id} ${publisher.incarnation} ${publisher.ownership} ${broker} ${endpoints}`,
        );
      }
    }
  }
  const brokers = asker.role === "publisher" ? ingress : throughBroker ? egress : undefined;
  return { streams: streams.sort(), readers: readers.sort(), mismatches: mismatches.sort(), brokers };
}

function plain({ streams, subscribers, mismatches, brokers }: Matches) {
  return {
    streams: streams.map((s) =>
      `${s.topic} ${s.publisher} ${s.incarnation} ${s.ownership} ${s.through === "broker"} ${s.endpoints}`
    ).sort(),
    readers: subscribers.map((s) => `${s.topic} ${s.subscriber} ${s.reliable}`).sort(),
    mismatches: mismatches.map((one) => JSON.stringify(one)).sort(),
    brokers,
  };
}

const step = fc.oneof(
  fc.record({ do: fc.constant("publisher" as const), info: publisher }),
  fc.record({ do: fc.constant("subscriber" as const), info: subscriber }),
  fc.record({ do: fc.constant("remove" as const), id: fc.constantFrom("a", "ab", "b", "c", "s", "ss", "t") }),
  fc.record({ do: fc.constant("routing" as const), routing }),
  fc.record({ do: fc.constant("tell" as const), lost: fc.constantFrom(false, false, false, true) }),
);

Deno.test("who applies every change has what the index says, and who has missed one notices", () => {
  const askers = fc.oneof(
    publisher.map((info): Asker => ({ role: "publisher", info: { ...info, id: "me" } })),
    subscriber.map((info): Asker => ({ role: "subscriber", info: { ...info, id: "me" } })),
  );
  fc.assert(
    fc.property(
      askers,
      routing,
      fc.array(step, { maxLength: 40, size: "max" }),
      (asker, firstRouting, steps) => {
        const index = new MatchIndex();
        const feed = new MatchFeed(asker, index);
        let routing = firstRouting;
        let set = new MatchSet(asker.role);
        const others = asker.role === "publisher" ? "subscriber" : "publisher";
        const touch = (role: string, id: string, topics: readonly string[]) => {
          if (role !== others) return;
          for (const topic of topics) if (asker.info.topics.includes(topic)) feed.touch(topic, id);
        };
        const whole = () => {
          set = new MatchSet(asker.role);
          for (const message of feed.whole(routing)) assert.notEqual(set.apply(message), "gap");
        };
        const check = () => {
          const wanted = expected(asker, index.publishers.values(), index.subscribers.values(), routing);
          const has = plain(set.matches);
          if (wanted.brokers === undefined) assert.deepEqual({ ...has, brokers: undefined }, wanted);
          else assert.deepEqual(has, wanted);
        };
        whole();
        check();
        for (const one of steps) {
          if (one.do === "publisher") touch("publisher", one.info.id, index.setPublisher(one.info));
          else if (one.do === "subscriber") touch("subscriber", one.info.id, index.setSubscriber(one.info));
          else if (one.do === "routing") routing = one.routing;
          else if (one.do === "remove") {
            touch("publisher", one.id, index.deletePublisher(one.id));
            touch("subscriber", one.id, index.deleteSubscriber(one.id));
          } else {
            const messages = feed.news(routing);
            if (one.lost) {
              if (messages.length === 0) continue;
              assert.notEqual(feed.version, set.version, "a keep-alive tells");
              whole();
            } else for (const message of messages) assert.equal(set.apply(message), "complete");
            assert.equal(feed.version, set.version);
            check();
            assert.deepEqual(feed.news(routing), [], "nothing twice");
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a message after a lost one changes nothing", () => {
  const index = new MatchIndex();
  const feed = new MatchFeed({ role: "subscriber", info: subscriberInfo() }, index);
  const routing = { egress: [], ingress: [], centralized: false };
  const set = new MatchSet("subscriber");
  set.apply(feed.whole(routing)[0]!);
  const tell = (info: PublisherInfo) => {
    index.setPublisher(info);
    feed.touch("A", info.id);
    return feed.news(routing);
  };
  tell(publisherInfo({ id: "lost" }));
  const [second] = tell(publisherInfo({ id: "second" }));
  assert.equal(set.apply(second!), "gap");
  assert.deepEqual(set.matches.streams, []);
  for (const message of feed.whole(routing)) set.apply(message);
  assert.deepEqual(set.matches.streams.map(({ publisher }) => publisher), ["lost", "second"]);
});

Deno.test("large sets come in several messages, and are one set only when the last of them is here", () => {
  const index = new MatchIndex();
  for (let i = 0; i < 2500; i++) index.setPublisher(publisherInfo({ id: `p${i}` }));
  const feed = new MatchFeed({ role: "subscriber", info: subscriberInfo() }, index);
  const set = new MatchSet("subscriber");
  const messages = feed.whole({ egress: [], ingress: [], centralized: false });
  assert.deepEqual(messages.map((message) => set.apply(message)), ["more", "more", "complete"]);
  assert.equal(set.matches.streams.length, 2500);
  // The second one lost.
  const again = new MatchSet("subscriber");
  const [first, , third] = feed.whole({ egress: [], ingress: [], centralized: false });
  assert.equal(again.apply(first!), "more");
  assert.equal(again.apply(third!), "gap");
});

Deno.test("who declares what it declared before is no news, whatever zone its record names", () => {
  const index = new MatchIndex();
  assert.deepEqual(index.setPublisher(publisherInfo({ topics: ["A", "B"] })), ["A", "B"]);
  assert.deepEqual(index.setPublisher(publisherInfo({ topics: ["A", "B"] })), []);
  const record = { ...publisherInfo({ topics: ["A", "B"] }), zone: 7 };
  assert.deepEqual(index.setPublisher(record), []);
  assert.deepEqual(index.setPublisher(publisherInfo({ topics: ["B", "C"] })).sort(), ["A", "B", "C"]);
  assert.deepEqual(index.setPublisher(publisherInfo({ topics: ["B", "C"], offered: 9 })).sort(), ["B", "C"]);
  assert.deepEqual(index.deletePublisher("p").sort(), ["B", "C"]);
  assert.deepEqual(index.deletePublisher("p"), []);
  assert.equal(index.publishers.size, 0);
});

Deno.test("topics match exactly: A is not AB", () => {
  const index = new MatchIndex();
  index.setPublisher(publisherInfo({ topics: ["A", "AB"] }));
  const asker: Asker = { role: "subscriber", info: subscriberInfo({ topics: ["A"] }) };
  assert.deepEqual([...index.of(asker, false)].map(({ topic }) => topic), ["A"]);
});
