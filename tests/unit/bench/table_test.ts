import assert from "node:assert/strict";
import type { JobResult } from "../../../lib/bench/job.ts";
import { cpuSecondsIn, memoryIn } from "../../../lib/bench/process_figures.ts";
import {
  checkText,
  csv,
  flatResult,
  markdown,
  rateText,
  resultLine,
  shapeText,
  spreadText,
} from "../../../lib/bench/table.ts";

const RESULT: JobResult = {
  system: "pubsub",
  shape: { publishers: 1, subscribers: 4, payloadBytes: 64, rate: 0, warmUpSeconds: 1, seconds: 5 },
  perSubscriber: 1_234_567.8,
  deliveries: 24_691_356,
  published: 7_000_000,
  received: 28_000_000,
  missing: 0,
  repeated: 0,
  corrupt: 0,
  cpuPerMillion: 0.3456,
  groups: {
    publishers: { cpuPerMillion: 0.1, cores: 0.5, peakBytes: 100 * 2 ** 20 },
    servers: { cpuPerMillion: 0.05, cores: 0.2, peakBytes: 80 * 2 ** 20 },
    subscribers: { cpuPerMillion: 0.2, cores: 1, peakBytes: 600 * 2 ** 20 },
  },
  latency: undefined,
  latencyFromSent: undefined,
};

Deno.test("rates are as short as they can be read", () => {
  assert.equal(rateText(1_934_000), "1.93 M");
  assert.equal(rateText(45_020), "45.0 k");
  assert.equal(rateText(812.4), "812");
});

Deno.test("a run is one line that says what was checked", () => {
  assert.equal(
    resultLine(RESULT),
    "1.23 M samples/s per subscriber; CPU 0.35 s per million deliveries (publishers 0.10, servers 0.05, " +
      "subscribers 0.20); memory 100 MiB + 80 MiB + 600 MiB; all samples checked",
  );
  assert.equal(
    checkText({ ...RESULT, missing: 3, repeated: 1, corrupt: 2 }),
    "3 missing, 1 repeated, 2 damaged",
  );
  assert.equal(shapeText(RESULT.shape), "1 publisher → 4 subscribers, 64 B, at full speed");
  assert.equal(
    shapeText({ ...RESULT.shape, publishers: 2, rate: 500 }),
    "2 publishers → 4 subscribers, 64 B, 500 samples/s each",
  );
});

Deno.test("the CSV has one header and a row a run", () => {
  const latency = { count: 10, p50: 100, p99: 200, p999: 300, max: 400 };
  const text = csv([flatResult(RESULT), flatResult({ ...RESULT, latency, latencyFromSent: latency })]);
  const [header, first, second, end] = text.split("\n") as [string, string, string, string];
  assert.equal(end, "");
  assert.equal(first.split(",").length, header.split(",").length);
  assert.ok(header.startsWith("system,publishers,subscribers,payload_bytes,rate"));
  assert.ok(first.startsWith("pubsub,1,4,64,max,5,1234568,"));
  assert.ok(second.endsWith(",100,200,300,400,100,200,300,400"));
  assert.equal(csv([]), "");
});

Deno.test("several runs are told by their median and range, one by itself", () => {
  assert.equal(spreadText([3, 1, 2], (value) => `${value}`), "2 (1–3)");
  assert.equal(spreadText([3], (value) => `${value}`), "3");
});

Deno.test("a Markdown table", () => {
  assert.equal(markdown(["a", "b"], [["1", "2"]]), "| a | b |\n| --- | --- |\n| 1 | 2 |\n");
});

Deno.test("CPU time and memory are read from what Linux writes, whatever the process is called", () => {
  const stat = "123 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 9 0";
  assert.equal(cpuSecondsIn(stat), 2);
  assert.deepEqual(memoryIn("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n"), {
    residentBytes: 1024 * 1024,
    peakBytes: 2048 * 1024,
  });
});
