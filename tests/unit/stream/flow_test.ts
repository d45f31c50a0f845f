import assert from "node:assert/strict";
import fc from "fast-check";
import { Flow } from "../../../lib/stream/flow.ts";

const options = { flow: "wait" as const, maxInFlight: 100, slowMs: 5000 };

Deno.test("whom the publisher waits for: the reliable reader that is furthest behind", () => {
  const flow = new Flow(options);
  assert.equal(flow.acknowledged, Infinity);
  flow.join("a", { reliable: true, delivered: 10 }, 100, 0);
  flow.join("b", { reliable: true, delivered: 20 }, 100, 0);
  flow.join("c", { reliable: false, delivered: 0 }, 100, 0);
  assert.equal(flow.acknowledged, 10);
  flow.acknowledge("a", 30, 40, 0);
  assert.equal(flow.acknowledged, 20);
  assert.deepEqual(flow.behind(40), ["a", "b"]);
  assert.deepEqual(flow.behind(20), []);
  assert.equal(flow.leave("b", 100), true);
  assert.equal(flow.leave("b", 100), false);
  assert.equal(flow.acknowledged, 30);
  flow.leave("a", 100);
  assert.equal(flow.acknowledged, Infinity, "the best-effort one is not waited for");
  assert.deepEqual(flow.readers, ["c"]);
});

Deno.test("with drop nobody is waited for, and who is behind is known all the same", () => {
  const flow = new Flow({ ...options, flow: "drop" });
  flow.join("a", { reliable: true, delivered: 3 }, 100, 0);
  assert.equal(flow.acknowledged, Infinity);
  assert.deepEqual(flow.behind(4), ["a"]);
});

Deno.test("one who joins again is not taken to have delivered what it has not", () => {
  const flow = new Flow(options);
  flow.join("a", { reliable: true, delivered: 10 }, 100, 0);
  flow.join("a", { reliable: true, delivered: 50 }, 100, 0);
  assert.equal(flow.acknowledged, 10);
  flow.join("a", { reliable: true, delivered: 5 }, 100, 0);
  assert.equal(flow.acknowledged, 5);
});

Deno.test("acknowledgements that are repeated, late, of strangers or beyond the last sample do no harm", () => {
  const flow = new Flow(options);
  flow.join("a", { reliable: true, delivered: 0 }, 100, 0);
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
  flow.join("a", { reliable: true, delivered: 0 }, 100, 0);
  flow.join("b", { reliable: true, delivered: 0 }, 100, 0);
  flow.join("c", { reliable: false, delivered: 0 }, 100, 0);
  assert.deepEqual(flow.dropSlow(100, 1e6), [], "nobody waits");
  flow.blocked(1000);
  flow.blocked(4000);
  flow.acknowledge("b", 50, 100, 3000);
  assert.deepEqual(flow.dropSlow(100, 5999), []);
  assert.deepEqual(flow.dropSlow(100, 6000), ["a"]);
  assert.deepEqual(flow.slow, ["a"]);
  assert.equal(flow.acknowledged, 50);
  assert.deepEqual(flow.behind(100), ["a", "b"], "one that is not waited for may catch up");
  assert.deepEqual(flow.dropSlow(100, 7999), []);
  assert.deepEqual(flow.dropSlow(100, 8000), ["b"]);
  assert.equal(flow.acknowledged, Infinity);
  assert.equal(flow.acknowledge("a", 40, 100, 8000), false, "60 behind is more than half of what may be");
  assert.equal(flow.acknowledge("a", 51, 100, 8000), true);
  assert.equal(flow.acknowledged, 51);
  assert.deepEqual(flow.slow, ["b"]);
  // A second join does not make a slow one fast.
  flow.join("b", { reliable: true, delivered: 50 }, 100, 9000);
  assert.deepEqual(flow.slow, ["b"]);
});

