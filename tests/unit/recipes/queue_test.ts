import assert from "node:assert/strict";
import fc from "fast-check";
import { placeOf, queueOf, sequenceOf } from "../../../lib/recipes/queue.ts";

const guid = fc.uuid().map((text) => text.replaceAll("-", ""));

Deno.test("the sequence number is the digits at the end, also when the counter has wrapped around", () => {
  assert.equal(sequenceOf("0f3a-0000000012"), 12);
  assert.equal(sequenceOf("a-b-c-0000000012"), 12);
  assert.equal(sequenceOf("0f3a--2147483648"), -2147483648);
  assert.equal(sequenceOf("1-2147483647"), 2147483647);
  for (const name of ["", "x", "0000000012", "a-12", "a-000000012", "a-0000000012x", "lock"]) {
    assert.equal(sequenceOf(name), undefined, name);
  }
});

Deno.test("contenders are ordered by number alone, whatever their names are", () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 30 });
  fc.assert(fc.property(numbers, fc.array(guid, { minLength: 30, maxLength: 30 }), (given, guids) => {
    const names = given.map((number, i) => `${guids[i]}-${String(number).padStart(10, "0")}`);
    const queue = queueOf([...names, "junk", "lock-1"]);
    assert.deepEqual(queue.map(({ sequence }) => sequence), given.toSorted((a, b) => a - b));
  }));
});

Deno.test("strength goes before arrival, and exactly one is first", () => {
  const contender = fc.record({ strength: fc.integer({ min: -5, max: 5 }), sequence: fc.nat(1_000_000) });
  const contenders = fc.uniqueArray(contender, {
    minLength: 1,
    maxLength: 30,
    selector: ({ sequence }) => sequence,
  });
  fc.assert(fc.property(contenders, (given) => {
    const strengths = new Map(
      given.map((one) => [`g-${String(one.sequence).padStart(10, "0")}`, one.strength]),
    );
    const names = [...strengths.keys()];
    const queue = queueOf(names, (name) => strengths.get(name));
    const places = names.map((name) => placeOf(name, queue));
    assert.equal(places.filter(({ kind }) => kind === "first").length, 1);
    const best = Math.max(...given.map(({ strength }) => strength));
    assert.equal(queue[0]!.strength, best);
    assert.equal(
      queue[0]!.sequence,
      Math.min(...given.filter(({ strength }) => strength === best).map(({ sequence }) => sequence)),
    );
    // Predecessors form one chain: each is watched by exactly one, so nobody wakes in a herd.
    const watched = places.flatMap((place) => place.kind === "behind" ? [place.predecessor] : []);
    assert.equal(new Set(watched).size, names.length - 1);
  }));
});

Deno.test("who is not in the list is absent, and a name without a strength is no contender", () => {
  const queue = queueOf(["a-0000000001", "b-0000000002"], (name) => name.startsWith("a") ? undefined : 0);
  assert.deepEqual(placeOf("a-0000000001", queue), { kind: "absent" });
  assert.deepEqual(placeOf("b-0000000002", queue), { kind: "first" });
  assert.deepEqual(placeOf("c-0000000003", []), { kind: "absent" });
});
