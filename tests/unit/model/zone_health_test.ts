import assert from "node:assert/strict";
import fc from "fast-check";
import type { Failover } from "../../../lib/model/client_options.ts";
import { systemTable } from "../../../lib/status/system_table.ts";
import { viewOf } from "../../../lib/status/system_view.ts";
import { decodeClientMessage, encodeControl } from "../../../lib/wire/control.ts";
import { formatFailover, healthOf, joinHealth, parseFailover } from "../../../lib/model/zone_health.ts";

const BROKER_LOST: Failover = {
  time: 1_700_000_000_000,
  event: "broker_lost",
  what: "tcp://127.0.0.1:5556",
  detected_ms: 303.2,
  data_back_ms: 310.5,
  control_back_ms: null,
  recovered: 12,
  lost: 1,
  duplicates: 0,
  reordered: 0,
};

Deno.test("a failover told as text is the failover", () => {
  assert.deepEqual(parseFailover(formatFailover(BROKER_LOST)), BROKER_LOST);
  const topic: Failover = {
    ...BROKER_LOST,
    event: "owner_changed",
    what: "a topic  with spaces",
    control_back_ms: 7,
  };
  assert.deepEqual(parseFailover(formatFailover(topic)), topic);
});

Deno.test("a long topic is cut, so that the text stays one that a broker takes", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const times = { time: most, detected_ms: most, data_back_ms: most, control_back_ms: most };
  const counts = { recovered: most, lost: most, duplicates: most, reordered: most };
  const text = formatFailover({ event: "publisher_lost", what: "a" + "😀".repeat(63), ...times, ...counts });
  const ping = { type: "ping", id: "s1", time: 1, stats: { failovers: [text] } } as const;
  assert.deepEqual(decodeClientMessage(encodeControl(ping)), ping);
  assert.equal(parseFailover(text)!.what, "a" + "😀".repeat(49) + "\ufffd");
});

Deno.test("any other text is no failover", () => {
  for (const text of ["", "broker_lost", "broker_lost 1 2 3 4 5 6 7", "broker_lost - 1 1 1 1 1 1 1 x"]) {
    assert.equal(parseFailover(text), undefined, text);
  }
  fc.assert(fc.property(fc.string(), (text) => {
    parseFailover(text);
    const failover = parseFailover(`broker_lost ${text}`);
    if (failover) assert.equal(JSON.stringify(failover).includes('null,"event"'), false);
  }));
});

Deno.test("of a connection that is missing only the end is told of that is to connect, if it tells", () => {
  const at = { endpoint: "tcp://h:1", seconds: 3 };
  const told = joinHealth([{ ...healthOf([]), unrecorded: [] }, {
    ...healthOf([]),
    unrecorded: [],
    unreached: [
      { client: "p", kind: "subscriber", id: "s1", ...at },
      { client: "p", kind: "subscriber", id: "s2", ...at },
      { client: "s1", kind: "publisher", id: "p", ...at },
      { client: "s2", kind: "publisher", id: "q", ...at },
    ],
  }]);
  assert.deepEqual(told.unreached.map(({ client, id }) => `${client} ${id}`), ["p s2", "s1 p", "s2 q"]);
});

Deno.test("a zone's health is what its clients tell, bounded, and nothing else that they tell", () => {
  const at = (time: number) => formatFailover({ ...BROKER_LOST, time });
  const health = healthOf([
    { id: "p1", stats: { published: 3, slow: ["s1", "s2"] } },
    { id: "p2", stats: { slow: [] } },
    { id: "p3", stats: { slow: "s1", failovers: 7 } },
    { id: "s1", stats: { failovers: [at(2), "nonsense", at(1)] } },
    { id: "s2", stats: { failovers: Array.from({ length: 100 }, (_, i) => at(10 + i)) } },
    { id: "s3", stats: {} },
    { id: "c1", stats: { clock_offset_ms: -5000, clock_bound_ms: 3 } },
    { id: "c2", stats: { clock_offset_ms: 90, clock_bound_ms: 1 } },
    { id: "c3", stats: { clock_offset_ms: 5000, clock_bound_ms: 5000 } },
    { id: "c4", stats: { clock_offset_ms: "far", clock_bound_ms: 1 } },
    { id: "c5", stats: { clock_offset_ms: 5000, clock_bound_ms: -1 } },
  ]);
  assert.deepEqual(health.clocks, [{ client: "c1", offset: -5000, bound: 3 }]);
  assert.deepEqual(health.slow, [{ publisher: "p1", subscribers: ["s1", "s2"] }]);
  assert.deepEqual(
    health.failovers.map(({ subscriber, time }) => [subscriber, time]),
    [["s2", 14], ["s2", 13], ["s2", 12], ["s2", 11], ["s2", 10], ["s1", 2], ["s1", 1]],
  );
  const many = joinHealth(Array.from({ length: 10 }, () => ({ ...health, unrecorded: ["u"] })));
  assert.equal(many.failovers.length, 20);
  assert.deepEqual(many.failovers.map(({ time }) => time), [...Array(10).fill(14), ...Array(10).fill(13)]);
});

Deno.test("status shows who is slow, the last failovers, and who does not answer", () => {
  const empty = new Map();
  const view = viewOf({
    primaries: empty,
    brokers: empty,
    publishers: empty,
    subscribers: empty,
    topics: [],
    invalid: [],
  });
  const text = systemTable(view, {
    slow: [{ publisher: "p1", subscribers: ["s1", "s2"] }],
    unreached: [
      ...[1, 3, 4, 5, 6, 7, 8].map((i) => (
        {
          client: `s${i}`,
          kind: "publisher",
          id: "p1",
          endpoint: "tcp://h:1",
          seconds: 11.4 + 1 / i,
        } as const
      )),
      { client: "p1", kind: "subscriber", id: "s2", endpoint: "", seconds: 2 },
    ],
    failovers: [{ subscriber: "s1", ...BROKER_LOST, what: "tcp://x:1\x1b[2J" }, {
      subscriber: "s2",
      ...BROKER_LOST,
      time: 1e300,
    }],
    clocks: [
      { client: "p1", offset: 3_600_000, bound: 0.4 },
      { client: "s1", offset: -250, bound: 40 },
    ],
    unrecorded: ["p9", "s9"],
    unanswered: ["b7"],
  }).join("\n");
  assert.match(text, /p1 +s1, s2/);
  assert.match(text, /^publisher p1 +tcp:\/\/h:1 +12 s +s1, s3, s4, s5, s6 and 2 more$/m);
  assert.match(text, /^subscriber s2, which has not joined +- +2 s +p1$/m);
  assert.match(
    text,
    /2023-11-14T22:13:20.000Z +s1 +broker lost +tcp:\/\/x:1\\u001b\[2J +303 ms +311 ms +- +12 recovered, 1 lost/,
  );
  assert.match(text, /^- +s2/m);
  assert.match(text, /^p1 +3600\.000 s behind, give or take 0\.000 s$/m);
  assert.match(text, /^s1 +0\.250 s ahead, give or take 0\.040 s$/m);
  assert.match(text, /REGISTERED WITHOUT A RECORD, MATCHED WITH NOBODY\np9, s9/);
  assert.match(text, /b7 does not answer/);
});
