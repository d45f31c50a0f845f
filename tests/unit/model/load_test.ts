import assert from "node:assert/strict";
import fc from "fast-check";
import { FormatError } from "../../../lib/base/errors.ts";
import { formatLoad, loadOf, parseLoad } from "../../../lib/model/load.ts";

Deno.test("the load is clients a zone", () => {
  assert.equal(loadOf(3, 4, 2), 3.5);
  assert.equal(loadOf(0, 0, 5), 0);
  assert.equal(loadOf(1, 0, 3), 1 / 3);
});

Deno.test("without a zone the load is 0 for nobody and infinite for somebody", () => {
  assert.equal(loadOf(0, 0, 0), 0);
  assert.equal(loadOf(0, 1, 0), Infinity);
});

Deno.test("the load's text is read back exactly", () => {
  const count = fc.nat(100_000);
  fc.assert(fc.property(count, count, fc.nat(1_000), (publishers, subscribers, zones) => {
    const load = loadOf(publishers, subscribers, zones);
    assert.equal(parseLoad(formatLoad(load)), load);
  }));
});

Deno.test("what is no load is refused", () => {
  for (const text of ["", "x", "-1", "NaN", "1,5", "0x10", "1 2", "1.", ".5", "--1"]) {
    assert.throws(() => parseLoad(text), FormatError, text);
  }
  assert.equal(parseLoad(" 2.5\n"), 2.5);
});
