/**
 * The chaos suite: real processes under a seeded schedule of faults, judged by an independent ledger.
 *
 *     deno task chaos [--seed S] [--minutes M] [--backend apache|embedded] [--verbose]
 *
 * Broken promises are printed with the time and the faults around them; the exit code is 1. The same seed gives the
 * same schedule again.
 */
import { parseArgs } from "node:util";
import { until } from "../harness/condition.ts";
import { type Backend, startCoordinator } from "../harness/zookeeper.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { loadOf, parseLoad } from "../../lib/load.ts";
import { LOAD, PRIMARIES, PUBLISHERS, SUBSCRIBERS } from "../../lib/paths.ts";
import { type Fault, FAULTS } from "./faults.ts";
import { Ledger } from "./ledger.ts";
import { Random } from "./random.ts";
import { type Actor, World } from "./world.ts";

const AT_ONCE = 2;
const QUIET_MS = 6000;
const LINES_PER_SECOND = 200;
const EMPTY_AT_THE_END = ["/brokers", "/primaries", "/shared_state/publishers", "/shared_state/subscribers"];

interface Happened {
  from: number;
  to: number;
  name: string;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** One run. @returns whether every promise was kept. */
async function run(
  seed: number,
  minutes: number,
  backend: Backend | undefined,
  verbose: boolean,
): Promise<boolean> {
  const directory = await Deno.makeTempDir({ prefix: "pubsub-chaos-" });
  const coordinator = await startCoordinator(backend ? { backend } : {});
  const ledger = new Ledger();
  const happened: Happened[] = [];
  console.error(`chaos: seed ${seed}, ${minutes} minutes, on ${coordinator.backend} ZooKeeper`);
  try {
    await using world = new World(coordinator, ledger, {
      linesPerSecond: LINES_PER_SECOND,
      directory,
      verbose,
    });
    await populate(world);
    await disturb(world, new Random(seed), Date.now() + minutes * 60_000, happened, verbose);
    await sleep(QUIET_MS);
    await settle(world);
  } catch (error) {
    ledger.violations.push({
      time: Date.now(),
      what: error instanceof Error ? error.message : String(error),
    });
  } finally {
    await coordinator.stop();
    await Deno.remove(directory, { recursive: true });
  }
  const violations = ledger.close();
  for (const { time, what } of violations.slice(0, 40)) {
    const around = happened.filter(({ from, to }) => from < time + 1000 && to > time - 8000).map(({ name }) =>
      name
    );
    console.log(`broken: ${new Date(time).toISOString()} ${what} [${around.join("; ")}]`);
  }
  const verdict = violations.length === 0 ? "kept" : `broken ${violations.length} times`;
  console.log(
    `chaos seed=${seed} minutes=${minutes} faults=${happened.length} delivered=${ledger.delivered} ` +
      `fenced=${ledger.fenced} promises ${verdict}`,
  );
  return violations.length === 0;
}

async function populate(world: World): Promise<void> {
  await Promise.all([world.broker(1), world.broker(1), world.broker(2), world.broker(2)]);
  await Promise.all([
    world.subscriber("S", "shared"),
    world.subscriber("S", "shared", "--centralized", "--filename", "/dev/full"),
    world.subscriber("X", "exclusive"),
    world.subscriber("X", "exclusive", "--centralized"),
  ]);
  await everybodySays(world, "subscriber", /registered in zone/);
  await Promise.all([
    world.publisher("S", "shared", 1),
    world.publisher("S", "shared", 100),
    world.publisher("X", "exclusive", 1),
    world.publisher("X", "exclusive", 1),
  ]);
  await everybodySays(world, "publisher", /registered in zone/);
}

async function everybodySays(world: World, kind: Actor["kind"], pattern: RegExp): Promise<void> {
  for (const actor of world.healthy(kind)) {
    await until(
      `${actor.name} says ${pattern}`,
      () => actor.stderr.some((line) => pattern.test(line)),
      30_000,
    );
  }
}

async function disturb(world: World, random: Random, end: number, happened: Happened[], verbose: boolean) {
  const running = new Set<Promise<void>>();
  while (Date.now() < end) {
    await sleep(random.between(500, 3000));
    const fault = random.pick(FAULTS);
    if (running.size >= AT_ONCE) continue;
    const one = happen(fault, world, new Random(Math.floor(random.next() * 2 ** 32)), happened, verbose);
    running.add(one);
    one.finally(() => running.delete(one));
  }
  await Promise.all(running);
}

async function happen(fault: Fault, world: World, random: Random, happened: Happened[], verbose: boolean) {
  const from = Date.now();
  const entry = { from, to: Infinity, name: fault.name };
  happened.push(entry);
  if (verbose) console.error(`${new Date(from).toISOString()} ${fault.name}`);
  await fault.run(world, random);
  entry.to = Date.now();
}

/** Everything is quiet: check what must be true now, then let everybody leave. */
async function settle(world: World): Promise<void> {
  const { ledger } = world;
  const broken = (what: string) => ledger.violations.push({ time: Date.now(), what });
  await using zk = new ZooKeeper({ servers: world.coordinator.servers });
  await zk.connected(AbortSignal.timeout(10_000));
  await until("the load equals the truth", async () => {
    const [zones, publishers, subscribers] = await Promise.all(
      [PRIMARIES, PUBLISHERS, SUBSCRIBERS].map(async (path) => (await zk.getChildren(path)).names.length),
    ) as [number, number, number];
    const { data } = await zk.getData(LOAD);
    return zones === 2 && publishers === world.healthy("publisher").length &&
      subscribers === world.healthy("subscriber").length &&
      parseLoad(new TextDecoder().decode(data)) === loadOf(publishers, subscribers, zones);
  }, 15_000);

  world.endOfInput();
  const publishers = world.healthy("publisher");
  const subscribers = world.healthy("subscriber");
  for (const publisher of publishers) {
    const { code } = await publisher.ended(60_000);
    if (code !== 0) broken(`${publisher.name} ended with ${code}: ${publisher.stderr.slice(-4).join(" | ")}`);
  }
  for (const publisher of publishers) {
    for (const subscriber of subscribers) {
      if (topicOf(publisher) !== topicOf(subscriber)) continue;
      const reached = ledger.reached(subscriber.name, publisher.name);
      const given = ledger.given(publisher.name);
      if (reached !== given) broken(`${subscriber.name} has ${reached} of ${given} of ${publisher.name}`);
    }
  }
  for (const subscriber of subscribers) await leave(subscriber, broken);
  for (const broker of world.healthy("broker")) await leave(broker, broken);
  for (const path of EMPTY_AT_THE_END) {
    await until(`${path} is empty`, async () => (await zk.getChildren(path)).names.length === 0, 5000);
  }
}

async function leave(actor: Actor, broken: (what: string) => void): Promise<void> {
  actor.signal("SIGINT");
  const { code } = await actor.ended(20_000);
  if (code !== 0 && !actor.mayFail) {
    broken(`${actor.name} left with ${code}: ${actor.stderr.slice(-4).join(" | ")}`);
  }
}

function topicOf(actor: Actor): string {
  return actor.name.split("-")[1]!;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
      minutes: { type: "string", default: "2" },
      backend: { type: "string" },
      verbose: { type: "boolean", default: false },
    },
  });
  const kept = await run(
    Number(values.seed),
    Number(values.minutes),
    values.backend as Backend | undefined,
    values.verbose,
  );
  Deno.exit(kept ? 0 : 1);
}
