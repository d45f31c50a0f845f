import assert from "node:assert/strict";
import {
  checkNumbers,
  failoversIn,
  latencyQuantile,
  longestSilence,
  type Row,
  rowsOf,
  summaryIn,
  timeOf,
} from "../../../lib/demo/findings.ts";

const row = (publisher: string, sequence: number, rest: Partial<Row> = {}): Row => ({
  publisher,
  topic: "T",
  sequence,
  latencyMs: 1,
  receiveTime: sequence,
  historical: false,
  ...rest,
});

Deno.test("the last summary line of a log is read, and none is none", () => {
  const log = "2026 INFO x\nsummary received=7 historical=2 lost=1 duplicates=0 recovered=3 p50_ms=0.1\n";
  assert.deepEqual(summaryIn(log), { received: 7, historical: 2, lost: 1, duplicates: 0, recovered: 3 });
  assert.equal(summaryIn("no such line\n"), undefined);
});

Deno.test("rows are read by the names in the header, wherever the columns stand", () => {
  const csv = "topic,publisher,total_time_seconds,historical,sequence,receive_time\nT,P,0.0025,1,4,99.5\n";
  assert.deepEqual(rowsOf(csv), [
    { publisher: "P", topic: "T", latencyMs: 2.5, sequence: 4, receiveTime: 99.5, historical: true },
  ]);
  assert.deepEqual(rowsOf("publisher,topic\n"), []);
});

Deno.test("holes and doubles are counted for each stream by itself", () => {
  assert.deepEqual(checkNumbers([row("a", 5), row("b", 1), row("a", 6), row("b", 2)]), {
    holes: 0,
    doubles: 0,
  });
  assert.deepEqual(checkNumbers([row("a", 5), row("a", 8), row("a", 8), row("a", 7)]), {
    holes: 2,
    doubles: 2,
  });
});

Deno.test("the longest silence is the longest time between two rows", () => {
  assert.equal(longestSilence([row("a", 1), row("a", 2), row("a", 9), row("a", 10)]), 7);
  assert.equal(longestSilence([row("a", 1)]), 0);
});

Deno.test("latencies are those of live rows only", () => {
  const rows = [1, 2, 3, 4].map((latencyMs) => row("a", latencyMs, { latencyMs }));
  assert.equal(latencyQuantile([...rows, row("a", 9, { latencyMs: 1000, historical: true })], 0.99), 4);
  assert.equal(latencyQuantile(rows, 0.5), 3);
  assert.ok(Number.isNaN(latencyQuantile([], 0.5)));
});

Deno.test("failovers are read a line each, and the time of a log line is its stamp", () => {
  const lines = '{"event":"broker_lost"}\n{"event":"owner_changed"}\n{"event":"clock","offset_ms":0.1}\n';
  assert.equal(failoversIn(lines).length, 2);
  const log = "2026-11-22T13:00:00.250Z INFO  broker: x: primary of zone 1\n";
  assert.equal(timeOf(log, /primary of zone 1/), Date.parse("2026-11-22T13:00:00.250Z"));
  assert.equal(timeOf(log, /zone 2/), undefined);
});
