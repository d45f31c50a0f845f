/** What a broker tells of itself to who asks. */
import assert from "node:assert/strict";
import { type BrokerParts, statusOf } from "../../../lib/broker/broker_status.ts";
import type { BrokerStats } from "../../../lib/broker/broker_options.ts";
import { Registry } from "../../../lib/broker/registry.ts";
import { MatchFeed } from "../../../lib/model/match_feed.ts";
import { type Asker, MatchIndex } from "../../../lib/model/match_index.ts";
import { publisherInfo } from "../model/match_fixture.ts";

const STATS: BrokerStats = {
  id: "b",
  zone: 3,
  role: "primary",
  draining: false,
  epoch: "7",
  clients: 1,
  dropped: 2,
};

function partsWithPublisher(): BrokerParts {
  const info = publisherInfo({ id: "p", topics: ["A"] });
  const asker: Asker = { role: "publisher", info };
  const index = new MatchIndex();
  index.setPublisher(info);
  const clients = new Registry();
  const feed = new MatchFeed(asker, index);
  const client = clients.add(
    { asker, feed, route: new Uint8Array([1]), pinned: false, key: "k", attempt: 1 },
    0,
  );
  client.stats = { published: 5, slow: ["s"] };
  return {
    desk: {
      clients,
      traffic: { sent: 1, received: 2, bytesIn: 3, bytesOut: 4, matchBytes: 5 },
      unrecorded: () => ["p"],
    },
    directory: { index, brokers: 4 },
    zk: { counters: () => ({ operations: 6, watches: 7, bytesIn: 8 }) },
  };
}

Deno.test("a broker's status has its counters, what it costs, and what ails its zone", () => {
  const { costs, ...status } = statusOf(STATS, partsWithPublisher(), true);
  assert.deepEqual(status, {
    ...STATS,
    slow: [{ publisher: "p", subscribers: ["s"] }],
    unreached: [],
    clocks: [],
    failovers: [],
    unrecorded: ["p"],
  });
  const { cpuMs, ...known } = costs as { cpuMs: number };
  assert.ok(cpuMs > 0);
  assert.deepEqual(known, {
    publishers: 1,
    subscribers: 0,
    brokers: 4,
    zookeeper: { operations: 6, watches: 7, bytesIn: 8 },
    control: { sent: 1, received: 2, bytesIn: 3, bytesOut: 4, matchBytes: 5 },
  });
});

Deno.test("if it is not to be brief, it has what each client has told", () => {
  const { clients } = statusOf(STATS, partsWithPublisher(), false);
  assert.deepEqual(clients, [{ published: 5, slow: ["s"], id: "p", role: "publisher" }]);
});
