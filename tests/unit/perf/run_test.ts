import assert from "node:assert/strict";
import fc from "fast-check";
import { busyShare, parseChildrenSeconds, parseCpuTime } from "../../../lib/perf/cpu_time.ts";
import { completenessOf, faultsOf } from "../../../lib/perf/completeness.ts";
import { placementOf } from "../../../lib/perf/network.ts";
import {
  defaultAutokill,
  planOf,
  publishersAfter,
  publishingSeconds,
  type Workload,
} from "../../../lib/perf/plan.ts";
import { formatRunRecord, parseRunRecord } from "../../../lib/perf/run_record.ts";
import { parseState } from "../../../lib/perf/system_state.ts";
import { withResult } from "../../../lib/perf/test_results.ts";
import { parseSamples } from "../../../lib/perf/samples.ts";

const WORKLOAD: Workload = {
  topics: ["A", "B"],
  events: 10,
  intervalSeconds: 0.1,
  ownership: "shared",
  history: 10,
  autokillSeconds: 15,
  loadThreshold: 30,
};

function planFor(mode: "direct" | "centralized", workload = WORKLOAD) {
  return planOf({ placement: placementOf(9), mode, workload, zookeeper: "10.0.0.1:2181", directory: "/d" });
}

Deno.test("only the first broker kills itself, and only when it is to", () => {
  const { primary, standby } = planFor("direct");
  assert.deepEqual(primary.args.slice(-2), ["--autokill", "15"]);
  assert.ok(!standby.args.includes("--autokill"));
  assert.ok(!planFor("direct", { ...WORKLOAD, autokillSeconds: null }).primary.args.includes("--autokill"));
});

Deno.test("the mode is said to every process it concerns", () => {
  const has = (args: readonly string[], flag: string) => args.includes(flag);
  const centralized = planFor("centralized");
  const all = [
    centralized.primary,
    centralized.standby,
    ...centralized.subscribers,
    ...centralized.publishers,
  ];
  assert.ok(all.every(({ args }) => has(args, "--centralized")));
  const direct = planFor("direct");
  assert.ok(direct.subscribers.every(({ args }) => has(args, "--direct")));
  assert.ok([direct.primary, ...direct.publishers].every(({ args }) => !has(args, "--centralized")));
});

Deno.test("each subscriber waits for every sample, and each publisher for every subscriber", () => {
  const { subscribers, publishers } = planFor("direct");
  const valueOf = (args: readonly string[], flag: string) => args[args.indexOf(flag) + 1];
  assert.deepEqual(subscribers.map(({ args }) => valueOf(args, "--max-event-count")), ["40", "40", "40"]);
  assert.deepEqual(publishers.map(({ args }) => valueOf(args, "--wait-for-subscribers")), ["3", "3"]);
  assert.equal(valueOf(subscribers[2]?.args ?? [], "--filename"), "/d/subscriber-3.csv");
});

Deno.test("the publishers start so that the primary dies in the middle of their publishing", () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 254 }), fc.integer({ min: 1, max: 600 }), (hosts, seconds) => {
      const placement = placementOf(hosts);
      const workload = { ...WORKLOAD, events: seconds * 10 };
      const autokill = defaultAutokill(placement, publishingSeconds(workload));
      const after = publishersAfter(placement, workload, autokill);
      assert.ok(after >= 0 && autokill >= 15);
      const death = autokill - after;
      assert.ok(
        death > publishingSeconds(workload) / 2,
        "the middle comes after the start of the publishers",
      );
      assert.ok(
        death <= publishingSeconds(workload) * 0.85 + 1e-9,
        "and before their end, however fast they start",
      );
    }),
  );
});

const EXPECTED = { publishers: 2, topics: 1, events: 3 };

function samples(rows: readonly [string, number, number?][]) {
  const lines = rows.map(([publisher, sequence, historical = 0]) =>
    `${publisher},A,0.001,${sequence},0,1,2,${historical}`
  );
  return parseSamples(
    ["publisher,topic,total_time_seconds,sequence,epoch,publish_time,receive_time,historical", ...lines].join(
      "\n",
    ),
  );
}

const COMPLETE: [string, number][] = [["p", 1], ["q", 1], ["p", 2], ["q", 2], ["p", 3], ["q", 3]];

Deno.test("a file with every number of every stream once and in order is complete", () => {
  const found = completenessOf(samples(COMPLETE), EXPECTED);
  assert.deepEqual(found, {
    expected: 6,
    received: 6,
    historical: 0,
    duplicates: 0,
    reordered: 0,
    missing: 0,
  });
  assert.equal(faultsOf(found), "");
});

