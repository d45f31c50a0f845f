/** A run of the benchmark finds what is wrong with a system, and leaves no process behind. */
import assert from "node:assert/strict";
import { type JobResult, runJob, type Shape, type System } from "../../../lib/bench/job.ts";
import { processFigures } from "../../../lib/bench/process_figures.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

const CLIENT = new URL("fixture/client.ts", import.meta.url).pathname;
const SHAPE: Shape = {
  publishers: 1,
  subscribers: 1,
  payloadBytes: 64,
  rate: 2000,
  warmUpSeconds: 0.1,
  seconds: 0.4,
};

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

/** A system without a server. */
function system(fault: string): System {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  return {
    name: fault,
    start: () =>
      Promise.resolve({
        address: "",
        servers: [{ name: "this test", pid: Deno.pid }],
        client: (task) => ({
          command: Deno.execPath(),
          args: ["run", "-A", "--no-check", CLIENT, fault, `${port}`, JSON.stringify(task)],
        }),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
}

async function run(
  fault: string,
  shape: Shape = SHAPE,
  signal = new AbortController().signal,
): Promise<JobResult> {
  return await runJob(system(fault), shape, signal);
}

/** Deno processes that run the fixture. */
function clientsRunning(): number {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(CLIENT);
    } catch {
      return false;
    }
  }).length;
}

test("a system that delivers everything: rate, latency, CPU and memory", async () => {
  const result = await run("none");
  assert.deepEqual([result.missing, result.repeated, result.corrupt], [0, 0, 0]);
  assert.equal(result.published, 1001);
  assert.equal(result.received, 1001);
  assert.equal(result.latency?.count, 800);
  assert.equal(result.latencyFromSent?.count, 800);
  assert.ok(result.latency!.p50 >= result.latencyFromSent!.p50);
  assert.ok(result.groups.subscribers.peakBytes > 10 * 2 ** 20);
  assert.ok(result.groups.servers.peakBytes > 10 * 2 ** 20);
  assert.equal(clientsRunning(), 0);
});

test("flat out, the rate is what was received in the measured time", async () => {
  const result = await run("none", { ...SHAPE, rate: 0 });
  assert.deepEqual([result.missing, result.repeated, result.corrupt], [0, 0, 0]);
  assert.equal(result.latency, undefined);
  assert.ok(result.perSubscriber > 100, `${result.perSubscriber}`);
  assert.ok(result.cpuPerMillion > 0);
});

for (
  const [fault, figures] of [["lose", "missing"], ["repeat", "repeated"], ["damage", "corrupt"]] as const
) {
  test(`a system that does ${fault} samples is found out`, async () => {
    const result = await run(fault);
    const expected = { missing: 0, repeated: 0, corrupt: 0, [figures]: 10 };
    // A damaged sample is also one that is missing.
    if (fault === "damage") expected.missing = 10;
    const { missing, repeated, corrupt } = result;
    assert.deepEqual({ missing, repeated, corrupt }, expected);
  });
}

test("a client that dies is named, with its exit code, and nothing is left running", async () => {
  await assert.rejects(run("die"), /publisher 1 ended \(3\)|Process \d+ ended while it was measured/);
  assert.equal(clientsRunning(), 0);
});

test("an aborted run leaves nothing running", async () => {
  const abort = new AbortController();
  const running = run("ready", SHAPE, abort.signal);
  setTimeout(() => abort.abort(new Error("enough")), 1500);
  await assert.rejects(running, /enough/);
  assert.equal(clientsRunning(), 0);
});

test("a process that is gone has no figures", () => {
  assert.ok(processFigures(Deno.pid)!.residentBytes > 10 * 2 ** 20);
  assert.equal(processFigures(2 ** 30), undefined);
  return Promise.resolve();
});
