/** `perf --local` for real: brokers, clients and ZooKeeper as processes, the primary killed in mid-run. */
import assert from "node:assert/strict";
import { parseRunRecord } from "../../../lib/perf/run_record.ts";
import { parseEvent } from "../../../lib/report/study.ts";
import { type PerfOptions, runPerf } from "../../../roles/perf.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import type { RoleContext } from "../../../roles/context.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

function test(name: string, body: (root: string) => Promise<void>): void {
  Deno.test({
    name: title(name),
    ignore: !unrestricted || Deno.build.os !== "linux",
    fn: async () => {
      const root = await Deno.makeTempDir({ prefix: "pubsub-perf-test-" });
      try {
        await body(root);
      } finally {
        await Deno.remove(root, { recursive: true });
      }
    },
  });
}

const SHORT = {
  where: "local",
  networks: ["single:4"],
  repeats: 1,
  events: 100,
  autokillSeconds: 12,
  zookeeperServer: "embedded",
} as const;

function perf(options: Partial<PerfOptions>, signal = new AbortController().signal) {
  const notes: string[] = [];
  const context: RoleContext = {
    signal,
    out: () => {},
    outBytes: () => Promise.resolve(),
    note: (line) => void notes.push(line),
  };
  return { notes, code: runPerf({ ...SHORT, ...options }, context) };
}

/** Processes that this one has started and that still run. */
async function children(): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const stat = await Deno.readTextFile(`/proc/${entry.name}/stat`).catch(() => "");
    if (new RegExp(`\\) \\S ${Deno.pid} `).test(stat)) found.push(stat);
  }
  return found;
}

test("both modes pass although the primary is killed in mid-run, and everything is on disk", async (root) => {
  const { notes, code } = perf({ out: root });
  assert.equal(await code, 0, notes.join("\n"));
  for (const mode of ["direct", "centralized"]) {
    const directory = `${root}/data/${mode}/single-4hosts`;
    const record = parseRunRecord(await Deno.readTextFile(`${directory}/run.json`));
    assert.deepEqual(record?.checks?.filter((check) => !check.pass), []);
    assert.equal(record?.brokerDeaths?.length, 1);
    const rows = (await Deno.readTextFile(`${directory}/subscriber-1.csv`)).trim().split("\n");
    assert.equal(rows.length, 1 + 100 * 3);
    const events = (await Deno.readTextFile(`${directory}/subscriber-1.events.jsonl`)).trim().split("\n");
    const clock = parseEvent(events.at(-1)!, "subscriber-1");
    assert.ok(clock && "offsetMs" in clock && Math.abs(clock.offsetMs) < clock.boundMs + 5, events.join());
    for (const role of ["zookeeper", "backup-pool", "broker-1", "broker-2", "subscriber-1", "publisher-1"]) {
      assert.ok((await Deno.stat(`${root}/logs/${mode}/single-4hosts/${role}.log`)).isFile);
    }
    const results = await Deno.readTextFile(`${root}/test_results/${mode}/single-4hosts.csv`);
    assert.match(results, /^pass,fail,comments,repeat\n\d+,0,"all checks pass",1\n$/);
  }
  assert.deepEqual(await children(), []);
  await assert.rejects(perf({ out: root }).code, UsageError, "results are not overwritten");
  const again = perf({ out: root, resume: true });
  assert.equal(await again.code, 0);
  assert.ok(!again.notes.some((line) => line.includes("repeat 1:")), "nothing is measured twice");
});

test("stopped in mid-run, it leaves no process behind and says so", async (root) => {
  const stop = new AbortController();
  const { notes, code } = perf({ out: root, events: 600 }, stop.signal);
  const log = `${root}/logs/direct/single-4hosts/subscriber-1.log`;
  const deadline = performance.now() + 60_000;
  while (!await Deno.readTextFile(log).then((text) => text.includes("registered"), () => false)) {
    assert.ok(performance.now() < deadline, "the subscriber does not register");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok((await children()).length >= 4);
  stop.abort();
  assert.equal(await code, 1);
  assert.match(notes.at(-1) ?? "", /stopped after 0 of 2 runs; everything is ended/);
  assert.deepEqual(await children(), []);
});

test("a program that does not work fails the study with a line that names the log", async (root) => {
  const { code } = perf({ out: root, executable: "/bin/false" });
  await assert.rejects(code, /^PubsubError: ZooKeeper ended with code 1 \(see .*zookeeper\.log\)$/);
  assert.deepEqual(await children(), []);
});
