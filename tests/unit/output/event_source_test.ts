import assert from "node:assert/strict";
import { payloadMaker, splitKeyed } from "../../../lib/output/event_source.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("the synthetic event tells the address, the topic and the publish time in seconds", () => {
  const make = payloadMaker({ kind: "synthetic" }, "127.0.0.1:5556");
  assert.deepEqual(JSON.parse(text(make('a"b', 1_700_000_000_123.456))), {
    publisher: "127.0.0.1:5556",
    topic: 'a"b',
    publish_time: 1_700_000_000.123456,
  });
});

Deno.test("a message is published as it is, a size as so many bytes", () => {
  assert.equal(text(payloadMaker({ kind: "message", text: "grüß" }, "")("A", 0)), "grüß");
  assert.equal(payloadMaker({ kind: "bytes", size: 1000 }, "")("A", 0).length, 1000);
  assert.equal(payloadMaker({ kind: "bytes", size: 0 }, "")("A", 0).length, 0);
});

Deno.test("a keyed line is split at its first tab", () => {
  const { topic, payload } = splitKeyed(new TextEncoder().encode("A\tx\ty"))!;
  assert.equal(topic, "A");
  assert.equal(text(payload), "x\ty");
  assert.equal(splitKeyed(new TextEncoder().encode("no tab")), undefined);
  assert.equal(splitKeyed(new TextEncoder().encode("\ufeffA\tx"))!.topic, "\ufeffA");
  assert.equal(splitKeyed(new Uint8Array([0xff, 9, 65]))!.topic, undefined);
});
