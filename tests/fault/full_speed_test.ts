/**
 * What is lost, repeated or damaged when things fail while samples flow as fast as they can: nothing.
 *
 * Runs alone: beside others it would not be full speed.
 */
import assert from "node:assert/strict";
import { Child } from "../../lib/bench/child.ts";
import { type JobResult, runJob, type RunningSystem, type Shape, type System } from "../../lib/bench/job.ts";
import { processFigures } from "../../lib/bench/process_figures.ts";
import { pubsubCommand, type PubsubSettings, startZooKeeper } from "../../lib/bench/pubsub_system.ts";
import { title, unrestricted } from "../harness/permissions.ts";

const READY_MS = 30_000;
/** CPU that a broker uses when samples go through it: idle, it uses some hundredths of a second in the whole run. */
const SHARE_SECONDS = 0.15;
const LOOK_MS = 50;

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

/** Two brokers of a zone; the primary is ended while samples flow. */
class TwoBrokers implements System {
  readonly name = "pubsub";
  /** CPU seconds of the primary while samples went through it, and of the standby after that. */
  readonly carried = { primary: 0, standby: 0 };

  constructor(readonly signal: "SIGKILL" | "SIGTERM", readonly settings: PubsubSettings) {}

  async start(shape: Shape, signal: AbortSignal): Promise<RunningSystem> {
    await using stack = new AsyncDisposableStack();
    const zookeeper = await startZooKeeper(signal);
    stack.use(zookeeper.child);
    const start = async (id: string, ready: RegExp) => {
      const command = pubsubCommand("broker", "--id", id, "--zookeeper", zookeeper.address, "--verbose");
      const broker = stack.use(new Child(id, command));
      await broker.line(ready, READY_MS, signal);
      return broker;
    };
    const primary = await start("first", /: primary of zone 1/);
    const standby = await start("second", /: standby of zone 1/);
    const used = ({ pid }: Child) => processFigures(pid)?.cpuSeconds ?? 0;
    const before = { primary: used(primary), standby: 0 };
    let clients = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    /** End the primary once it has carried its share, however long the samples take to flow. */
    const end = () => {
      this.carried.primary = used(primary) - before.primary;
      if (this.carried.primary < SHARE_SECONDS) return void (timer = setTimeout(end, LOOK_MS));
      before.standby = used(standby);
      Deno.kill(primary.pid, this.signal);
    };
    const last = shape.publishers + shape.subscribers;
    stack.defer(() => {
      clearTimeout(timer);
      this.carried.standby = used(standby) - before.standby;
    });
    const keep = stack.move();
    return {
      address: zookeeper.address,
      servers: [{ name: "standby", pid: standby.pid }],
      client: (task) => {
        if (++clients === last) timer = setTimeout(end, LOOK_MS);
        return pubsubCommand("bench", "--client", JSON.stringify({ ...task, ...this.settings }));
      },
      [Symbol.asyncDispose]: () => keep.disposeAsync(),
    };
  }
}

async function run(how: "SIGKILL" | "SIGTERM", settings: Partial<PubsubSettings>, shape: Partial<Shape>) {
  const system = new TwoBrokers(how, {
    mode: "centralized",
    history: 1,
    reliability: "reliable",
    take: "batches",
    ...settings,
  });
  const whole = { publishers: 1, subscribers: 1, payloadBytes: 64, rate: 0, warmUpSeconds: 0.5, seconds: 8 };
  const result = await runJob(system, { ...whole, ...shape }, new AbortController().signal);
  const { primary, standby } = system.carried;
  assert.ok(primary >= SHARE_SECONDS, `the primary used ${primary} s`);
  assert.ok(standby >= SHARE_SECONDS, `the standby used ${standby} s`);
  return result;
}

function assertComplete({ missing, repeated, corrupt, published }: JobResult): void {
  assert.deepEqual({ missing, repeated, corrupt }, { missing: 0, repeated: 0, corrupt: 0 });
  assert.ok(published > 100_000, `${published} samples`);
}

test("a broker killed at full speed costs no sample", async () => {
  assertComplete(await run("SIGKILL", { history: 1000 }, {}));
});

test("a broker that leaves at full speed costs no sample, two publishers and two subscribers", async () => {
  assertComplete(await run("SIGTERM", {}, { publishers: 2, subscribers: 2 }));
});
