import assert from "node:assert/strict";
import fc from "fast-check";
import { JuteReader, JuteWriter, Malformed } from "../../../lib/zookeeper_server/jute.ts";

Deno.test("What is written is read back", () => {
  const value = fc.record({
    int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    long: fc.maxSafeInteger(),
    bool: fc.boolean(),
    buffer: fc.option(fc.uint8Array({ maxLength: 100 })),
    text: fc.string({ unit: "grapheme", maxLength: 200 }),
    texts: fc.array(fc.string({ maxLength: 20 }), { maxLength: 10 }),
  });
  fc.assert(fc.property(value, ({ int, long, bool, buffer, text, texts }) => {
    const out = new JuteWriter(0);
    out.int(int);
    out.long(long);
    out.bool(bool);
    out.buffer(buffer);
    out.string(text);
    out.strings(texts);
    const reader = new JuteReader(out.take());
    assert.equal(reader.int(), int);
    assert.equal(reader.long(), long);
    assert.equal(reader.bool(), bool);
    assert.deepEqual(reader.view(), buffer);
    assert.equal(reader.string(), text);
    assert.deepEqual(reader.strings(), texts);
    assert.equal(reader.remaining, 0);
  }));
});

Deno.test("Any bytes give a value or Malformed, and nothing beyond the end is read", () => {
  const steps = fc.array(fc.constantFrom("bool", "byte", "int", "long", "view", "string", "strings"));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), steps, (bytes, reads) => {
    const reader = new JuteReader(bytes);
    for (const read of reads as ("bool" | "byte" | "int" | "long" | "view" | "string" | "strings")[]) {
      try {
        reader[read]();
      } catch (error) {
        assert.ok(error instanceof Malformed, String(error));
      }
      assert.ok(reader.position <= reader.end);
    }
  }));
});

Deno.test("A vector that claims more items than the input can hold allocates nothing", () => {
  const out = new JuteWriter();
  out.int(2 ** 31 - 1);
  assert.throws(() => new JuteReader(out.take()).strings(), Malformed);
});

Deno.test("A negative length is null; a negative count is an empty vector", () => {
  const out = new JuteWriter();
  for (let i = 0; i < 3; i++) out.int(-1);
  const reader = new JuteReader(out.take());
  assert.equal(reader.view(), null);
  assert.equal(reader.string(), null);
  assert.deepEqual(reader.strings(), []);
});

Deno.test("A reader that is reset reads the new bytes only", () => {
  const bytes = new TextEncoder().encode("\0\0\0\x02ab\0\0\0\x02cd");
  const reader = new JuteReader();
  reader.reset(bytes, 6, 12);
  assert.equal(reader.string(), "cd");
  reader.reset(bytes, 0, 6);
  assert.equal(reader.string(), "ab");
  assert.throws(() => reader.int(), Malformed);
});

Deno.test("Bytes that are not UTF-8 become U+FFFD, as in Java", () => {
  const reader = new JuteReader(new Uint8Array([0, 0, 0, 2, 0x61, 0xff]));
  assert.equal(reader.string(), "a\ufffd");
});
