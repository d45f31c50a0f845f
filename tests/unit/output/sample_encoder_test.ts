import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteBuffer } from "../../../lib/base/byte_buffer.ts";
import { type EncodableBatch, type OutputFormat, sampleEncoder } from "../../../lib/output/sample_encoder.ts";
import { batchOf } from "../stream/sample_batch_fixture.ts";
import { anyText } from "../text_arbitrary.ts";

function encode(format: OutputFormat, batch: EncodableBatch): Uint8Array {
  const to = new ByteBuffer(64);
  sampleEncoder(format)!(batch, batch.count, to, "sub-1");
  return to.take();
}
const text = (format: OutputFormat, batch: EncodableBatch) => new TextDecoder().decode(encode(format, batch));

Deno.test("a JSON line has the fields in the order that is promised", () => {
  assert.equal(
    text("json", batchOf(["hello"], { topic: 'a "b"', firstSequence: 12 })),
    '{"subscriber":"sub-1","topic":"a \\"b\\"","publisher":"pub-1","sequence":12,"epoch":7,"publish_time":1700000000000.000,' +
      '"latency_ms":1.500,"historical":false,"payload":"hello"}\n',
  );
});

Deno.test("an epoch beyond 2^53 keeps every digit", () => {
  assert.match(
    text("json", batchOf(["x"], { epoch: 18446744073709551615n })),
    /"epoch":18446744073709551615,/,
  );
});

Deno.test("any UTF-8 payload comes back from its JSON line, which is one line", () => {
  fc.assert(fc.property(anyText, (payload) => {
    const line = text("json", batchOf([payload]));
    assert.equal(line.indexOf("\n"), line.length - 1);
    assert.equal(JSON.parse(line).payload, payload);
  }));
});

Deno.test("any bytes come back from a JSON line: as text, or as base64 when they are not text", () => {
  fc.assert(fc.property(fc.uint8Array(), (payload) => {
    const { payload: asText, payload_base64: asBase64 } = JSON.parse(text("json", batchOf([payload])));
    const back = asBase64 === undefined ? new TextEncoder().encode(asText) : Uint8Array.fromBase64(asBase64);
    assert.deepEqual(back, payload);
  }));
});

Deno.test("raw is the payload and a line feed, byte for byte", () => {
  assert.deepEqual(
    encode("raw", batchOf([new Uint8Array([0, 255, 13]), new Uint8Array(0)])),
    new Uint8Array([0, 255, 13, 10, 10]),
  );
});

Deno.test("a readable line tells topic, number, publisher and latency", () => {
  assert.equal(text("text", batchOf(["hi", "ho"])), "A #1 pub-1 (1.50 ms) hi\nA #2 pub-1 (1.50 ms) ho\n");
  assert.equal(text("text", batchOf(["hi"], { historical: true })), "A #1 pub-1 (history) hi\n");
});

Deno.test("no payload and no topic can send a control character to the terminal, or make a second line", () => {
  fc.assert(fc.property(fc.uint8Array(), fc.string({ minLength: 1 }), (payload, topic) => {
    const line = text("text", batchOf([payload], { topic }));
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
    assert.ok(line.endsWith("\n"));
  }));
  assert.match(text("text", batchOf(["a\x1b[2Jb\nc"])), /a\\u001b\[2Jb\\nc/);
});

Deno.test("bytes that are no text are shown as their number and the first of them", () => {
  assert.match(text("text", batchOf([new Uint8Array(40).fill(255)])), /<40 bytes: (ff){32}\.\.\.>/);
});

Deno.test("only as many samples are encoded as asked for", () => {
  for (const format of ["text", "json", "raw"] as const) {
    const to = new ByteBuffer();
    sampleEncoder(format)!(batchOf(["x", "y", "z"], { firstSequence: 5 }), 2, to, "sub-1");
    assert.equal(new TextDecoder().decode(to.take()).split("\n").length, 3, format);
  }
});

Deno.test("quiet has no encoder", () => assert.equal(sampleEncoder("quiet"), undefined));
