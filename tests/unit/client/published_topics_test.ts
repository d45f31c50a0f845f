/** What the topics of a publisher share, and what they come to together. */
import assert from "node:assert/strict";
import { figuresOf, publishedTopics } from "../../../lib/client/published_topics.ts";
import type { PublisherOptions } from "../../../lib/client/publisher_options.ts";
import type { TopicOwnership } from "../../../lib/recipes/ownership.ts";

function topicsOf(options: Partial<PublisherOptions> = {}) {
  const names = ["A", "B"];
  const nowhere = { send: () => {}, answer: () => {} };
  return publishedTopics(names, { zookeeper: "", topics: names, ...options }, {
    publisher: "p",
    incarnation: 1,
    ...nowhere,
  });
}

Deno.test("a shared topic may be published on at once, another one while it is owned", () => {
  assert.equal(topicsOf({ ownership: "shared" }).get("A")!.lease(0), true);
  const entry = topicsOf().get("A")!;
  assert.equal(entry.lease(0), false);
  entry.ownership = { lease: 7n } as TopicOwnership;
  assert.equal(entry.lease(0), true);
});

Deno.test("samples and bytes of all topics are counted, and a subscriber of several is one", () => {
  const topics = topicsOf();
  const [a, b] = [topics.get("A")!, topics.get("B")!];
  a.ownership = { lease: 7n } as TopicOwnership;
  b.ownership = { lease: undefined } as TopicOwnership;
  for (const { stream } of [a, b]) {
    stream.acknowledge("s", 0, 0);
    stream.add(0, "sample", 0);
  }
  b.stream.add(0, "sample", 0);
  b.stream.flush(0);
  assert.deepEqual(figuresOf(topics.values()), {
    published: 3,
    owned: ["A"],
    subscribers: 1,
    slow: [],
    windowBytes: b.stream.window.byteLength,
  });
  assert.ok(b.stream.window.byteLength > 0);
});
