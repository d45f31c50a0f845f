/**
 * Case 15: the wall clock was read once at start: after the system's clock was set, publish times stayed wrong for the
 * life of the process. (Debian's faketime: a process whose clock is an hour slow, and then right.)
 */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { type System, systemTest } from "../harness/system.ts";

const LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
const HOUR = 3_600_000;

function installed(): boolean {
  try {
    return Deno.statSync(LIBRARY).isFile;
  } catch {
    return false;
  }
}
const faketime = Deno.permissions.querySync({ name: "read", path: LIBRARY }).state === "granted" &&
  installed();

function test(name: string, fn: (system: System) => Promise<void>): void {
  if (faketime) return systemTest(name, fn);
  Deno.test({ name: `${name} (ignored: needs libfaketime)`, ignore: true, fn: () => {} });
}

/** Environment of a process whose clock is set by writing to `file`. */
const clockIn = (file: string) => ({
  LD_PRELOAD: LIBRARY,
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_NO_CACHE: "1",
  FAKETIME_DONT_FAKE_MONOTONIC: "1",
  DONT_FAKE_MONOTONIC: "1",
});

const latencies = (lines: readonly string[]) =>
  lines.map((line) => (JSON.parse(line) as { latency_ms: number }).latency_ms);

test("case 15: publish times follow the system's clock, and a step is said once", async (system) => {
  await system.broker();
  const file = system.file("time");
  await Deno.writeTextFile(file, "-3600\n");
  const subscriber = system.start(["subscriber", "-t", "A", "-i", "--json"]);
  await subscriber.says(/registered in zone/);
  const publisher = system.start(["publisher", "-t", "A", "-i", "--sleep", "0.02"], { env: clockIn(file) });
  await subscriber.prints(10);
  for (const ms of latencies(subscriber.stdout.slice(0, 10))) {
    assert.ok(Math.abs(ms - HOUR) < 60_000, `${ms} ms`);
  }
  await Deno.writeTextFile(file, "+0\n");
  await until("publish times are right", () => Math.abs(latencies(subscriber.stdout.slice(-1))[0]!) < 60_000);
  await subscriber.prints(subscriber.stdout.length + 50);
  for (const ms of latencies(subscriber.stdout.slice(-50))) assert.ok(Math.abs(ms) < 60_000, `${ms} ms`);
  const said = publisher.stderr.filter((line) => line.includes("the system's clock was set"));
  assert.equal(said.length, 1);
  assert.match(said[0]!, /WARN .* forward by 3[56]\d\d\.\d s/);
});

test("case 15: a subscriber's clock that is set makes no gap, no loss and no failover of an hour", async (system) => {
  await system.broker();
  const file = system.file("time");
  await Deno.writeTextFile(file, "+0\n");
  const args = ["subscriber", "-t", "A", "-m", "100", "--json"];
  const subscriber = system.start(args, { env: clockIn(file) });
  await subscriber.says(/registered in zone/);
  system.start(["publisher", "-t", "A", "-i", "--sleep", "0.02"]);
  await subscriber.prints(20);
  await Deno.writeTextFile(file, "-3600\n");
  assert.equal(await subscriber.exit(), 0);
  const [{ lost, max_gap_ms }, all] = [subscriber.summary(), latencies(subscriber.stdout)];
  assert.equal(lost, 0);
  assert.ok(max_gap_ms < 60_000, `a gap of ${max_gap_ms} ms`);
  assert.ok(Math.abs(all.at(-1)! + HOUR) < 60_000, `${all.at(-1)} ms`);
});
