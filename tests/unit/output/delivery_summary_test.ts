import assert from "node:assert/strict";
import { DeliverySummary } from "../../../lib/output/delivery_summary.ts";
import { batchOf } from "../stream/sample_batch_fixture.ts";

const none = { lost: 0, fenced: 0, duplicates: 0, recovered: 0 };

Deno.test("without samples there are no percentiles", () => {
  assert.equal(
    new DeliverySummary().line(none),
    "summary received=0 historical=0 lost=0 fenced=0 duplicates=0 recovered=0 p50_ms=- p99_ms=- max_gap_ms=0.000",
  );
});

Deno.test("percentiles count live samples only, the counts all of them", () => {
  const summary = new DeliverySummary();
  const track = summary.track();
  track.add(batchOf(["a", "b"], { historical: true, receiveTime: 1000, publishTimes: [0, 0] }), 2);
  // 99 samples of 1 ms, then one of 50 ms.
  for (let i = 0; i < 99; i++) track.add(batchOf(["x"], { receiveTime: 1000, publishTimes: [999] }), 1);
  track.add(batchOf(["x"], { receiveTime: 1250, publishTimes: [1200] }), 1);
  const line = summary.line({ lost: 1, fenced: 4, duplicates: 2, recovered: 3 });
  assert.match(line, /^summary received=102 historical=2 lost=1 fenced=4 duplicates=2 recovered=3 /);
  const [p50, p99, gap] = ["p50_ms", "p99_ms", "max_gap_ms"].map((name) =>
    Number(new RegExp(`${name}=(\\S+)`).exec(line)![1])
  );
  assert.ok(Math.abs(p50! - 1) < 0.002, line);
  assert.ok(Math.abs(p99! - 1) < 0.002, line);
  assert.equal(gap, 250);
});

Deno.test("the longest silence is one subscriber's, not the pause between two", () => {
  const summary = new DeliverySummary();
  const [one, other] = [summary.track(), summary.track()];
  one.add(batchOf(["x"], { receiveTime: 0 }), 1);
  other.add(batchOf(["x"], { receiveTime: 5000 }), 1);
  one.add(batchOf(["x"], { receiveTime: 100 }), 1);
  assert.match(summary.line(none), /max_gap_ms=100\.000 /);
});

Deno.test("clocks that disagree and hours of latency are counted, not thrown", () => {
  const summary = new DeliverySummary();
  const track = summary.track();
  track.add(batchOf(["x"], { receiveTime: 0, publishTimes: [10_000] }), 1);
  track.add(batchOf(["x"], { receiveTime: 1e9, publishTimes: [0] }), 1);
  track.add(batchOf(["x"], { receiveTime: 1, publishTimes: [NaN] }), 1);
  assert.match(summary.line(none), /received=3 .*p50_ms=0\.000/);
});

Deno.test("only the samples that were delivered count", () => {
  const summary = new DeliverySummary();
  const track = summary.track();
  track.add(batchOf(["a", "b", "c"]), 2);
  track.add(batchOf(["d"]), 0);
  assert.equal(summary.received, 2);
});

Deno.test("case 38: clocks that differ are said, with by how much, and samples from the future counted", () => {
  const summary = new DeliverySummary();
  const track = summary.track();
  track.add(batchOf(["x"], { receiveTime: 1000, publishTimes: [1000.5] }), 1);
  summary.clock(undefined);
  summary.clock({ offset: 3, bound: 2.5 });
  assert.match(summary.line(none), /max_gap_ms=0\.000$/, "they agree as far as can be told");
  track.add(batchOf(["x"], { receiveTime: 1000, publishTimes: [3_601_000] }), 1);
  summary.clock({ offset: -50, bound: 1 });
  summary.clock({ offset: 3_600_000, bound: 2 });
  summary.clock({ offset: 10, bound: 1 });
  assert.match(summary.line(none), / negative=1 clock_offset_ms=3600000\.000 clock_bound_ms=2\.000$/);
});

Deno.test("case 38: by how much the clock of a publisher is wrong, by its own word, is said of the one that is furthest off", () => {
  const summary = new DeliverySummary();
  const track = summary.track();
  for (const clockOffset of [150, -3_600_000, 0]) track.add(batchOf(["x"], { clockOffset }), 1);
  track.add(batchOf(["x"], { clockOffset: 7_200_000 }), 0);
  assert.match(summary.line(none), / max_gap_ms=\S+ publisher_clock_offset_ms=-3600000$/);
});
