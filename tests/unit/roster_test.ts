import assert from "node:assert/strict";
import { MismatchNotices } from "../../lib/mismatch_notices.ts";
import { Roster } from "../../lib/roster.ts";

Deno.test("who came and who went, topic by topic, and who is to be waited for", () => {
  const roster = new Roster();
  const a = { topic: "A", subscriber: "s", reliable: true };
  const b = { topic: "B", subscriber: "s", reliable: false };
  assert.deepEqual(roster.update([a, b]), {
    came: [{ topic: "A", subscriber: "s" }, { topic: "B", subscriber: "s" }],
    gone: [],
  });
  assert.deepEqual([...roster.reliable("A")], ["s"]);
  assert.deepEqual([...roster.reliable("B")], []);
  assert.deepEqual(roster.update([{ ...a, reliable: false }]), {
    came: [],
    gone: [{ topic: "B", subscriber: "s" }],
  });
  assert.deepEqual([...roster.reliable("A")], []);
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
