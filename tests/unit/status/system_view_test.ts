import assert from "node:assert/strict";
import { systemTable } from "../../../lib/status/system_table.ts";
import { type SystemRecords, viewOf } from "../../../lib/status/system_view.ts";
import type { BrokerRecord, PublisherRecord, SubscriberRecord } from "../../../lib/wire/control.ts";

function publisher(
  id: string,
  topics: string[],
  more: Partial<PublisherRecord> = {},
): [string, PublisherRecord] {
  return [id, {
    id,
    topics,
    address: `tcp://127.0.0.1:1`,
    ownership: "exclusive",
    offered: 1,
    strength: 0,
    incarnation: 1,
    centralized: false,
    zone: 1,
    ...more,
  }];
}

function subscriber(
  id: string,
  topics: string[],
  more: Partial<SubscriberRecord> = {},
): [string, SubscriberRecord] {
  return [id, {
    id,
    topics,
    address: "",
    ownership: "exclusive",
    requested: 1,
    incarnation: 1,
    reliability: "reliable",
    zone: 1,
    ...more,
  } as SubscriberRecord];
}

function broker(id: string, zone: number, standby: boolean): BrokerRecord {
  const endpoint = `tcp://127.0.0.1:${zone}`;
  return {
    broker: id,
    zone,
    host: "127.0.0.1",
    control: endpoint,
    ingress: endpoint,
    egress: endpoint,
    standby,
    ...standby ? {} : { epoch: "42" },
  };
}

function records(more: Partial<SystemRecords> = {}): SystemRecords {
  return {
    primaries: new Map([["zone_2", broker("b2", 2, false)], ["zone_10", broker("b10", 10, false)]]),
    brokers: new Map([["b2", broker("b2", 2, false)], ["b10", broker("b10", 10, false)], [
      "s2",
      broker("s2", 2, true),
    ]]),
    publishers: new Map([publisher("p1", ["A", "B"], { offered: 5, zone: 2 })]),
    subscribers: new Map([
      subscriber("s1", ["A", "B"], { requested: 5, zone: 10 }),
      subscriber("s20", ["A"], { requested: 20, zone: 10 }),
    ]),
    topics: [{ topic: "A", owner: { publisher: "p1", strength: 0, epoch: 77n }, contenders: 1 }],
    load: 1.5,
    invalid: [],
    ...more,
  };
}

Deno.test("zones are in order, with primary, epoch, standbys and clients", () => {
  const { zones } = viewOf(records());
  assert.deepEqual(
    zones.map((
      { zone, primary, epoch, standbys, publishers, subscribers },
    ) => [zone, primary?.id, epoch, standbys.map(({ id }) => id), publishers, subscribers]),
    [[2, "b2", "42", ["s2"], 1, 0], [10, "b10", "42", [], 0, 2]],
  );
});

Deno.test("a zone whose primary is dead is shown without one, its brokers as standbys", () => {
  const { zones } = viewOf(records({ primaries: new Map() }));
  assert.deepEqual(zones.map(({ zone, primary }) => [zone, primary]), [[2, null], [10, null]]);
  assert.deepEqual(zones[0]!.standbys.map(({ id }) => id), ["b2", "s2"]);
});

Deno.test("a match is counted a topic, a mismatch has both values and the fix", () => {
  const view = viewOf(records());
  assert.equal(view.publishers[0]!.matches, 2);
  assert.deepEqual(view.subscribers.map(({ id, matches }) => [id, matches]), [["s1", 2], ["s20", 0]]);
  assert.equal(view.mismatches.length, 1);
  const { subscriber, offered, requested, fix } = view.mismatches[0]!;
  assert.deepEqual([subscriber, offered, requested], ["s20", "5", "20"]);
  assert.match(fix, /--history 20/);
});

Deno.test("the table tells what the view tells, and no name can send a control character", () => {
  const lines = systemTable(viewOf(records({
    publishers: new Map([publisher("p1", ["A", "\x1b[2J"], { offered: 5, zone: 2 })]),
    invalid: ["/brokers/x: not JSON\x07"],
  })));
  const text = lines.join("\n");
  assert.match(text, /^load 1\.5: 3 clients in 2 zones with a primary/);
  assert.match(text, /^2 +b2 +42 +tcp:\S+ +s2 +1 +0$/m);
  assert.match(text, /^10 +b10 +42 +tcp:\S+ +none +0 +2$/m);
  assert.match(text, /^s20 +subscriber +10 +A +requested 20/m);
  assert.match(text, /^A +p1 +0 +77 +1$/m);
  assert.match(text, /s20 requests history 20/);
  assert.match(text, /not JSON\\u0007/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f]/);
});

Deno.test("columns stand below one another on a terminal, whatever characters topics are written in", () => {
  const topics = ["A", "温度", "e\u0301", "🚗"];
  const lines = systemTable(viewOf(records({
    publishers: new Map(topics.map((topic, i) => publisher(`p${i}`, [topic], { offered: 5, zone: 2 }))),
    subscribers: new Map(),
  })));
  const rows = lines.filter((line) => /^p\d /.test(line));
  // What a terminal shows in front of the last column: wide characters twice, combining marks not at all.
  const columnOf = (line: string) => {
    const before = line.slice(0, line.indexOf("offers")).normalize("NFC");
    return [...before].reduce(
      (sum, char) => sum + (/[\u4e00-\u9fff]|\p{Emoji_Presentation}/u.test(char) ? 2 : 1),
      0,
    );
  };
  assert.equal(rows.length, topics.length, lines.join("\n"));
  assert.equal(new Set(rows.map(columnOf)).size, 1, rows.join("\n"));
});

Deno.test("an empty system is one line, and a load that was never written is unknown", () => {
  const nothing = { primaries: new Map(), brokers: new Map(), publishers: new Map(), subscribers: new Map() };
  assert.deepEqual(systemTable(viewOf({ ...nothing, topics: [], invalid: [] })), [
    "load unknown: 0 clients in 0 zones with a primary",
  ]);
});

Deno.test("the view is JSON: epochs are text, an infinite load is null", () => {
  const view = JSON.parse(JSON.stringify(viewOf(records({ load: Infinity }))));
  assert.equal(view.load, null);
  assert.equal(view.topics[0].epoch, "77");
});
