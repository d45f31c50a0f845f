import assert from "node:assert/strict";
import { linksDown, TOLD_UNREACHED, type Unreached, UnreachedWatch } from "../../../lib/client/unreached.ts";
import { formatUnreached, healthOf, parseUnreached } from "../../../lib/model/zone_health.ts";

const peer = (id: string, more: Partial<Unreached> = {}): Unreached => ({
  kind: "publisher",
  id,
  endpoint: `tcp://192.0.2.1:${id.length}`,
  since: 0,
  topics: ["A"],
  ...more,
});
const never = () => false;

Deno.test("what cannot be reached is said once, and once more when it is reached after all", () => {
  const watch = new UnreachedWatch();
  assert.deepEqual(watch.look(1499, [peer("p")], never).events, []);
  assert.deepEqual(watch.told(1499), []);
  const { warning, relief, events } = watch.look(1500, [peer("p")], never);
  assert.equal(warning, "no connection with publisher p at tcp://192.0.2.1:1 after 1.5 s (topic A)");
  assert.equal(relief, undefined);
  assert.deepEqual(events, [
    {
      type: "unreachable",
      kind: "publisher",
      peer: "p",
      endpoint: "tcp://192.0.2.1:1",
      topics: ["A"],
      ms: 1500,
    },
  ]);
  assert.equal(watch.look(1800, [peer("p")], never).warning, undefined);
  assert.deepEqual(watch.told(61_840), [
    { kind: "publisher", id: "p", endpoint: "tcp://192.0.2.1:1", seconds: 61.8 },
  ]);
  const after = watch.look(2000, [], () => true);
  assert.equal(after.relief, "connected with publisher p at tcp://192.0.2.1:1 after 2.0 s (topic A)");
  assert.equal(after.events[0]?.type, "reached");
  assert.deepEqual(watch.told(2000), []);
});

Deno.test("one that is not wanted any more is forgotten without a word", () => {
  const watch = new UnreachedWatch();
  watch.look(2000, [peer("p")], never);
  assert.deepEqual(watch.look(2100, [], never), { warning: undefined, relief: undefined, events: [] });
});

Deno.test("a line says why, and names a few of many", () => {
  const watch = new UnreachedWatch();
  const why = peer("p", { problem: "No address for host h: no such host" });
  assert.match(watch.look(2000, [why], never).warning!, /\(topic A\): No address for host h: no such host$/);
  const many = Array.from(
    { length: 1000 },
    (_, i) => peer(`p${i}`, { topics: ["A", "B", "C", "D", "E", "F"] }),
  );
  const { warning } = watch.look(2000, many, never);
  assert.match(warning!, /publisher p4 at .* \(topic A, B, C, D, E and 1 more\) and 995 more$/);
  assert.ok(warning!.length < 600);
  assert.equal(watch.told(3000).length, TOLD_UNREACHED);
});

Deno.test("a subscriber that has not joined is told from a peer that is connected to, and a broker has no name", () => {
  const watch = new UnreachedWatch();
  const all = [
    peer("s", { kind: "subscriber" }),
    peer("t", { kind: "subscriber", endpoint: "" }),
    peer("", { kind: "broker", endpoint: "tcp://b:1", topics: [] }),
  ];
  assert.equal(
    watch.look(1600, all, never).warning,
    "no connection with subscriber s who has not joined at tcp://192.0.2.1:1 after 1.6 s (topic A); " +
      "subscriber t who has not joined through the brokers after 1.6 s (topic A); broker at tcp://b:1 after 1.6 s",
  );
});

Deno.test("a broker is told in one line each, and believes such lines only", () => {
  const watch = new UnreachedWatch();
  watch.look(5000, [peer("s", { kind: "subscriber", endpoint: "" }), peer("", { kind: "broker" })], never);
  for (const one of watch.told(5000)) assert.deepEqual(parseUnreached(formatUnreached(one)), one);
  const long = { kind: "broker", id: "", endpoint: `tcp://${"h".repeat(295)}`, seconds: 1 } as const;
  assert.equal(formatUnreached(long).length, 300);
  for (
    const text of [
      "",
      "x broker - -",
      "1 host - -",
      "1 broker -",
      "1 broker a b c",
      "-1 broker - -",
      "1e9 broker - -",
    ]
  ) {
    assert.equal(parseUnreached(text), undefined, text);
  }
  const stats = { unreached: ["1.5 publisher p tcp://h:1", "nonsense", 7] };
  assert.deepEqual(healthOf([{ id: "s", stats }, { id: "t", stats: { unreached: 5 } }]).unreached, [
    { client: "s", kind: "publisher", id: "p", endpoint: "tcp://h:1", seconds: 1.5 },
  ]);
  const many = Array.from({ length: 500 }, (_, i) => ({ id: `c${i}`, stats }));
  assert.equal(healthOf(many).unreached.length, 200);
});

Deno.test("a subscriber's links that do not stand, with the topics that were to come over them", () => {
  const link = (endpoint: string, up = false) => ({ endpoint, up, downSince: 7, problem: undefined });
  const [direct, broker] = [link("tcp://p:1"), link("tcp://b:1")];
  const stream = (
    topic: string,
    through: "publisher" | "broker",
    over: typeof direct | undefined,
    gone?: number,
  ) => (
    { match: { topic, publisher: "p", through }, removedAt: gone, link: over }
  );
  const found = linksDown([
    stream("A", "publisher", direct),
    stream("B", "publisher", direct),
    stream("A", "broker", broker),
    stream("A", "publisher", link("tcp://q:1", true)),
    stream("A", "publisher", link("tcp://r:1"), 5),
    stream("A", "publisher", undefined),
  ]);
  assert.deepEqual(found.map(({ kind, id, endpoint, topics }) => [kind, id, endpoint, topics]), [
    ["publisher", "p", "tcp://p:1", ["A", "B"]],
    ["broker", "", "tcp://b:1", ["A"]],
  ]);
});
