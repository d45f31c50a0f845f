import assert from "node:assert/strict";
import { MismatchNotices } from "../../../lib/model/mismatch_notices.ts";
import { Roster } from "../../../lib/client/roster.ts";

Deno.test("who came and who went, topic by topic, and who is to be waited for", () => {
  const roster = new Roster();
  const a = { topic: "A", subscriber: "s", reliable: true, life: 1 };
  const b = { topic: "B", subscriber: "s", reliable: false, life: 1 };
  assert.deepEqual(roster.update([a, b], 0), {
    came: [{ topic: "A", subscriber: "s" }, { topic: "B", subscriber: "s" }],
    gone: [],
  });
  assert.deepEqual([...roster.reliable("A")], ["s"]);
  assert.deepEqual([...roster.reliable("B")], []);
  assert.deepEqual(roster.update([{ ...a, reliable: false }], 1), {
    came: [],
    gone: [{ topic: "B", subscriber: "s" }],
  });
  assert.deepEqual([...roster.reliable("A")], []);
});

Deno.test("who has not joined since it came, on which topics, and since when", () => {
  const roster = new Roster();
  const match = (topic: string, subscriber: string) => ({ topic, subscriber, reliable: true, life: 1 });
  roster.update([match("A", "s"), match("A", "t")], 10);
  roster.update([match("A", "s"), match("B", "s"), match("A", "t")], 20);
  roster.joined("A", "t");
  assert.deepEqual(roster.awaited("tcp://h:1"), [{
    kind: "subscriber",
    id: "s",
    endpoint: "tcp://h:1",
    topics: ["A", "B"],
    since: 10,
  }]);
  roster.joined("A", "s");
  assert.deepEqual(roster.awaited("tcp://h:1"), [{
    kind: "subscriber",
    id: "s",
    endpoint: "tcp://h:1",
    topics: ["B"],
    since: 20,
  }]);
  assert.deepEqual(["s", "t", "u"].map((id) => roster.hasJoined(id)), [false, true, false]);
  roster.update([match("A", "t")], 30);
  assert.deepEqual(roster.awaited("tcp://h:1"), []);
  assert.equal(roster.hasJoined("s"), false);
  // One that went and came is waited for anew.
  roster.update([], 40);
  roster.update([match("A", "t")], 50);
  assert.deepEqual(roster.awaited("tcp://h:1"), [{
    kind: "subscriber",
    id: "t",
    endpoint: "tcp://h:1",
    topics: ["A"],
    since: 50,
  }]);
});

Deno.test("a mismatch is told once", () => {
  const notices = new MismatchNotices();
  const mismatch = {
    topic: "A",
    publisher: "p",
    subscriber: "s",
    policy: "history" as const,
    offered: "1",
    requested: "5",
    fix: "",
  };
  assert.equal(notices.fresh([mismatch]).length, 1);
  assert.equal(notices.fresh([mismatch]).length, 0);
  assert.equal(notices.fresh([mismatch, { ...mismatch, subscriber: "t" }]).length, 1);
  const many = Array.from({ length: 1500 }, (_, i) => ({ ...mismatch, subscriber: `s${i}` }));
  assert.equal(notices.fresh(many).length, 1500);
  assert.equal(
    notices.fresh([...many, { ...mismatch, subscriber: "new" }]).length,
    1,
    "however many there are",
  );
  assert.equal(notices.fresh(many).length, 0);
});
