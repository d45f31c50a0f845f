/** `report` on whole directories: what it writes, that the page needs nothing else, and odd input. */
import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/base/errors.ts";
import type { RoleContext } from "../../../roles/context.ts";
import { framesAreOver } from "../../harness/frames.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { FULL_STUDY, type StudyShape, writeStudy } from "./synthetic_study.ts";

function test(name: string, body: (root: string) => Promise<void>): void {
  Deno.test({
    name: title(name),
    ignore: !unrestricted,
    fn: async () => {
      const root = await Deno.makeTempDir({ prefix: "pubsub-report-test-" });
      try {
        await body(root);
      } finally {
        await Deno.remove(root, { recursive: true });
        await framesAreOver();
      }
    },
  });
}

const SMALL: StudyShape = { ...FULL_STUDY, networks: ["tree:2,2", "tree:3,2"], repeats: 2, events: 10 };

async function report(root: string): Promise<{ out: string[]; notes: string[] }> {
  const out: string[] = [];
  const notes: string[] = [];
  const context: RoleContext = {
    signal: new AbortController().signal,
    out: (line) => void out.push(line),
    outBytes: () => Promise.resolve(),
    note: (line) => void notes.push(line),
  };
  // The charting library reads the environment when it is loaded: not before a test may.
  const { runReport } = await import("../../../roles/report.ts");
  await runReport({ directory: root }, context);
  return { out, notes };
}

async function filesBelow(root: string, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(`${root}/${prefix}`)) {
    if (entry.isDirectory) names.push(...await filesBelow(root, `${prefix}${entry.name}/`));
    else names.push(prefix + entry.name);
  }
  return names.sort();
}

test("a study that follows the earlier framework's claims is reported as such", async (root) => {
  await writeStudy(root, FULL_STUDY);
  const { out, notes } = await report(root);
  const verdicts = out.map((line) => /^\d\. ([^:]*):/.exec(line)?.[1]);
  // Direct latency is made to grow linearly, so the fifth claim (both modes) does not hold.
  assert.deepEqual(verdicts, ["supported", "supported", "supported", "supported", "not supported"]);
  assert.match(notes.at(-1) ?? "", /^report: 36 runs; open .*report\.html$/);
  const growth = JSON.parse(await Deno.readTextFile(`${root}/tables/growth.json`)) as Record<
    string,
    unknown
  >[];
  const best = growth.filter((row) => row.delta_aicc === 0).map((row) => `${row.mode} ${row.model}`);
  assert.deepEqual(best, ["direct linear", "centralized quadratic"]);
});

test("every file is where it is promised to be", async (root) => {
  await writeStudy(root, SMALL);
  await report(root);
  const files = new Set((await filesBelow(root)).filter((name) => !name.startsWith("data/")));
  const expected = [
    "report.html",
    "plots/latency-by-clients.svg",
    "plots/growth.svg",
    "plots/distribution.svg",
  ];
  for (const mode of ["direct", "centralized"]) {
    expected.push(`plots/${mode}/latency.svg`);
    for (const kind of ["line", "box"]) {
      expected.push(`plots/${mode}/tree-d2f2-4hosts/subscriber-1-${kind}.svg`);
      expected.push(`plots/${mode}/tree-d3f2-8hosts/repeat-2/subscriber-2-${kind}.svg`);
    }
  }
  for (const table of ["counts", "latency", "findings", "growth", "failovers"]) {
    expected.push(`tables/${table}.csv`, `tables/${table}.json`);
  }
  for (const name of expected) assert.ok(files.has(name), name);
});

