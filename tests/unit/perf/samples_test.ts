import assert from "node:assert/strict";
import fc from "fast-check";
import { csvRow } from "../../../lib/base/csv.ts";
import { LATENCY_HEADER } from "../../../lib/output/latency_csv.ts";
import { liveLatencies, parseSamples } from "../../../lib/perf/samples.ts";

Deno.test("a subscriber's file is read column by column", () => {
  const samples = parseSamples(`${LATENCY_HEADER}
p1,A,0.001500,1,7,1000.000,1001.500,0
p2,"B,""x""",0.250000,4,7,2000.000,2250.000,1
`);
  assert.equal(samples.count, 2);
  assert.deepEqual(samples.publishers, ["p1", "p2"]);
  assert.deepEqual(samples.topics, ["A", 'B,"x"']);
  assert.deepEqual([...samples.latency], [1.5, 250]);
  assert.deepEqual([...samples.sequence], [1, 4]);
  assert.deepEqual([...samples.receiveTime], [1001.5, 2250]);
  assert.deepEqual([...liveLatencies(samples)], [1.5]);
  assert.equal(samples.invalid, 0);
});

Deno.test("the earlier framework's three columns are enough", () => {
  const samples = parseSamples("publisher,topic,total_time_seconds\r\n10.0.0.5,A,0.002\r\n");
  assert.deepEqual([...liveLatencies(samples)], [2]);
  assert.ok(Number.isNaN(samples.publishTime[0]));
});

Deno.test("rows that are none are counted and left out", () => {
  const samples = parseSamples(
    `${LATENCY_HEADER}\np1,A,abc,1,0,1,2,0\np1,A,0.001\n\np1,A,0.002,2,0,1,2,0\np1,A,0.003,3,0,1,2`,
  );
  assert.equal(samples.count, 1);
  assert.equal(samples.invalid, 3);
  assert.equal(parseSamples("nothing,here\n1,2\n").count, 0);
  assert.equal(parseSamples("").count, 0);
});

Deno.test("any text is read without an exception", () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom(",", '"', "\n", LATENCY_HEADER, "p,A,0.1,1,0,1,2,0"));
  fc.assert(fc.property(fc.array(piece).map((pieces) => pieces.join("")), (text) => {
    const samples = parseSamples(text);
    assert.equal(samples.latency.length, samples.count);
    assert.ok(samples.latency.every(Number.isFinite));
  }));
});

Deno.test("a topic is read as the subscriber wrote it, line breaks, too; a row cut off is one that cannot be read", () => {
  const row = (topic: string) => csvRow(["p", topic, "0.001", 1, 0, "1.000", "2.000", 0]);
  const topics = ["a\nb", 'c,"d"', "e\r\nf", "plain"];
  const samples = parseSamples(`${LATENCY_HEADER}\n${topics.map(row).join("")}p,"cut\n`);
  assert.deepEqual(samples.topics, topics);
  assert.deepEqual([samples.count, samples.invalid], [4, 1]);
});
