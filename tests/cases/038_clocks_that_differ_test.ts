/** Case 38: a clock that differs showed as `p50_ms=0.000` in the summary, and no word was said. */
import assert from "node:assert/strict";
import { systemTest } from "../harness/system.ts";

const LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
const HOUR = 3_600_000;

/** Of the system's clock alone. */
const FAKE = { LD_PRELOAD: LIBRARY, DONT_FAKE_MONOTONIC: "1", FAKETIME_DONT_FAKE_MONOTONIC: "1" };

function installed(): boolean {
  try {
    return Deno.statSync(LIBRARY).isFile;
  } catch {
    return false;
  }
}
const faketime = Deno.permissions.querySync({ name: "read", path: LIBRARY }).state === "granted" &&
  installed();

const test: typeof systemTest = faketime
  ? systemTest
  : (name) => Deno.test({ name: `${name} (ignored: needs libfaketime)`, ignore: true, fn: () => {} });

test("case 38: a subscriber whose clock is an hour slow says so in its summary", async (system) => {
  await system.broker();
  const env = { ...FAKE, FAKETIME: "-3600s" };
  const csv = system.file("s.csv");
  const flags = ["-t", "A", "--indefinite"];
  const slow = system.start(["subscriber", ...flags, "--filename", csv], { env });
  const right = system.start(["subscriber", ...flags]);
  system.start(["publisher", ...flags, "-s", "0.05"]);
  // Longer than an interval of keep-alives, by which clocks are compared.
  for (const one of [slow, right]) {
    await one.prints(60);
    assert.equal(await one.interrupt(), 0);
  }
  const { received, historical, ...said } = slow.summary() as unknown as Record<string, number>;
  assert.equal(said.negative, received! - historical!);
  assert.ok(Math.abs(said.clock_offset_ms! - HOUR) < 10_000, `${said.clock_offset_ms}`);
  assert.ok(said.clock_bound_ms! < 10_000);
  const latency = Number(Deno.readTextFileSync(csv).split("\n").at(-2)!.split(",")[2]);
  assert.ok(latency < -3000, "the file has it as it is");
  assert.doesNotMatch(right.stderr.at(-1)!, /negative|clock/);
});

test("case 38: a publisher whose clock is wrong says by how much, and so does status", async (system) => {
  await system.broker();
  for (const [name, time, what] of [["slow", "-3600s", "behind"], ["fast", "+3600s", "ahead"]] as const) {
    const env = { ...FAKE, FAKETIME: time };
    const publisher = system.start(["publisher", "-t", name, "--indefinite", "-s", "0.1", "--id", name], {
      env,
    });
    await publisher.says(
      new RegExp(
        `WARN .*${name}: the clock is 3\\d{3}\\.\\d{3} s ${what}, give or take .* by that of broker`,
      ),
    );
    for (;;) {
      const status = system.start(["status"]);
      await status.exit();
      if (
        new RegExp(`^${name} +3\\d{3}\\.\\d{3} s ${what}, give or take`, "m").test(status.stdout.join("\n"))
      ) break;
    }
    assert.equal(await publisher.interrupt(), 0);
  }
});

test("case 38: a subscriber whose publisher's clock is wrong says by how much", async (system) => {
  await system.broker();
  const reader = system.start(["subscriber", "-t", "A", "--indefinite"]);
  system.start(["publisher", "-t", "A", "--indefinite", "-s", "0.05"], {
    env: { ...FAKE, FAKETIME: "-3600s" },
  });
  await reader.prints(80);
  assert.equal(await reader.interrupt(), 0);
  const said = reader.summary() as unknown as Record<string, number>;
  assert.ok(Math.abs(said.p50_ms! - HOUR) < 10_000, "the latency is wrong");
  assert.ok(Math.abs(said.publisher_clock_offset_ms! - HOUR) < 10_000, "and it is said by how much");
  assert.equal(said.clock_offset_ms, undefined);
});

systemTest("case 39: each sample as JSON names the client that received it", async (system) => {
  await system.broker();
  const readers = system.start(["subscriber", "-t", "A", "--count", "2", "--id", "s", "--json", "-m", "3"]);
  await readers.says(/s-2: registered in zone/);
  await readers.says(/s-1: registered in zone/);
  system.start(["publisher", "-t", "A", "-m", "3", "-s", "0", "--wait-for-subscribers", "2"]);
  assert.equal(await readers.exit(), 0);
  const got = readers.stdout.map((line) => JSON.parse(line) as { subscriber: string; sequence: number });
  for (const id of ["s-1", "s-2"]) {
    assert.deepEqual(got.filter((one) => one.subscriber === id).map(({ sequence }) => sequence), [1, 2, 3]);
  }
});
