import assert from "node:assert/strict";
import type { Following } from "../../../lib/client/following.ts";
import { Links } from "../../../lib/client/links.ts";
import { MatchedStreams } from "../../../lib/client/matched_streams.ts";
import { Room } from "../../../lib/stream/room.ts";
import type { StreamMatch } from "../../../lib/wire/control.ts";
import { INCARNATION, NAME } from "../stream/stream_fixture.ts";
import { asLink, FakeLink } from "./fake_link.ts";

const nothing = () => {};

function links() {
  const subscriber = { id: "s", topics: ["A"], address: "", incarnation: 1, requested: 0 } as const;
  const streams = new MatchedStreams(
    { ...subscriber, topics: ["A"], ownership: "shared", reliability: "reliable" },
    4000,
    new Room(),
    { deliver: nothing, missed: nothing, fenced: nothing, forgotten: nothing, warn: nothing },
  );
  const open = new Map<string, FakeLink>();
  const made = new Links(streams, 300, {
    open: (endpoint) => {
      assert.ok(!open.has(endpoint), `a second link to ${endpoint}`);
      const link = new FakeLink(endpoint);
      open.set(endpoint, link);
      return asLink(link);
    },
    retire: (link) => {
      assert.equal(open.get(link.endpoint), link, "a link that there is not");
      open.delete(link.endpoint);
    },
  });
  const follow = (...matches: StreamMatch[]) => {
    streams.apply(matches, 0);
    made.choose(0);
  };
  return { streams, links: made, open, follow };
}

const direct = (publisher: string, endpoint: string): StreamMatch => ({
  ...{ ...NAME, publisher, incarnation: INCARNATION, ownership: "shared" },
  ...{ through: "publisher", endpoints: [endpoint] },
});
const brokered = (publisher: string): StreamMatch => ({
  ...{ ...NAME, publisher, incarnation: INCARNATION, ownership: "shared", through: "broker", endpoints: [] },
});
const endpointOf = ({ link }: Following) => link?.endpoint;

Deno.test("there is one link an endpoint, and none when no stream uses it any more", () => {
  const { streams, open, follow } = links();
  follow(direct("p", "tcp://h:1"), direct("q", "tcp://h:1"), direct("r", "tcp://h:2"));
  assert.deepEqual([...open.keys()], ["tcp://h:1", "tcp://h:2"]);
  assert.deepEqual([...streams].map(endpointOf), ["tcp://h:1", "tcp://h:1", "tcp://h:2"]);
  follow(direct("p", "tcp://h:3"), direct("q", "tcp://h:1"), direct("r", "tcp://h:1"));
  assert.deepEqual([...open.keys()].sort(), ["tcp://h:1", "tcp://h:3"]);
});

Deno.test("streams through brokers share the active link; a second one stands by", () => {
  const { streams, links: made, open, follow } = links();
  made.route.lead(["tcp://b:1", "tcp://b:2", "tcp://b:3"]);
  follow(brokered("p"), brokered("q"));
  made.choose(1);
  const active = made.route.active!;
  assert.deepEqual(new Set([...streams].map(endpointOf)), new Set([active.endpoint]));
  assert.equal(made.on(active).length, 2);
  assert.equal(open.size, 2);
  // It is lost: the streams move to the one that stands.
  Object.assign(open.get(active.endpoint)!, { up: false, lost: true });
  made.choose(2);
  assert.notEqual(made.route.active, active);
  assert.equal(made.on(made.route.active!).length, 2);
  assert.equal(made.on(active).length, 0);
});

Deno.test("a stream without an endpoint has no link", () => {
  const { streams, links: made, open, follow } = links();
  follow({ ...direct("p", "tcp://h:1"), endpoints: [] });
  assert.deepEqual([...streams].map(endpointOf), [undefined]);
  assert.equal(open.size, 0);
  assert.equal(made.up("tcp://h:1"), false);
});
