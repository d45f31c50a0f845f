import assert from "node:assert/strict";
import fc from "fast-check";
import { FormatError } from "../../../lib/base/errors.ts";
import { LineSplitter } from "../../../lib/base/line_splitter.ts";

function split(chunks: Uint8Array[], maxBytes = 1000): Uint8Array[] {
  const splitter = new LineSplitter(maxBytes);
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return last ? [...lines, last] : lines;
}

Deno.test("lines joined with line feeds are the input, wherever it was cut into chunks", () => {
  const chunk = fc.uint8Array().map((bytes) => bytes.map((byte) => byte % 5 === 0 ? 10 : byte));
  fc.assert(fc.property(fc.array(chunk), (chunks) => {
    const input = chunks.flatMap((bytes) => [...bytes]);
    const joined = split(chunks).flatMap((line, i) => i === 0 ? [...line] : [10, ...line]);
    if (input.at(-1) === 10) joined.push(10);
    assert.deepEqual(joined, input);
  }));
});

Deno.test("an empty line is a line, a carriage return belongs to its line, nothing is decoded", () => {
  const lines = split([new Uint8Array([10, 13, 10, 255, 0, 10])]);
  assert.deepEqual(lines.map((line) => [...line]), [[], [13], [255, 0]]);
});

Deno.test("no input is no line", () => assert.deepEqual(split([]), []));

Deno.test("a line longer than allowed is refused as soon as it is known, with its number", () => {
  const splitter = new LineSplitter(4);
  assert.equal(splitter.push(new TextEncoder().encode("1234\n12")).length, 1);
  assert.throws(() => splitter.push(new TextEncoder().encode("345")), (error: unknown) => {
    return error instanceof FormatError && /line 2 .* 4 bytes/.test(error.message);
  });
});
