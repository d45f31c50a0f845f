import assert from "node:assert/strict";
import fc from "fast-check";
import { Flow } from "../../lib/flow.ts";

const options = { flow: "wait" as const, maxInFlight: 100, slowMs: 5000 };

Deno.test("whom the publisher waits for: the reliable reader that is furthest behind", () => {
  const flow = new Flow(options);
  assert.equal(flow.acknowledged, Infinity);
  flow.join("a", true, 10, 0);
  flow.join("b", true, 20, 0);
  flow.join("c", false, 0, 0);
  assert.equal(flow.acknowledged, 10);
  flow.acknowledge("a", 30, 40, 0);
  assert.equal(flow.acknowledged, 20);
  assert.deepEqual(flow.behind(40), ["a", "b"]);
  assert.deepEqual(flow.behind(20), []);
  assert.equal(flow.leave("b"), true);
  assert.equal(flow.leave("b"), false);
  assert.equal(flow.acknowledged, 30);
  flow.leave("a");
  assert.equal(flow.acknowledged, Infinity, "the best-effort one is not waited for");
  assert.deepEqual([...flow.readers], ["c"]);
});

Deno.test("with drop nobody is waited for, and who is behind is known all the same", () => {
  const flow = new Flow({ ...options, flow: "drop" });
  flow.join("a", true, 3, 0);
  assert.equal(flow.acknowledged, Infinity);
  assert.deepEqual(flow.behind(4), ["a"]);
});

Deno.test("one who joins again is not taken to have delivered what it has not", () => {
  const flow = new Flow(options);
  flow.join("a", true, 10, 0);
  flow.join("a", true, 50, 0);
  assert.equal(flow.acknowledged, 10);
  flow.join("a", true, 5, 0);
  assert.equal(flow.acknowledged, 5);
});

Deno.test("acknowledgements that are repeated, late, of strangers or beyond the last sample do no harm", () => {
  const flow = new Flow(options);
  flow.join("a", true, 0, 0);
  flow.acknowledge("a", 7, 10, 0);
  flow.acknowledge("a", 3, 10, 0);
  assert.equal(flow.acknowledged, 7);
  flow.acknowledge("x", 9, 10, 0);
  assert.equal(flow.has("x"), false);
  flow.acknowledge("a", 1000, 10, 0);
  assert.equal(flow.acknowledged, 10);
  // A number beyond the last one is no sign of progress either.
  flow.blocked(0);
  flow.acknowledge("a", 2000, 10, 4000);
  assert.deepEqual(flow.dropSlow(11, 5000), ["a"]);
});

Deno.test("who stands still while the publisher waits is left behind, and waited for again once it has caught up", () => {
  const flow = new Flow(options);
  flow.join("a", true, 0, 0);
  flow.join("b", true, 0, 0);
  flow.join("c", false, 0, 0);
  assert.deepEqual(flow.dropSlow(100, 1e6), [], "nobody waits");
  flow.blocked(1000);
  flow.blocked(4000);
  flow.acknowledge("b", 50, 100, 3000);
  assert.deepEqual(flow.dropSlow(100, 5999), []);
  assert.deepEqual(flow.dropSlow(100, 6000), ["a"]);
  assert.deepEqual(flow.slow, ["a"]);
  assert.equal(flow.acknowledged, 50);
  assert.deepEqual(flow.behind(100), ["b"]);
  assert.deepEqual(flow.dropSlow(100, 7999), []);
  assert.deepEqual(flow.dropSlow(100, 8000), ["b"]);
  assert.equal(flow.acknowledged, Infinity);
  assert.equal(flow.acknowledge("a", 40, 100, 8000), false, "60 behind is more than half of what may be");
  assert.equal(flow.acknowledge("a", 51, 100, 8000), true);
  assert.equal(flow.acknowledged, 51);
  assert.deepEqual(flow.slow, ["b"]);
  // A second join does not make a slow one fast.
  flow.join("b", true, 50, 9000);
  assert.deepEqual(flow.slow, ["b"]);
});

Deno.test("who has delivered everything is not slow, however long ago that was", () => {
  const flow = new Flow(options);
  flow.join("a", true, 0, 0);
  flow.acknowledge("a", 100, 100, 0);
  flow.blocked(1e6);
  assert.deepEqual(flow.dropSlow(100, 2e6), []);
  flow.unblocked();
  flow.blocked(3e6);
  assert.deepEqual(flow.dropSlow(200, 3e6 + 100), [], "it gets its time from when the publisher waits");
});

Deno.test("the lowest acknowledged number never moves back while nobody joins", () => {
  const step = fc.record({
    who: fc.constantFrom("a", "b", "c"),
    what: fc.constantFrom("acknowledge", "acknowledge", "leave", "drop", "block", "unblock"),
    number: fc.nat(200),
    pass: fc.nat(3000),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
    const flow = new Flow(options);
    for (const id of ["a", "b", "c"]) flow.join(id, id !== "c", 0, 0);
    let now = 0;
    for (const { who, what, number, pass } of steps) {
      now += pass;
      const before = flow.acknowledged;
      const slow = flow.slow;
      if (what === "acknowledge") {
        const caughtUp = flow.acknowledge(who, number, 200, now);
        assert.equal(caughtUp, slow.includes(who) && !flow.slow.includes(who));
        if (caughtUp) continue;
      } else if (what === "leave") flow.leave(who);
      else if (what === "block") flow.blocked(now);
      else if (what === "unblock") flow.unblocked();
      else flow.dropSlow(200, now);
      assert.ok(flow.acknowledged >= before);
    }
  }));
});