Deno.test("who has delivered everything is not slow, however long ago that was", () => {
  const flow = new Flow(options);
  flow.join("a", { reliable: true, delivered: 0 }, 100, 0);
  flow.acknowledge("a", 100, 100, 0);
  flow.blocked(1e6);
  assert.deepEqual(flow.dropSlow(100, 2e6), []);
  flow.unblocked(2e6);
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
    for (const id of ["a", "b", "c"]) flow.join(id, { reliable: id !== "c", delivered: 0 }, 100, 0);
    let now = 0;
    for (const { who, what, number, pass } of steps) {
      now += pass;
      const before = flow.acknowledged;
      const slow = flow.slow;
      if (what === "acknowledge") {
        const caughtUp = flow.acknowledge(who, number, 200, now);
        assert.equal(caughtUp, slow.includes(who) && !flow.slow.includes(who));
        if (caughtUp) continue;
      } else if (what === "leave") flow.leave(who, 100);
      else if (what === "block") flow.blocked(now);
      else if (what === "unblock") flow.unblocked(now);
      else flow.dropSlow(200, now);
      assert.ok(flow.acknowledged >= before);
    }
  }));
});

Deno.test("whose record is gone without a farewell is waited for like one that stands still, and named at the end", () => {
  const flow = new Flow(options);
  flow.join("a", { reliable: true, delivered: 10, request: 5 }, 10, 0);
  flow.join("b", { reliable: false, delivered: 10, request: 5 }, 10, 0);
  flow.gone("a", 10);
  flow.gone("b", 10);
  flow.gone("stranger", 10);
  assert.deepEqual([flow.readers, flow.size, flow.acknowledged], [[], 1, 10]);
  assert.deepEqual(flow.missing(10), [], "it has everything so far");
  flow.blocked(1000);
  assert.deepEqual(flow.dropSlow(20, 6000), ["a"]);
  assert.equal(flow.acknowledged, Infinity);
  assert.deepEqual(flow.missing(20), [{ subscriber: "a", samples: 10, givenUp: 0, from: 11, to: 20 }]);
  // It is back, and catches up.
  flow.back("a");
  assert.deepEqual(flow.readers, ["a"]);
  assert.equal(flow.acknowledge("a", 20, 20, 7000), true);
  assert.deepEqual(flow.missing(20), []);
});

Deno.test("a farewell ends all claims, but not those of one that was given up before", () => {
  const flow = new Flow(options);
  for (const id of ["a", "b"]) flow.join(id, { reliable: true, delivered: 0, request: 1 }, 0, 0);
  flow.leave("a", 100);
  assert.deepEqual(flow.missing(100).map(({ subscriber }) => subscriber), ["b"]);
  flow.blocked(0);
  flow.dropSlow(100, 5000);
  flow.leave("b", 100);
  assert.deepEqual(flow.missing(200), [{ subscriber: "b", samples: 100, givenUp: 0, from: 1, to: 100 }]);
});

Deno.test("another life under the same id begins anew; what the one before had not got is owed for good", () => {
  const flow = new Flow(options);
  flow.join("a", { reliable: true, delivered: 10, request: 1000 }, 10, 0);
  assert.equal(flow.baseOf("a", 1001, 30), 10, "the same join, asked for once more");
  flow.join("a", { reliable: true, delivered: 10, request: 1001 }, 30, 0);
  assert.equal(flow.baseOf("a", 700_000, 30), 30, "another life");
  flow.join("a", { reliable: true, delivered: 30, request: 700_000 }, 30, 0);
  flow.acknowledge("a", 40, 40, 0);
  assert.equal(flow.acknowledged, 40);
  assert.deepEqual(flow.missing(40), [{ subscriber: "a", samples: 20, givenUp: 0, from: 11, to: 30 }]);
});

Deno.test("one that is expected gets everything from then on when it joins", () => {
  const flow = new Flow(options);
  flow.expect("a", 0, 0);
  assert.equal(flow.acknowledged, 0);
  assert.equal(flow.baseOf("a", 77, 50), 0);
  flow.join("a", { reliable: true, delivered: 0, request: 77 }, 50, 0);
  flow.expect("a", 50, 0);
  assert.equal(flow.acknowledged, 0);
  assert.equal(flow.baseOf("b", 77, 50), 50);
});

