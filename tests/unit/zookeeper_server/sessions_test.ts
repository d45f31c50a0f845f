import assert from "node:assert/strict";
import fc from "fast-check";
import { samePassword, SessionTable } from "../../../lib/zookeeper_server/sessions.ts";

const PASSWORD = new Uint8Array(16);
const table = () => new SessionTable<string>({ bucketMs: 100, longestStepMs: 200, now: 0 });

/** Let time pass in steps that are no stall; returns who expired when. */
function pass(sessions: SessionTable<string>, from: number, to: number): Map<number, number> {
  const expired = new Map<number, number>();
  for (let now = from; now <= to; now += 50) {
    sessions.advance(now);
    for (const session of sessions.sweep()) {
      expired.set(session.id, now);
      sessions.remove(session);
    }
  }
  return expired;
}

Deno.test("A session ends after its time-out, never before, and soon", () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 5000 }), fc.integer({ min: 0, max: 3000 }), (timeout, start) => {
      const sessions = table();
      pass(sessions, 0, start);
      const heard = Math.floor(start / 50) * 50;
      sessions.add(1, PASSWORD, timeout);
      const end = pass(sessions, heard, heard + timeout + 1000).get(1);
      assert.ok(end !== undefined, "it ended");
      assert.ok(end >= heard + timeout, `ended ${heard + timeout - end} ms early`);
      assert.ok(end <= heard + timeout + 150, `ended ${end - heard - timeout} ms late`);
      assert.equal(sessions.size, 0);
    }),
  );
});

Deno.test("A session that is heard lives on", () => {
  const sessions = table();
  const session = sessions.add(1, PASSWORD, 500);
  for (let now = 0; now < 5000; now += 100) {
    sessions.advance(now);
    sessions.touch(session);
    assert.deepEqual(sessions.sweep(), []);
  }
  assert.equal(pass(sessions, 5000, 6000).size, 1);
});

Deno.test("A stall of the server expires nobody", () => {
  const sessions = table();
  const session = sessions.add(1, PASSWORD, 1000);
  sessions.advance(50);
  sessions.advance(60_050); // The process stood still for a minute.
  assert.deepEqual(sessions.sweep(), []);
  sessions.touch(session); // The client's heartbeat was waiting in the socket.
  assert.equal(pass(sessions, 60_050, 60_900).size, 0);
  assert.equal(pass(sessions, 60_950, 61_500).size, 1);
});

Deno.test("A clock that goes back changes nothing", () => {
  const sessions = table();
  sessions.add(1, PASSWORD, 500);
  sessions.advance(100);
  sessions.advance(-1000);
  assert.equal(pass(sessions, 100, 400).size, 0);
  assert.equal(pass(sessions, 450, 800).size, 1);
});

Deno.test("A shorter time-out after attaching again counts from then", () => {
  const sessions = table();
  const session = sessions.add(1, PASSWORD, 5000);
  pass(sessions, 0, 1000);
  session.timeout = 300;
  sessions.touch(session);
  const end = pass(sessions, 1000, 3000).get(1)!;
  assert.ok(end >= 1300 && end <= 1450, String(end));
});

Deno.test("A removed session is not swept, and is not found", () => {
  const sessions = table();
  const session = sessions.add(1, PASSWORD, 300);
  sessions.remove(session);
  assert.equal(sessions.get(1), undefined);
  assert.equal(pass(sessions, 0, 1000).size, 0);
});

Deno.test("Many sessions touched at random end exactly once, each in its time", () => {
  const plan = fc.array(fc.record({ at: fc.nat(60), id: fc.nat(9) }), { maxLength: 100 });
  fc.assert(fc.property(plan, (touches) => {
    const sessions = table();
    const last = new Map<number, number>();
    const ends = new Map<number, number>();
    for (let id = 0; id < 10; id++) {
      sessions.add(id, PASSWORD, 400 + id * 70);
      last.set(id, 0);
    }
    for (let step = 0; step < 120; step++) {
      const now = step * 50;
      sessions.advance(now);
      for (const { at, id } of touches) {
        const session = sessions.get(id);
        if (at !== step || session === undefined) continue;
        sessions.touch(session);
        last.set(id, now);
      }
      for (const session of sessions.sweep()) {
        assert.ok(!ends.has(session.id), "twice");
        ends.set(session.id, now);
        sessions.remove(session);
      }
    }
    for (const [id, end] of ends) assert.ok(end - last.get(id)! >= 400 + id * 70);
    assert.equal(ends.size, 10);
  }));
});

Deno.test("Passwords are compared as a whole", () => {
  assert.ok(samePassword(new Uint8Array([1, 2]), new Uint8Array([1, 2])));
  assert.ok(!samePassword(new Uint8Array([1, 2]), new Uint8Array([1, 3])));
  assert.ok(!samePassword(new Uint8Array([1, 2]), new Uint8Array([1])));
  assert.ok(!samePassword(new Uint8Array(16), null));
});
