import assert from "node:assert/strict";
import fc from "fast-check";
import { inlineSvg } from "../../../lib/report/charts/inline_svg.ts";
import { escapeXml } from "../../../lib/report/escape_xml.ts";
import { boxOf, lineChart } from "../../../lib/report/charts/subscriber_charts.ts";
import { categoryStyle, MODE_COLOURS, stepAbove, stepBelow } from "../../../lib/report/charts/theme.ts";
import { parseSamples } from "../../../lib/perf/samples.ts";
import type { StudyRun } from "../../../lib/report/study.ts";
import { framesAreOver } from "../../harness/frames.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

const CSV = `publisher,topic,total_time_seconds,sequence,epoch,publish_time,receive_time,historical
p<1>,A,0.001,1,0,1000,1001,0
p<1>,A,0.090,2,0,1100,1190,0
p2,A,0.002,1,0,1050,1052,0
p2,A,0.002,2,0,1300,1302,0
`;

function runOf(failovers: StudyRun["failovers"] = []): StudyRun {
  const subscribers = [{ name: "subscriber-1", samples: parseSamples(CSV) }];
  const record = { brokerDeaths: [{ broker: "broker-1", time: 1090 }] };
  return {
    key: { mode: "centralized", network: "single-4hosts", repeat: 1 },
    record,
    subscribers,
    failovers,
    clocks: [],
  };
}

/** A subscriber's line chart; the charting library reads the environment when it is loaded. */
async function draw(run: StudyRun): Promise<string> {
  const { drawSvg } = await import("../../../lib/report/charts/draw.ts");
  return drawSvg(lineChart(run, run.subscribers[0] as StudyRun["subscribers"][number]));
}

function testDrawn(name: string, drawn: () => Promise<void>): void {
  const fn = async () => {
    await drawn();
    await framesAreOver();
  };
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

/** Text of a picture, elements and entities taken out. */
function textOf(svg: string): string {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1]).join("|");
}

testDrawn("a line chart names its axes with units, its publishers and the failure", async () => {
  const loss = { subscriber: "subscriber-1", event: "broker_lost", what: "b", time: 1088, detectedMs: 40 };
  const more = { dataBackMs: 93.4, controlBackMs: null, recovered: 0, lost: 0, duplicates: 0, reordered: 0 };
  const run = runOf([{ ...loss, ...more }]);
  const svg = await draw(run);
  const text = textOf(svg);
  for (
    const expected of [
      "latency [ms]",
      "time of publishing [s]",
      "p&lt;1&gt;",
      "p2",
      "broker-1 dies",
      "data back after 93 ms",
    ]
  ) {
    assert.ok(text.includes(expected), `${expected} in ${text}`);
  }
  assert.match(svg, /^<svg width="580" height="340" role="img"[^>]*viewBox="0 0 580 340"/);
  assert.match(svg, /<title>subscriber-1, centralized/);
  assert.ok(!svg.includes("NaN"), "every coordinate is a number");
});

testDrawn("the page's copy of a picture follows the reader's colours and carries no fixed size", async () => {
  const run = runOf();
  const svg = await draw(run);
  const inline = inlineSvg(svg);
  assert.doesNotMatch(inline, /^<svg width/);
  // Paths may keep a black fill: a line has no inside, and clipping has no colour.
  const fixed = inline.match(/(stroke="|<(text|rect)[^>]* fill=")(#|rgb)[^>]*/gi);
  assert.deepEqual(fixed?.filter((element) => !/(fill-opacity|stroke-width)="0"/.test(element)) ?? [], []);
});

Deno.test("a box has its quartiles, the 1st and 99th percentile, and tells the largest", () => {
  const { box, largest } = boxOf(Array.from({ length: 101 }, (_, i) => i));
  assert.deepEqual(box, [1, 25, 50, 75, 99]);
  assert.equal(largest, 100);
});

Deno.test("axis ends are the nearest 1, 2 or 5 times a power of ten around the values", () => {
  fc.assert(fc.property(fc.double({ min: 1e-4, max: 1e5, noNaN: true }), (value) => {
    const [low, high] = [stepBelow(value), stepAbove(value)];
    assert.ok(low <= value * (1 + 1e-9) && value <= high * (1 + 1e-9));
    assert.ok(high / low <= 2.5 + 1e-9);
  }));
});

/** Relative luminance (WCAG 2): how bright a colour is to any eye. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

Deno.test("the modes' colours stand out on white, and 21 publishers look different", () => {
  for (const colour of Object.values(MODE_COLOURS)) assert.ok(1.05 / (luminance(colour) + 0.05) >= 3, colour);
  const styles = new Set(Array.from({ length: 21 }, (_, i) => JSON.stringify(categoryStyle(i))));
  assert.equal(styles.size, 21);
});

Deno.test("text cannot become markup", () => {
  assert.equal(escapeXml(`<a b="c">&`), "&lt;a b=&quot;c&quot;&gt;&amp;");
});