Deno.test("of more than a thousand that are gone the oldest are owed, by name", () => {
  const flow = new Flow(options);
  for (let i = 0; i < 2500; i++) {
    flow.join(`r${i}`, { reliable: true, delivered: 0, request: 1 }, 0, 0);
    flow.gone(`r${i}`, 1);
  }
  assert.equal(flow.size, 1000);
  const missing = flow.missing(1);
  assert.equal(missing.reduce((sum, { samples }) => sum + samples, 0), 2500);
  assert.equal(missing.length, 1000 + 1000 + 1, "a thousand names, the others together");
});

Deno.test("case 33: what a reader has given up is owed to it for good, whatever it acknowledges and however it leaves", () => {
  const flow = new Flow(options);
  for (const id of ["a", "b"]) flow.join(id, { reliable: true, delivered: 0, request: 1 }, 0, 0);
  flow.acknowledge("a", 10, 100, 0);
  flow.gaveUp("a", 40, 60);
  flow.acknowledge("a", 60, 100, 0);
  const lacks = (samples: number, to: number) => ({ subscriber: "a", samples, givenUp: 40, from: 11, to });
  const ofA = (last: number) => flow.missing(last).filter(({ subscriber }) => subscriber === "a");
  assert.deepEqual(ofA(100), [lacks(80, 100)]);
  // Told again, and out of date.
  flow.gaveUp("a", 40, 60);
  flow.gaveUp("a", 0, 70);
  flow.acknowledge("a", 100, 100, 0);
  assert.deepEqual(ofA(100), [lacks(40, 60)]);
  flow.leave("a", 100);
  assert.deepEqual(ofA(100), [lacks(40, 60)]);
  // More than there were, or of nobody.
  flow.gaveUp("b", 1000, 50);
  flow.gaveUp("stranger", 10, 50);
  flow.acknowledge("b", 50, 100, 0);
  flow.leave("b", 100);
  assert.deepEqual(flow.missing(100)[1], { subscriber: "b", samples: 50, givenUp: 50, from: 1, to: 50 });
});

Deno.test("case 33: what was given up before one was forgotten is not counted again when it is back", () => {
  const flow = new Flow(options);
  flow.join("a", { reliable: true, delivered: 0, request: 1 }, 0, 0);
  flow.gaveUp("a", 400, 1000);
  flow.acknowledge("a", 1000, 1000, 0);
  flow.gone("a", 1000);
  for (let i = 0; i < 1000; i++) {
    flow.join(`r${i}`, { reliable: true, delivered: 1000, request: 1 }, 1000, 0);
    flow.gone(`r${i}`, 1000);
  }
  assert.equal(flow.has("a"), false);
  flow.join("a", { reliable: true, delivered: 1000 }, 1000, 0);
  for (const [givenUp, delivered] of [[400, 1000], [400, 1500], [430, 2000]] as const) {
    flow.gaveUp("a", givenUp, delivered);
    flow.acknowledge("a", delivered, 2000, 0);
  }
  const ofA = flow.missing(2000).filter(({ subscriber }) => subscriber === "a");
  assert.deepEqual(ofA.map(({ samples, from, to }) => [samples, from, to]), [[400, 1, 1000], [
    30,
    1501,
    2000,
  ]]);
});

Deno.test("a reader that joins again and again gives up no more than there is", () => {
  const flow = new Flow(options);
  for (let i = 1; i < 100; i++) {
    flow.join("a", { reliable: true, delivered: 0, request: i }, 1000, 0);
    flow.gaveUp("a", i * 1000, 1000);
    flow.acknowledge("a", 1000, 1000, 0);
  }
  assert.deepEqual(flow.missing(1000), [{
    subscriber: "a",
    samples: 1000,
    givenUp: 1000,
    from: 1,
    to: 1000,
  }]);
});
