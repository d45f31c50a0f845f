/**
 * One fault again and again under load, and how long the subscribers were without samples.
 *
 *     deno run -A tests/chaos/failover.ts [--fault kill|stop|cut|owner|zookeeper] [--times 50] [--rate 1000]
 *
 * Two centralized subscribers, 1,000 samples/s. The ledger counts losses and doubles by content; the silences come
 * from the subscribers' own latency files; the scorecards (`--events`) must agree with the summaries. One JSON
 * object at the end.
 */
import { parseArgs } from "node:util";
import { longestSilence, type Row, rowsOf, type Summary, summaryIn } from "../../lib/demo/findings.ts";
import type { Failover } from "../../lib/client_options.ts";
import { until } from "../harness/condition.ts";
import { type Backend, startCoordinator } from "../harness/zookeeper.ts";
import { Ledger } from "./ledger.ts";
import { type Actor, World } from "./world.ts";

const FAULTS = ["kill", "stop", "cut", "owner", "zookeeper"] as const;
type FaultName = typeof FAULTS[number];
/** Between a fault and the next one, when everything stands again. */
const REST_MS = 1000;
const SILENCE_WINDOW_MS = 5000;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function says(actor: Actor, pattern: RegExp, deadlineMs = 20_000): Promise<unknown> {
  return until(
    `${actor.name} says ${pattern}`,
    () => actor.stderr.some((line) => pattern.test(line)),
    deadlineMs,
  );
}

/** The running broker that leads zone 1. */
function primary(world: World): Actor | undefined {
  return world.healthy("broker").find(({ stderr }) =>
    stderr.some((line) => line.includes("primary of zone 1"))
  );
}

/** Make the fault happen, wait until everything stands again. @returns when it happened. */
async function happen(fault: FaultName, world: World): Promise<number> {
  const leader = primary(world)!;
  const time = Date.now();
  switch (fault) {
    case "kill": {
      leader.signal("SIGKILL");
      await leader.ended(5000);
      await until("another primary", () => primary(world), 10_000);
      await leader.close();
      await says(await leader.start(), /standby of zone 1/);
      break;
    }
    case "stop":
      leader.signal("SIGSTOP");
      await sleep(1500);
      leader.signal("SIGCONT");
      break;
    case "cut":
      // The egress is the third port: only subscribers come that way.
      leader.proxies[2]!.hold();
      await sleep(2000);
      leader.proxies[2]!.release();
      break;
    case "owner": {
      const owner = world.healthy("publisher").find(({ stderr }) =>
        stderr.some((line) => line.includes("owns topic"))
      )!;
      world.ledger.killed(owner.name, time);
      owner.signal("SIGKILL");
      await owner.ended(5000);
      await owner.close();
      const next = world.healthy("publisher")[0]!;
      await says(next, /owns topic/);
      await says(await owner.start(), /does not own/);
      break;
    }
    case "zookeeper":
      await world.coordinator.kill();
      await world.coordinator.restart();
  }
  await sleep(REST_MS);
  return time;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN);
}

async function run(
  fault: FaultName,
  times: number,
  rate: number,
  backend: Backend | undefined,
): Promise<boolean> {
  const directory = await Deno.makeTempDir({ prefix: "pubsub-failover-" });
  const coordinator = await startCoordinator(backend ? { backend } : {});
  const ledger = new Ledger();
  const happened: number[] = [];
  const subscribers: Actor[] = [];
  try {
    await using world = new World(coordinator, ledger, { linesPerSecond: rate, directory, verbose: false });
    const first = await world.broker(1);
    await says(first, /primary of zone 1/);
    await says(await world.broker(1), /standby of zone 1/);
    for (const name of ["a", "b"]) {
      const files = ["--filename", `${directory}/${name}.csv`, "--events", `${directory}/${name}.jsonl`];
      const subscriber = await world.subscriber("X", "exclusive", "--centralized", ...files);
      await says(subscriber, /registered in zone/);
      subscribers.push(subscriber);
    }
    await says(await world.publisher("X", "exclusive", 1), /owns topic/);
    if (fault === "owner") await says(await world.publisher("X", "exclusive", 1), /does not own/);
    await sleep(2 * REST_MS);
    for (let i = 0; i < times; i++) {
      happened.push(await happen(fault, world));
      console.error(`${fault} ${i + 1} of ${times}`);
    }
    world.endOfInput();
    for (const publisher of world.healthy("publisher")) await publisher.ended(60_000);
    for (const subscriber of subscribers) {
      subscriber.signal("SIGINT");
      await subscriber.ended(20_000);
    }
    const summaries = subscribers.map(({ stderr }) => summaryIn(stderr.join("\n"))!);
    const outcome = judge(directory, happened, summaries, ledger);
    console.log(JSON.stringify({ fault, times, rate, backend: coordinator.backend, ...outcome }));
    return outcome.violations.length === 0 && outcome.lost === 0 && outcome.duplicates === 0;
  } finally {
    await coordinator.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

function judge(
  directory: string,
  happened: readonly number[],
  summaries: readonly Summary[],
  ledger: Ledger,
) {
  const silences: number[] = [];
  let scored = 0;
  for (const name of ["a", "b"]) {
    const rows: Row[] = rowsOf(Deno.readTextFileSync(`${directory}/${name}.csv`));
    for (const time of happened) {
      const around = rows.filter(({ receiveTime }) =>
        receiveTime > time - 100 && receiveTime < time + SILENCE_WINDOW_MS
      );
      silences.push(longestSilence(around));
    }
    const events = Deno.readTextFileSync(`${directory}/${name}.jsonl`).split("\n").filter(Boolean)
      .map((line) => JSON.parse(line) as Failover);
    scored += events.reduce((sum, { recovered }) => sum + recovered, 0);
  }
  const sum = (name: keyof Summary) => summaries.reduce((total, summary) => total + summary[name], 0);
  return {
    delivered: ledger.delivered,
    lost: sum("lost"),
    duplicates: sum("duplicates"),
    recovered: sum("recovered"),
    recovered_by_scorecards: scored,
    silence_ms: { p50: quantile(silences, 0.5), p95: quantile(silences, 0.95), max: quantile(silences, 1) },
    violations: ledger.close().map(({ what }) => what).slice(0, 10),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      fault: { type: "string", default: "kill" },
      times: { type: "string", default: "50" },
      rate: { type: "string", default: "1000" },
      backend: { type: "string" },
    },
  });
  const fault = FAULTS.find((name) => name === values.fault);
  if (!fault) throw new Error(`--fault is ${values.fault}, must be one of ${FAULTS.join(", ")}`);
  const kept = await run(
    fault,
    Number(values.times),
    Number(values.rate),
    values.backend as Backend | undefined,
  );
  Deno.exit(kept ? 0 : 1);
}
