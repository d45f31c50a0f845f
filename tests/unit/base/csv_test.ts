import assert from "node:assert/strict";
import fc from "fast-check";
import { csvField, csvRow, csvRows } from "../../../lib/base/csv.ts";

Deno.test("what was written is read again, whatever it is: quotes, commas, line breaks", () => {
  const cell = fc.oneof(
    fc.string({ unit: fc.constantFrom('"', ",", "\n", "\r", "a", " ", "ü") }),
    fc.string(),
  );
  const rows = fc.array(fc.array(cell, { minLength: 1, maxLength: 5 }));
  fc.assert(fc.property(rows, (given) => {
    // A row of one empty field is an empty line, which is none.
    const written = given.filter((row) => row.length > 1 || row[0] !== "");
    assert.deepEqual([...csvRows(written.map(csvRow).join(""))], written);
  }));
});

Deno.test("any text has rows, and reading it ends", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('"', ",", "\n", "\r", "a") }), (text) => {
    for (const row of csvRows(text)) assert.ok(row.length > 0);
  }));
  assert.deepEqual([...csvRows('a,"b\nc,d\n')], [["a", "b"], ["c", "d"]]);
  assert.deepEqual([...csvRows("a,b\r\n\n\r\nc,\n")], [["a", "b"], ["c", ""]]);
  assert.deepEqual([...csvRows('"a" b,"c""d"')], [["a b", 'c"d']]);
});

Deno.test("fields are quoted only when they have to be; null is empty, and numbers are themselves", () => {
  assert.deepEqual(["a b", "a,b", 'say "x"', "a\nb", ""].map(csvField), [
    "a b",
    '"a,b"',
    '"say ""x"""',
    '"a\nb"',
    "",
  ]);
  assert.equal(csvRow(["x", 1.5, null, "a,b"]), 'x,1.5,,"a,b"\n');
});

Deno.test("a quote that is never closed costs its own row, and one look at the text", () => {
  const text = 'a,"b\n' + "c,d\n".repeat(200_000);
  assert.equal([...csvRows(text)].length, 200_001);
});
