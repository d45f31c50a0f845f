import assert from "node:assert/strict";
import fc from "fast-check";
import { compareNaturally } from "../../../lib/base/natural_order.ts";

Deno.test("numbers in names are in the order of numbers", () => {
  const names = ["s-1", "s-2", "s-10", "s-11", "s-100", "s-x", "t"];
  assert.deepEqual(names.toSorted().toSorted(compareNaturally), names);
  assert.deepEqual(["10", "9", "009", "a1b10", "a1b2", ""].sort(compareNaturally), [
    "",
    "009",
    "9",
    "10",
    "a1b2",
    "a1b10",
  ]);
});

Deno.test("it is a total order", () => {
  const name = fc.stringMatching(/^[a-b0-1-]{0,6}$/);
  fc.assert(fc.property(name, name, name, (a, b, c) => {
    assert.equal(compareNaturally(a, b) === 0, a === b);
    assert.equal(Math.sign(compareNaturally(a, b)) + Math.sign(compareNaturally(b, a)), 0);
    if (compareNaturally(a, b) <= 0 && compareNaturally(b, c) <= 0) assert.ok(compareNaturally(a, c) <= 0);
  }));
});
