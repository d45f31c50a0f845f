import assert from "node:assert/strict";
import { ReaderCheck } from "../../../lib/client/reader_check.ts";
import { Roster } from "../../../lib/client/roster.ts";
import type { Upstream } from "../../../lib/wire/upstream.ts";

const credit = { bytes: 1, messages: 1 };
const address = (subscriber: string, life: number) => (
  { publisher: "p", topic: "A", subscriber, incarnation: 1, life }
);
const request = (subscriber: string, life: number, number = 1): Upstream => (
  {
    kind: "request",
    ...address(subscriber, life),
    request: number,
    from: 0,
    to: 0,
    depth: 0,
    reliable: true,
    credit,
  }
);
const acknowledgement = (subscriber: string, life: number): Upstream => (
  { kind: "acknowledge", ...address(subscriber, life), delivered: 9, givenUp: 0, credit }
);
const match = (subscriber: string, life: number) => ({ topic: "A", subscriber, reliable: true, life });

Deno.test("only the life of a subscriber is heard that a broker has named last, also when its match is gone", () => {
  const roster = new Roster();
  const check = new ReaderCheck(roster);
  roster.update([match("s", 7)], 0);
  assert.equal(check.admits(acknowledgement("s", 7), 0), true);
  assert.equal(check.admits(acknowledgement("s", 8), 0), false);
  assert.equal(check.admits({ kind: "bye", ...address("s", 0) }, 0), false);
  assert.equal(check.admits(acknowledgement("t", 7), 0), false);
  assert.equal(check.dropped, 3);
  roster.update([], 1);
  assert.equal(check.admits({ kind: "bye", ...address("s", 7) }, 1), true, "it may leave after its record");
  roster.update([match("s", 8)], 2);
  assert.equal(check.admits(acknowledgement("s", 7), 2), false);
  assert.equal(check.admits(acknowledgement("s", 8), 2), true);
});

Deno.test("a request that comes before the broker's word is given out with it, the newest of each", () => {
  const roster = new Roster();
  const check = new ReaderCheck(roster);
  assert.equal(check.admits(request("s", 7, 1), 0), false);
  assert.equal(check.admits(request("s", 7, 2), 50), false);
  assert.equal(check.admits(request("t", 7), 50), false);
  assert.deepEqual(check.named(60), []);
  roster.update([match("s", 7)], 70);
  assert.deepEqual(check.named(70), [request("s", 7, 2)]);
  assert.deepEqual(check.named(70), []);
  roster.update([match("s", 7), match("t", 7)], 2000);
  assert.deepEqual(check.named(2000), [], "too late: it has asked again");
  assert.equal(check.dropped, 2);
});

Deno.test("of strangers without end a few requests are kept, and they are told of once in ten seconds", () => {
  const roster = new Roster();
  const check = new ReaderCheck(roster);
  for (let i = 0; i < 50_000; i++) check.admits(request(`x${i}`, i), 0);
  assert.equal(check.dropped, 50_000 - 64);
  assert.match(check.notice(0)!, /^dropped 49936 messages of subscribers that no broker has named$/);
  assert.equal(check.notice(9000), undefined);
  assert.match(check.notice(10_000)!, /^dropped 64 /);
  assert.equal(check.notice(30_000), undefined);
});
