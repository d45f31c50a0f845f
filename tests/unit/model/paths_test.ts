import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../lib/base/errors.ts";
import {
  brokerPath,
  decodeTopic,
  electionPath,
  encodeTopic,
  endedPath,
  primaryPath,
  publisherPath,
  subscriberPath,
  topicPath,
  zoneName,
  zoneOf,
} from "../../../lib/model/paths.ts";

const topics = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((topic) =>
  topic.isWellFormed()
);

Deno.test("a topic is one znode name and back", () => {
  fc.assert(fc.property(topics, (topic) => {
    const name = encodeTopic(topic);
    assert.ok(/^[A-Za-z0-9\-_.!~*'()%]+$/.test(name), name);
    assert.ok(name !== "." && name !== "..");
    assert.equal(decodeTopic(name), topic);
  }));
});

Deno.test("two topics never share a znode name", () => {
  fc.assert(fc.property(topics, topics, (a, b) => assert.equal(encodeTopic(a) === encodeTopic(b), a === b)));
});

Deno.test("a name that no topic encodes to is no topic: one name a topic, not several", () => {
  for (const name of ["%41", "a/b", "%2f", "%", "%zz", "%ff", "é", "", ".", "..", "a b"]) {
    assert.equal(decodeTopic(name), undefined, name);
  }
});

Deno.test("topics that would be relative paths are encoded", () => {
  assert.equal(encodeTopic("."), "%2E");
  assert.equal(encodeTopic(".."), "%2E%2E");
  assert.equal(topicPath("a/b c"), "/topics/a%2Fb%20c");
});

Deno.test("the empty topic and half of a surrogate pair are refused", () => {
  assert.throws(() => encodeTopic(""), UsageError);
  assert.throws(() => encodeTopic("\ud800"), UsageError);
});

Deno.test("paths are those of the architecture", () => {
  assert.equal(electionPath(3), "/elections/zone_3");
  assert.equal(primaryPath(3), "/primaries/zone_3");
  assert.equal(brokerPath("b"), "/brokers/b");
  assert.equal(publisherPath("p"), "/shared_state/publishers/p");
  assert.equal(subscriberPath("s"), "/shared_state/subscribers/s");
  assert.equal(endedPath("p", 7), "/shared_state/ended/p-7");
});

Deno.test("a zone is read back from its name only when the name is exactly a zone's", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (zone) => assert.equal(zoneOf(zoneName(zone)), zone)),
  );
  for (
    const name of [
      "zone_",
      "zone_0",
      "zone_01",
      "zone_-1",
      "zone_1x",
      "Zone_1",
      "zone_99999999999999999",
      "x",
    ]
  ) {
    assert.equal(zoneOf(name), undefined, name);
  }
});
