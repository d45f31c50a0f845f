import assert from "node:assert/strict";
import fc from "fast-check";
import { hasKey, keyLength, liveKey, replayKey, streamPrefix, subscription } from "../../../lib/wire/key.ts";
import { id, topic } from "./arbitraries.ts";

const stream = fc.tuple(topic, id);
const key = fc.oneof(
  stream.map(([topic, publisher]) => ({ topic, publisher, bytes: liveKey(topic, publisher) })),
  fc.tuple(stream, id).map(([[topic, publisher], subscriber]) => ({
    topic,
    publisher,
    bytes: replayKey(topic, publisher, subscriber),
  })),
);

Deno.test("no key is a prefix of another one: subscribing to a stream never brings another's messages", () => {
  fc.assert(
    fc.property(key, key, fc.uint8Array(), (one, other, rest) => {
      fc.pre(one.bytes.toHex() !== other.bytes.toHex());
      const message = new Uint8Array([...one.bytes, ...rest]);
      assert.ok(hasKey(message, one.bytes));
      assert.ok(!hasKey(message, other.bytes));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("topic A is not topic AB, and publisher p not pp", () => {
  const message = new Uint8Array([...liveKey("AB", "p"), 1, 2, 3]);
  assert.ok(!hasKey(message, liveKey("A", "p")));
  assert.ok(!hasKey(new Uint8Array([...liveKey("A", "pp"), 1]), liveKey("A", "p")));
  assert.ok(!hasKey(new Uint8Array([...replayKey("A", "p", "ss"), 1]), replayKey("A", "p", "s")));
});

Deno.test("the key in front of any message is found again, whatever follows", () => {
  fc.assert(fc.property(key, fc.uint8Array(), ({ bytes }, rest) => {
    assert.equal(keyLength(new Uint8Array([...bytes, ...rest])), bytes.length);
  }));
});

Deno.test("the longest names make a key that is found", () => {
  const bytes = replayKey("€".repeat(85), "p".repeat(64), "s".repeat(64));
  assert.equal(keyLength(bytes), bytes.length);
  assert.notEqual(streamPrefix(bytes), "");
});

Deno.test("streams have the same prefix only if they are the same", () => {
  fc.assert(fc.property(key, key, (one, other) => {
    const same = one.topic === other.topic && one.publisher === other.publisher;
    assert.equal(streamPrefix(one.bytes) === streamPrefix(other.bytes), same);
  }));
});

Deno.test("any bytes have a key within them or none", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.array(fc.constantFrom(0, 0x4c, 0x52, 0x61), { maxLength: 12 }).map((array) => new Uint8Array(array)),
  );
  fc.assert(fc.property(bytes, (message) => {
    const length = keyLength(message);
    assert.ok(length >= 0 && length <= message.length);
    // What a key is does not depend on what follows it.
    assert.equal(keyLength(message.subarray(0, length)), length);
    if (length > 0) assert.ok(message.indexOf(0) > -1);
    assert.equal(typeof streamPrefix(message), "string");
  }));
});

Deno.test("a subscription is the key behind a 1, its withdrawal behind a 0", () => {
  const bytes = liveKey("A", "p");
  assert.deepEqual(subscription(bytes, true), new Uint8Array([1, ...bytes]));
  assert.deepEqual(subscription(bytes, false), new Uint8Array([0, ...bytes]));
});
