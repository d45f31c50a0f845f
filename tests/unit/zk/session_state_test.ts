import assert from "node:assert/strict";
import fc from "fast-check";
import { SessionLease } from "../../../lib/zk/session_state.ts";

function leased(timeoutMs = 900, at = 0): SessionLease {
  const lease = new SessionLease();
  assert.ok(lease.attached(at, timeoutMs, at));
  return lease;
}

Deno.test("a session is connecting until the first handshake, however long that takes", () => {
  const lease = new SessionLease();
  assert.equal(lease.at(1e9), "connecting");
  assert.equal(lease.nextChange(1e9), undefined);
});

Deno.test("silence suspends after two thirds of the timeout and loses after the whole", () => {
  const lease = leased();
  assert.equal(lease.at(599), "connected");
  assert.equal(lease.nextChange(0), 600);
  assert.equal(lease.at(600), "suspended");
  assert.equal(lease.nextChange(600), 900);
  assert.equal(lease.at(899), "suspended");
  assert.equal(lease.at(900), "lost");
  assert.equal(lease.nextChange(900), undefined);
});

Deno.test("an answer counts from when its request was sent, not from when it came", () => {
  const lease = leased();
  lease.proven(100, 550);
  assert.equal(lease.at(699), "connected");
  assert.equal(lease.at(700), "suspended");
  lease.proven(50, 560); // an older one does not take anything back
  assert.equal(lease.at(699), "connected");
});

Deno.test("detached is suspended at once, and the lease runs on", () => {
  const lease = leased();
  lease.detached();
  assert.equal(lease.at(1), "suspended");
  assert.equal(lease.at(899), "suspended");
  assert.equal(lease.at(900), "lost");
});

Deno.test("attached again in time the session goes on with the new timeout", () => {
  const lease = leased();
  lease.detached();
  assert.ok(lease.attached(800, 1_500, 850));
  assert.equal(lease.at(1_799), "connected");
  assert.equal(lease.at(2_300), "lost");
});

Deno.test("a process that was stopped past the timeout has lost its session the moment it looks", () => {
  const lease = leased();
  assert.equal(lease.at(10_000), "lost");
  // The answer to a ping sent before the stop, read after it, and a new handshake, come too late.
  lease.proven(500, 10_000);
  assert.equal(lease.at(10_000), "lost");
  assert.equal(lease.attached(10_000, 900, 10_001), false);
  assert.equal(lease.at(10_002), "lost");
});

Deno.test("what the server ended is lost at once", () => {
  const lease = leased();
  lease.end();
  assert.equal(lease.at(1), "lost");
});

Deno.test("whatever happens: once lost, lost for ever; and connected only within the lease", () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 400 }),
    what: fc.constantFrom("attached" as const, "detached" as const, "proven" as const, "nothing" as const),
    age: fc.integer({ min: 0, max: 300 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const lease = new SessionLease();
    let now = 0;
    let newest: number | undefined;
    let lost = false;
    for (const { wait, what, age } of steps) {
      const next = lease.nextChange(now);
      const before = lease.at(now);
      if (next !== undefined && now + wait < next) assert.equal(lease.at(now + wait), before);
      if (next !== undefined) assert.notEqual(lease.at(next), before);
      now += wait;
      const sentAt = Math.max(0, now - age);
      if (lease.at(now) === "lost") lost = true;
      if (what === "attached") lease.attached(sentAt, 900, now);
      else if (what === "detached") lease.detached();
      else if (what === "proven" && newest !== undefined) lease.proven(sentAt, now);
      if (what === "attached" || (what === "proven" && newest !== undefined)) {
        newest = Math.max(newest ?? 0, sentAt);
      }
      const state = lease.at(now);
      if (lost) assert.equal(state, "lost");
      if (state === "connected") assert.ok(newest !== undefined && now < newest + 600);
      if (newest !== undefined && now >= newest + 900) assert.equal(state, "lost");
    }
  }));
});
