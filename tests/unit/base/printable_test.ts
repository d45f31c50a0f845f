import assert from "node:assert/strict";
import fc from "fast-check";
import { printable } from "../../../lib/base/printable.ts";

Deno.test("escape sequences, line breaks and characters that turn the writing direction are seen, not done", () => {
  assert.equal(printable("\x1b[2Jred\x07"), "\\u001b[2Jred\\u0007");
  assert.equal(printable("a\nb\r\tc\u2028d\u0085"), "a\\nb\\r\\tc\\u2028d\\u0085");
  assert.equal(printable("\u202egnp.exe\u2066\u200f"), "\\u202egnp.exe\\u2066\\u200f");
  assert.equal(printable("\ufeffA\u200bB\u{e0041}"), "\\ufeffA\\u200bB\\u{e0041}");
  assert.equal(printable("half \ud800"), "half \\ud800");
});

Deno.test("text of any script stays as it is", () => {
  for (const text of ["room{1}", "Prüfstand 7 €", "می‌خواهم", "👩‍👩‍👧", "%s %d \\n"]) {
    assert.equal(printable(text), text);
  }
});

Deno.test("what is longer than the limit is cut, and how much is left out is said", () => {
  assert.equal(printable("abcdef", 4), "abcd… (2 more characters)");
  assert.equal(printable("x".repeat(1e6)).length < 5000, true);
});

Deno.test("whatever comes in, one line without a control character comes out", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(printable(text), /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202a-\u202e\u2066-\u2069\ufeff]/u);
  }));
});
