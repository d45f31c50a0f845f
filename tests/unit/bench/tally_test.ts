import assert from "node:assert/strict";
import { Latencies } from "../../../lib/bench/latency.ts";
import { Schedule } from "../../../lib/bench/pace.ts";
import { type ClientTask, parseClientMessage, topicsOf } from "../../../lib/bench/protocol.ts";
import { SampleWriter } from "../../../lib/bench/sample.ts";
import { Tally } from "../../../lib/bench/tally.ts";

function task(rate: number): ClientTask {
  return { role: "subscriber", index: 0, publishers: 1, subscribers: 1, payloadBytes: 64, rate, address: "" };
}

const GO = { type: "go", start: 0, from: 1000, to: 2000 } as const;

/** Gives the tally a sample that was to be sent at `intended`, was sent at `sent` and comes at `now`. */
function feeder(tally: Tally) {
  const writer = new SampleWriter(0, 64);
  return (intended: number, sent: number, now: number) => {
    const { buffer } = writer.next(intended, sent);
    tally.at(now);
    tally.add(new DataView(buffer), 0, 64, now);
  };
}

Deno.test("the rate counts what came in the measured time", () => {
  const tally = new Tally(task(0), GO);
  const feed = feeder(tally);
  for (let now = 500; now < 2500; now++) feed(0, 0, now);
  const { received, measured, seconds, intended } = tally.result();
  assert.equal(received, 2000);
  assert.equal(measured, 1000);
  assert.equal(seconds, 1);
  assert.deepEqual(intended, [], "at full speed there is no schedule to be late against");
});

Deno.test("latencies count from the intended and from the real sending, of samples due in the measured time", () => {
  const tally = new Tally(task(1000), GO);
  const feed = feeder(tally);
  feed(999, 999, 1000.5);
  feed(1000, 1000.25, 1000.75);
  feed(1999, 2001, 2001.5);
  feed(2000, 2000, 2000.5);
  const { intended, sent } = tally.result();
  assert.deepEqual(intended, [[750, 1], [2500, 1]]);
  assert.deepEqual(sent, [[500, 2]]);
});

Deno.test("a stall is seen in every sample it holds up, not in one", () => {
  const tally = new Tally(task(1000), GO);
  const feed = feeder(tally);
  const schedule = new Schedule(1000, 1000, 0);
  // The publisher cannot send for 100 ms; then it sends all that was due at once.
  for (let i = 0; i < 1000; i++) {
    const due = schedule.time(i);
    const sent = i < 100 ? Math.max(due, 1100) : due;
    feed(due, sent, sent + 0.1);
  }
  const latencies = new Latencies();
  latencies.addAll(tally.result().intended);
  const figures = latencies.figures()!;
  assert.equal(figures.count, 1000);
  assert.ok(figures.p50 <= 101, `${figures.p50}`);
  assert.ok(figures.p99 > 85_000, `${figures.p99}`);
});

Deno.test("a schedule keeps to the rate whatever happens, and publishers share an interval", () => {
  const schedule = new Schedule(5000, 400, 0.5);
  assert.equal(schedule.time(0), 5001.25);
  assert.equal(schedule.time(400), 6001.25);
});

Deno.test("percentiles have three digits, a clock that is behind counts as no time", () => {
  const latencies = new Latencies();
  assert.equal(latencies.figures(), undefined);
  for (let i = 1; i <= 1000; i++) latencies.record(i / 1000);
  latencies.record(-5);
  const figures = latencies.figures()!;
  assert.equal(figures.count, 1001);
  assert.ok(Math.abs(figures.p50 - 500) <= 1, `${figures.p50}`);
  assert.ok(Math.abs(figures.p99 - 990) <= 1, `${figures.p99}`);
  assert.equal(figures.max, 1000);
  assert.deepEqual(latencies.pairs()[0], [0, 1]);
});

Deno.test("a client's line is a message or it is not, and never an exception", () => {
  assert.deepEqual(parseClientMessage('{"type":"published","count":3}'), { type: "published", count: 3 });
  for (const line of ["", "{", '{"type":"other"}', "warning: {}", "{}", "null", '{"type":1}']) {
    assert.equal(parseClientMessage(line), undefined, line);
  }
  assert.deepEqual(topicsOf(2), ["bench-0", "bench-1"]);
});