test("the page is one file that loads nothing", async (root) => {
  await writeStudy(root, SMALL);
  await report(root);
  const page = await Deno.readTextFile(`${root}/report.html`);
  assert.doesNotMatch(page, /<script|<link|<img|<iframe|@import|url\((?!#)/i);
  const addresses = [...page.matchAll(/(?:https?:)?\/\/[\w.]+[^"'\s<]*/g)].map((match) => match[0]);
  assert.deepEqual(
    new Set(addresses),
    new Set(["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"]),
  );
  assert.match(page, /prefers-color-scheme: dark/);
  assert.match(page, /@media print/);
  assert.equal(
    [...page.matchAll(/<svg /g)].length,
    [...page.matchAll(/<title>/g)].length - 1,
    "each picture has words",
  );
  assert.doesNotMatch(page, /NaN|undefined|\[object/);
});

test("the same data give the same files", async (root) => {
  await writeStudy(root, SMALL);
  const digest = async () => {
    await report(root);
    const texts = await Promise.all(
      (await filesBelow(root)).map((name) => Deno.readTextFile(`${root}/${name}`)),
    );
    // echarts numbers its pictures through the life of the process.
    return texts.map((text) => text.replaceAll(/zr\d+-/g, "zr-")).join("\n");
  };
  const first = await digest();
  assert.ok(first === await digest(), "files differ");
});

test("a run that failed a check is shown, but no finding rests on it", async (root) => {
  await writeStudy(root, { ...FULL_STUDY, events: 10 });
  const file = `${root}/data/centralized/tree-d3f3-27hosts/repeat-2/run.json`;
  const record = JSON.parse(await Deno.readTextFile(file));
  record.checks = [{
    name: "subscriber-1 received everything",
    pass: false,
    comment: "3 of 330 samples missing",
  }];
  await Deno.writeTextFile(file, JSON.stringify(record));
  const { out } = await report(root);
  assert.match(out[2] ?? "", /^3\. undecided: .*Too little data: 4 sizes with at least 3 repeats/);
  const page = await Deno.readTextFile(`${root}/report.html`);
  assert.match(page, /1 of 36 runs failed a check/);
  assert.match(page, /not: subscriber-1 received everything \(3 of 330 samples missing\)/);
});

test("the counts tell what is missing and what came twice", async (root) => {
  await writeStudy(root, SMALL);
  const file = `${root}/data/direct/tree-d2f2-4hosts/subscriber-1.csv`;
  const [header, first, second, ...rest] = (await Deno.readTextFile(file)).split("\n");
  await Deno.writeTextFile(file, [header, second, second, ...rest].join("\n"));
  await report(root);
  const counts = JSON.parse(await Deno.readTextFile(`${root}/tables/counts.json`)) as Record<
    string,
    unknown
  >[];
  const { expected, received, missing, duplicates } = counts[0] ?? {};
  assert.ok(first !== undefined);
  assert.deepEqual({ expected, received, missing, duplicates }, {
    expected: 30,
    received: 29,
    missing: 1,
    duplicates: 1,
  });
});

test("files of the earlier framework, three columns and nothing else, are reported too", async (root) => {
  for (const mode of ["direct", "centralized"]) {
    const directory = `${root}/data/${mode}/tree-d2f2-8hosts`;
    await Deno.mkdir(directory, { recursive: true });
    const rows = Array.from({ length: 20 }, (_, i) => `10.0.0.${5 + i % 2},A,0.00${1 + i % 7}`);
    await Deno.writeTextFile(
      `${directory}/subscriber-1.csv`,
      ["publisher,topic,total_time_seconds", ...rows, ""].join("\n"),
    );
  }
  const { out, notes } = await report(root);
  assert.equal(out.filter((line) => line.includes("undecided")).length, 5);
  assert.ok(notes.some((line) => line.includes("no run.json")));
  assert.match(
    await Deno.readTextFile(`${root}/report.html`),
    /Where these files were measured is not recorded/,
  );
});

test("a topic or publisher that looks like markup stays text", async (root) => {
  const directory = `${root}/data/direct/single-4hosts`;
  await Deno.mkdir(directory, { recursive: true });
  const row = "<b>p</b>,A,0.001,1,0,1000,1001,0";
  await Deno.writeTextFile(
    `${directory}/subscriber-1.csv`,
    `publisher,topic,total_time_seconds,sequence,epoch,publish_time,receive_time,historical\n${row}\n`,
  );
  await report(root);
  assert.doesNotMatch(await Deno.readTextFile(`${root}/report.html`), /<b>p/);
});

test("a directory without results is refused in one line that says what was expected", async (root) => {
  await assert.rejects(
    report(root),
    (error) => error instanceof PubsubError && /^No results in .*expected data\//.test(error.message),
  );
  await assert.rejects(report(`${root}/nowhere`), PubsubError);
});
