/** `pubsub bench` as a user runs it. */
import assert from "node:assert/strict";
import { title, unrestricted } from "../../harness/permissions.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;

async function bench(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, "bench", ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

const SHORT = ["--duration", "0.3", "--warm-up", "0.1", "--repeats", "1"];

for (const mode of ["centralized", "direct"]) {
  test(`two publishers and two subscribers, ${mode}, flat out: every sample arrives, JSON and CSV agree`, async () => {
    const file = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      const clients = ["--publishers", "2", "--subscribers", "2", "--mode", mode];
      const { code, out, err } = await bench(...SHORT, ...clients, "--json", "--csv", file);
      assert.equal(code, 0, err);
      const { runs, ...settings } = JSON.parse(out);
      assert.deepEqual(settings, { mode, history: 1, reliability: "reliable", take: "batches" });
      assert.equal(runs.length, 1);
      const [run] = runs;
      assert.deepEqual([run.missing, run.repeated, run.corrupt], [0, 0, 0]);
      assert.equal(run.received, 2 * run.published);
      assert.ok(run.published > 1000, `${run.published} published`);
      const [header, row] = (await Deno.readTextFile(file)).trimEnd().split("\n") as [string, string];
      assert.deepEqual(header.split(","), Object.keys(run));
      assert.deepEqual(row.split(","), Object.values(run).map(String));
    } finally {
      await Deno.remove(file);
    }
  });
}

test("at a rate there are latencies, sample by sample too", async () => {
  const { code, out, err } = await bench(...SHORT, "--rate", "2000", "--take", "samples");
  assert.equal(code, 0, err);
  assert.match(out, /^1 publisher → 1 subscriber, 64 B, 2000 samples\/s, centralized, history 1, reliable; /);
  assert.match(out, /run 1: .*latency since due p50 \d+ p99 \d+ .*all samples checked/);
});

test("start-up, memory and idle CPU of every role", async () => {
  const { code, out, err } = await bench("--startup", "--repeats", "1", "--duration", "0.5");
  assert.equal(code, 0, err);
  for (const role of ["zookeeper", "broker", "publisher", "subscriber"]) {
    const line = new RegExp(
      `^${role}: ready after \\d+ ms; .*memory \\d+ MiB; idle [\\d.]+ % of a core$`,
      "m",
    );
    assert.match(out, line);
  }
});

test("a file that cannot be written is one line and exit code 1", async () => {
  const { code, err } = await bench(...SHORT, "--csv", "/nowhere/at/all.csv");
  assert.equal(code, 1);
  assert.match(err, /^error: Cannot write \/nowhere\/at\/all\.csv: /m);
});

test("a payload too small to be checked is refused", async () => {
  const { code, err } = await bench("--payload-size", "27");
  assert.equal(code, 2);
  assert.match(err, /--payload-size must be a whole number between 28 and /);
});
