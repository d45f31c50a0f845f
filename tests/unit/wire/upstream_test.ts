import assert from "node:assert/strict";
import fc from "fast-check";
import { FormatError } from "../../../lib/base/errors.ts";
import { decodeUpstream, encodeUpstream, isUpstreamFor, type Upstream } from "../../../lib/wire/upstream.ts";
import { id, mangled, sequence, topic, u32 } from "./arbitraries.ts";

const address = { publisher: id, topic, subscriber: id, incarnation: u32, life: u32 };
const credit = fc.record({ bytes: u32, messages: fc.integer({ min: 0, max: 0xffff }) }, {
  noNullPrototype: true,
});
const number = fc.oneof(fc.constant(0), sequence);
const message: fc.Arbitrary<Upstream> = fc.oneof(
  fc.record({
    kind: fc.constant("request" as const),
    ...address,
    request: u32,
    from: number,
    to: number,
    depth: u32,
    reliable: fc.boolean(),
    credit,
  }),
  fc.record({
    kind: fc.constant("acknowledge" as const),
    ...address,
    delivered: number,
    givenUp: number,
    credit,
  }),
  fc.record({ kind: fc.constant("bye" as const), ...address }),
);
const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("what a subscriber says is what the publisher reads", () => {
  fc.assert(fc.property(message, (given) => {
    const bytes = encodeUpstream(given);
    assert.deepEqual({ ...decodeUpstream(bytes) }, { ...given });
    assert.ok(bytes[0]! > 1, "not one of ZeroMQ's own subscriptions");
  }));
});

Deno.test("a message is for its addressee and for nobody whose id it begins with", () => {
  fc.assert(fc.property(message, id, (given, other) => {
    const bytes = encodeUpstream(given);
    assert.ok(isUpstreamFor(bytes, utf8(given.publisher)));
    assert.equal(isUpstreamFor(bytes, utf8(other)), other === given.publisher);
  }));
});

Deno.test("a topic that begins with a byte order mark keeps it", () => {
  const given = {
    kind: "bye" as const,
    publisher: "p",
    topic: "\ufeffA",
    subscriber: "s",
    incarnation: 1,
    life: 2,
  };
  const read = decodeUpstream(encodeUpstream(given));
  assert.ok(!(read instanceof FormatError));
  assert.equal(read.topic, "\ufeffA");
});

Deno.test("any bytes are a message or a reason why not, never an exception", () => {
  const read = (bytes: Uint8Array) => {
    isUpstreamFor(bytes, utf8("p"));
    const read = decodeUpstream(bytes);
    if (read instanceof FormatError) {
      assert.ok(read.message.length < 200 && !read.message.includes("\n"));
      return;
    }
    assert.deepEqual(decodeUpstream(encodeUpstream(read)), read);
    for (const name of [read.publisher, read.topic, read.subscriber]) assert.ok(!name.includes("\0"));
    if (read.kind === "acknowledge") assert.ok(Number.isSafeInteger(read.delivered));
    if (read.kind === "request") {
      assert.ok(Number.isSafeInteger(read.from) && Number.isSafeInteger(read.to));
    }
  };
  const marked = fc.uint8Array({ maxLength: 100 }).map((rest) => new Uint8Array([2, ...rest]));
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 700 }), marked), read), { numRuns: 2000 });
  fc.assert(fc.property(mangled(message.map(encodeUpstream)), read), { numRuns: 5000 });
});

Deno.test("ids that are none are refused: nobody joins under a name that no client can have", () => {
  const given = {
    kind: "bye" as const,
    publisher: "p",
    topic: "A",
    subscriber: "s",
    incarnation: 1,
    life: 2,
  };
  for (const subscriber of ["", "a b", "x".repeat(65), "..", "ä"]) {
    const read = decodeUpstream(encodeUpstream({ ...given, subscriber }));
    assert.ok(read instanceof FormatError, subscriber);
  }
});
