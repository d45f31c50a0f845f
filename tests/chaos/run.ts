/**
 * The chaos suite: real processes under a seeded schedule of faults, judged by an independent ledger.
 *
 *     deno task chaos [--seed S] [--minutes M] [--zookeeper apache|embedded|ensemble]
 *                     [--only PATTERN] [--verbose]
 *
 * Broken promises are printed with the time and the faults around them; the exit code is 1. The same seed gives the
 * same faults in the same order to the same slots for the same time; without `--zookeeper` it chooses the servers,
 * too. `--only` takes the faults whose names match.
 */
import { parseArgs } from "node:util";
import { type Fault, FAULTS } from "./faults.ts";
import { Ledger, type Violation } from "./ledger.ts";
import { AT_ONCE, schedule, type Step } from "./schedule.ts";
import { Servers, serversFor, type ServersName } from "./servers.ts";
import { endOfWorld, nobodyLeft } from "./settle.ts";
import { World } from "./world.ts";

const LINES_PER_SECOND = 200;

interface Happened {
  from: number;
  to: number;
  name: string;
}

interface Options {
  seed: number;
  minutes: number;
  zookeeper: ServersName;
  only: RegExp;
  verbose: boolean;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** One run. @returns whether every promise was kept. */
async function run({ seed, minutes, zookeeper, only, verbose }: Options): Promise<boolean> {
  const servers = await Servers.start(zookeeper);
  const ledger = new Ledger();
  const happened: Happened[] = [];
  console.error(`chaos: seed ${seed}, ${minutes} minutes, ZooKeeper ${zookeeper}`);
  const interrupted = Promise.withResolvers<never>();
  const interrupt = () => interrupted.reject(new Error("the runner was interrupted"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, interrupt);
  const broken = (what: string) => ledger.violations.push({ time: Date.now(), what });
  try {
    await using world = new World(servers, ledger, { linesPerSecond: LINES_PER_SECOND });
    const life = async () => {
      await populate(world);
      await disturb(
        world,
        { seed, end: Date.now() + minutes * 60_000, several: servers.members.length > 1, only },
        {
          happened,
          verbose,
        },
      );
      await endOfWorld(world);
    };
    await Promise.race([life(), interrupted.promise]);
    nobodyLeft(world);
  } catch (error) {
    broken(error instanceof Error ? error.message : String(error));
  } finally {
    await servers.stop();
  }
  report(ledger.close(), happened);
  const kept = ledger.violations.length === 0;
  console.log(
    `chaos seed=${seed} minutes=${minutes} zookeeper=${zookeeper} faults=${happened.length} ` +
      `delivered=${ledger.delivered} fenced=${ledger.fenced} promises ` +
      (kept ? "kept" : `broken ${ledger.violations.length} times`),
  );
  return kept;
}

function report(violations: readonly Violation[], happened: readonly Happened[]): void {
  for (const { time, what } of violations.slice(0, 40)) {
    const around = happened.filter(({ from, to }) => from < time + 1000 && to > time - 10_000);
    const names = around.map(({ name }) => name).join("; ");
    console.log(`broken: ${new Date(time).toISOString()} ${what} [${names}]`);
  }
}

async function populate(world: World): Promise<void> {
  const ready = async () => {
    for (const { actor } of world.slots) await actor.becomesReady();
  };
  for (const zone of [1, 1, 2, 2]) world.broker(zone);
  world.subscriber("S", "shared", 1);
  world.subscriber("S", "shared", 50, "--centralized", "--filename", "/dev/full");
  world.subscriber("X", "exclusive", 0);
  world.subscriber("X", "exclusive", 1, "--centralized");
  await ready();
  world.publisher("S", "shared", 50);
  world.publisher("S", "shared", 100);
  world.publisher("X", "exclusive", 1);
  world.publisher("X", "exclusive", 1);
  await ready();
}

interface Course {
  seed: number;
  end: number;
  several: boolean;
  only: RegExp;
}

interface Account {
  happened: Happened[];
  verbose: boolean;
}

async function disturb(world: World, { seed, end, several, only }: Course, account: Account): Promise<void> {
  const running = new Set<Promise<void>>();
  const faults = FAULTS.filter(({ name, servers }) =>
    servers !== (several ? "one" : "several") && only.test(name)
  );
  if (faults.length === 0) throw new Error(`no fault has a name that matches ${only}`);
  for (const step of schedule(seed, faults)) {
    await sleep(step.pause);
    while (running.size >= (step.fault.alone ? 1 : AT_ONCE)) await Promise.race(running);
    if (Date.now() >= end) break;
    const one = happen(step, world, account).finally(() => running.delete(one));
    running.add(one);
    if (step.fault.alone) await one;
  }
  await Promise.all(running);
}

/** Never rejects: a fault that fails is a broken promise. */
async function happen(
  { fault, whom, ms }: Step,
  world: World,
  { happened, verbose }: Account,
): Promise<void> {
  const slots = world.slots.filter(({ kind }) => fault.kinds.length === 0 || fault.kinds.includes(kind));
  const slot = slots[Math.floor(whom * slots.length)]!;
  const work = async () => {
    const name = nameOf(fault, slot.actor.name, ms);
    const entry = { from: Date.now(), to: Infinity, name };
    happened.push(entry);
    if (verbose) console.error(`${new Date(entry.from).toISOString()} ${name}`);
    await fault.run(world, slot, ms).catch((error) => world.broken(`${name}: ${error.message}`));
    entry.to = Date.now();
  };
  await (fault.kinds.length === 0 ? work() : slot.alone(work));
}

function nameOf(fault: Fault, actor: string, ms: number): string {
  return `${fault.name}${fault.kinds.length === 0 ? "" : ` (${actor})`}, ${Math.round(ms)} ms`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
      minutes: { type: "string", default: "2" },
      zookeeper: { type: "string" },
      only: { type: "string", default: "" },
      verbose: { type: "boolean", default: false },
    },
  });
  const seed = Number(values.seed);
  const zookeeper = serversFor(values.zookeeper, seed);
  const kept = await run({
    seed,
    minutes: Number(values.minutes),
    zookeeper,
    only: new RegExp(values.only),
    verbose: values.verbose,
  });
  Deno.exit(kept ? 0 : 1);
}
