import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteBuffer } from "../../../lib/base/byte_buffer.ts";
import { anyText } from "../text_arbitrary.ts";

Deno.test("what was appended comes out in order, however it was appended", () => {
  const part = fc.oneof(
    anyText,
    fc.uint8Array(),
    fc.nat(255),
  );
  fc.assert(fc.property(fc.array(part), (parts) => {
    const buffer = new ByteBuffer(64);
    const expected: number[] = [];
    for (const one of parts) {
      if (typeof one === "string") buffer.text(one);
      else if (typeof one === "number") buffer.byte(one);
      else buffer.bytes(one);
      expected.push(
        ...typeof one === "string" ? new TextEncoder().encode(one) : typeof one === "number" ? [one] : one,
      );
    }
    assert.equal(buffer.length, expected.length);
    assert.equal(buffer.take().toHex(), new Uint8Array(expected).toHex());
    assert.equal(buffer.length, 0);
  }));
});

Deno.test("bytes that were taken are not written to again", () => {
  const buffer = new ByteBuffer();
  buffer.text("first");
  const taken = buffer.take();
  buffer.text("other");
  assert.equal(new TextDecoder().decode(taken), "first");
});