Deno.test("what is missing, twice, out of order or strange is counted", () => {
  assert.equal(faultsOf(completenessOf(samples(COMPLETE.slice(0, 4)), EXPECTED)), "2 of 6 samples missing");
  assert.equal(faultsOf(completenessOf(samples([...COMPLETE, ["p", 3]]), EXPECTED)), "1 twice");
  const swapped = samples([["p", 2], ["p", 1], ...COMPLETE.filter(([p, n]) => p === "q" || n === 3)]);
  assert.equal(faultsOf(completenessOf(swapped, EXPECTED)), "1 out of order");
  const strange = samples([...COMPLETE.slice(1), ["p", 9]]);
  assert.equal(faultsOf(completenessOf(strange, EXPECTED)), "1 of 6 samples missing");
  assert.equal(
    faultsOf(completenessOf(samples([...COMPLETE, ["r", 1]]), EXPECTED)),
    "1 samples more than the 6 published",
  );
  assert.equal(completenessOf(samples([["p", 1, 1]]), EXPECTED).historical, 1);
});

Deno.test("the results keep one row a repeat", () => {
  const pass = { name: "x", pass: true, comment: "" };
  const fail = { name: 'y "z"', pass: false, comment: "why,\nso" };
  const first = withResult("", 2, [pass]);
  assert.equal(first, 'pass,fail,comments,repeat\n1,0,"all checks pass",2\n');
  const both = withResult(first, 1, [pass, fail]);
  assert.equal(both.split("\n")[1], '1,1,"not: y ""z"" (why, so)",1');
  assert.equal(withResult(both, 1, [pass]).split("\n").length, 4, "the same repeat again replaces its row");
});

Deno.test("a run's record comes back as it was written, and what is unknown is left out", () => {
  const record = {
    ...{
      mode: "direct",
      network: "single-4hosts",
      repeat: 1,
      where: "local",
      hosts: 4,
      subscribers: 1,
    } as const,
    ...{ publishers: 1, topics: ["A"], events: 3, intervalSeconds: 0.1, ownership: "shared", history: 3 },
    ...{
      autokillSeconds: null,
      startedAt: 1,
      endedAt: 2,
      brokerDeaths: [],
      checks: [],
      cpuBusy: 0.5,
      cpuOwnSeconds: 12.5,
      loadBefore: 1.5,
      zookeeper: "embedded",
    },
    ...{
      switch: null,
      linkDelay: null,
      bandwidthMbit: null,
      program: "p",
      machine: { cores: 2, cpu: "c", system: "s" },
    },
  };
  assert.deepEqual(parseRunRecord(formatRunRecord(record)), record);
  assert.deepEqual(parseRunRecord('{"hosts":"four","events":3}'), { events: 3 });
  assert.equal(parseRunRecord("["), undefined);
  assert.equal(parseRunRecord("[]"), undefined);
});

Deno.test("the state of the system is read from status, or unknown", () => {
  const view = {
    zones: [{ zone: 2, primary: { id: "x" } }, { zone: 1, primary: { id: "broker-1" } }],
    subscribers: [{}, {}],
  };
  assert.deepEqual(parseState(JSON.stringify(view)), { primary: "broker-1", subscribers: 2, publishers: 0 });
  assert.equal(parseState('{"zones":[{"zone":1,"primary":null}]}')?.primary, undefined);
  assert.equal(parseState("no JSON"), undefined);
});

Deno.test("busy is what was neither idle nor waiting for a disk", () => {
  const before = parseCpuTime("cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 1 2 3 4 5\n");
  const after = parseCpuTime("cpu  190 0 60 850 100 0 0 0 7 0\ncpu0 1 2 3 4 5\n");
  assert.deepEqual(before, { busy: 150, total: 1000 });
  assert.equal(busyShare(before, after), 0.5);
  assert.equal(busyShare(before, before), null);
  assert.equal(parseCpuTime("something else"), undefined);
  const numbers = Array.from({ length: 50 }, (_, i) => i + 4).join(" ");
  // Fields 16 and 17 of proc(5), of which the second is a name that may hold brackets and blanks.
  assert.equal(parseChildrenSeconds(`77 (a ) b) S ${numbers}`), (16 + 17) / 100);
  assert.equal(parseChildrenSeconds(""), undefined);
});
