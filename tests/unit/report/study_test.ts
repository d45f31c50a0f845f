import assert from "node:assert/strict";
import fc from "fast-check";
import { inFailover } from "../../../lib/report/analysis.ts";
import { clockStatement } from "../../../lib/report/clock.ts";
import { parseSamples } from "../../../lib/perf/samples.ts";
import { parseEvent, type StudyRun } from "../../../lib/report/study.ts";
import { toCsv, toJson } from "../../../lib/report/tables.ts";

Deno.test("a loss and an estimate of the clock are told apart, the rest is ignored", () => {
  const loss = parseEvent(
    '{"time":5,"event":"broker_lost","what":"b","detected_ms":41,"data_back_ms":null}',
    "s",
  );
  assert.deepEqual(loss, {
    ...{ subscriber: "s", event: "broker_lost", what: "b", time: 5, detectedMs: 41, dataBackMs: null },
    ...{ controlBackMs: null, recovered: null, lost: null, duplicates: null, reordered: null },
  });
  const clock = parseEvent('{"time":5,"event":"clock","offset_ms":-1.5,"bound_ms":0.2}', "s");
  assert.deepEqual(clock, { subscriber: "s", offsetMs: -1.5, boundMs: 0.2 });
  for (
    const line of [
      "",
      "{",
      "null",
      "3",
      "[]",
      '{"event":"clock","time":1}',
      '{"time":"x","event":"broker_lost"}',
    ]
  ) {
    assert.equal(parseEvent(line, "s"), undefined, line);
  }
});

Deno.test("any line of an events file is read without an exception", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void parseEvent(line, "s")));
});

Deno.test("samples of the seconds after a death belong to the failover", () => {
  const header = "publisher,topic,total_time_seconds,sequence,epoch,publish_time,receive_time,historical\n";
  const at = (time: number) => parseSamples(`${header}p,A,0.001,1,0,${time},${time + 1},0\n`);
  const deaths = [{ broker: "broker-1", time: 10_000 }];
  const within = (time: number) => inFailover(at(time), 0, deaths);
  assert.deepEqual([9_000, 9_900, 10_001, 14_999, 15_001].map(within), [false, true, true, true, false]);
  assert.equal(inFailover(at(10_001), 0, undefined), false);
  assert.equal(inFailover(parseSamples("publisher,topic,total_time_seconds\np,A,0.1\n"), 0, deaths), false);
});

function run(csv: string, where?: "local"): StudyRun {
  const record = where === undefined ? {} : { where };
  const subscribers = [{
    name: "subscriber-1",
    samples: parseSamples(`publisher,topic,total_time_seconds\n${csv}`),
  }];
  return { key: { mode: "direct", network: "n", repeat: 1 }, record, subscribers, failovers: [], clocks: [] };
}

Deno.test("the clock statement says whose clock it was, and when latencies are impossible", () => {
  assert.match(
    clockStatement([run("p,A,0.1", "local")]),
    /one machine and one clock.*No sample arrived before/,
  );
  assert.match(
    clockStatement([run("p,A,-0.1")]),
    /not recorded.* 1 samples arrived before they were published/,
  );
  const estimated = { ...run("p,A,0.1"), clocks: [{ subscriber: "s2", offsetMs: -1.5, boundMs: 0.25 }] };
  assert.match(clockStatement([estimated]), /at most 1\.500 ms \(s2, known to ±0\.250 ms; 1 estimates\)/);
});

Deno.test("a table is the same as CSV and as JSON", () => {
  const table = { name: "t", columns: ["a", "b"], rows: [['x,"y"', 1.5], ["line\nbreak", null]] };
  assert.equal(toCsv(table), 'a,b\n"x,""y""",1.5\n"line\nbreak",\n');
  assert.deepEqual(JSON.parse(toJson(table)), [{ a: 'x,"y"', b: 1.5 }, { a: "line\nbreak", b: null }]);
});
