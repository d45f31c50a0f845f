/** Runs a plan in a world of its own, and judges what became of it. */
import { type LogRecord, resetSync } from "@logtape/logtape";
import { configureLogging, formatRecord } from "../../lib/base/log.ts";
import { Judge } from "./judge.ts";
import { Lag } from "./lag.ts";
import { inTask } from "./machine.ts";
import type { Party } from "./party.ts";
import type { Fault, FaultName, Plan, Role } from "./plan.ts";
import { LONGEST_MS, SESSION_MS } from "./scenarios.ts";
import { System } from "./system.ts";
import { type Tally, tallyOf } from "./tally.ts";
import type { Note, Process } from "./world.ts";

/** Everybody has settled so long after the last fault, or never will. */
const SETTLE_MS = 40_000;
/** What was missed is repaired in so long, while as much is published as before. */
const REPAIR_MS = 3000;
/** Leaving takes at most so long. */
const LEAVE_MS = 60_000;
const LOOK_MS = 50;
/** How long a subscriber takes its time. */
const SLOW_MS = 10_000;
/** A run of one publisher a hundred samples a second is a minute of some thousand events: herds say less. */
const SAMPLE_MS = 10;
const HERD_SAMPLE_MS = 500;
const HERD = 50;

/** Faults of the way between two; of the others one has all. */
const BETWEEN_TWO: ReadonlySet<FaultName> = new Set(["cut", "deafen", "part", "break", "wear", "sever"]);
/** Faults for which the coordination server keeps its data on a disk. */
const DISK_FAULTS: ReadonlySet<FaultName> = new Set(["restart", "crash", "blackout", "slip", "disk"]);

/** How a run went. */
export interface Outcome {
  readonly plan: Plan;
  /** Broken promises, in the order in which they were seen. */
  readonly broken: readonly { readonly time: number; readonly what: string }[];
  readonly hash: string;
  readonly events: number;
  /** Simulated milliseconds. */
  readonly ms: number;
  readonly delivered: number;
  readonly tally: Tally;
  /** What happened, when it was to be kept. */
  readonly story: readonly Note[];
}

/** One run. */
export async function runPlan(plan: Plan, options: { story?: boolean } = {}): Promise<Outcome> {
  const rejections: { time: number; what: string }[] = [];
  const rejected = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    rejections.push({
      time: Infinity,
      what: `a promise was rejected, and nobody took it: ${stackOf(event.reason)}`,
    });
  };
  globalThis.addEventListener("unhandledrejection", rejected);
  try {
    const outcome = await inTask(() => run(plan, options));
    // The runtime tells of them when the task is over.
    await inTask(() => {});
    return { ...outcome, broken: [...outcome.broken, ...rejections] };
  } finally {
    globalThis.removeEventListener("unhandledrejection", rejected);
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function run(plan: Plan, { story = false }: { story?: boolean }): Outcome {
  const sampleMs = plan.roles.length > HERD ? HERD_SAMPLE_MS : SAMPLE_MS;
  const durable = plan.faults.some(({ who, what }) => who === "zookeeper" && DISK_FAULTS.has(what));
  const scribe = durable && plan.faults.every(({ what }) => what !== "wipe");
  const system = new System(plan.seed, { sampleMs }, { story, durable, scribe });
  const { world, ledger } = system;
  const judge = new Judge(system, plan);
  const lag = new Lag(system);
  // Also when nobody wants the story: every line reads the clock, which takes time. A line begins with the time.
  const format = story ? (record: LogRecord) => formatRecord(record).slice(25) : () => "";
  configureLogging("debug", (line) => world.tell(world.current?.name ?? "", line), format);
  try {
    for (const role of plan.roles) world.at(role.at, undefined, () => void system.add(role));
    world.at(plan.quietAt - LONGEST_MS, undefined, () => system.coordination.calm());
    for (const fault of plan.faults) world.at(fault.at, undefined, () => strike(system, fault));
    for (let at = LOOK_MS; at < plan.quietAt + SETTLE_MS; at += LOOK_MS) {
      world.at(at, undefined, () => {
        judge.look();
        lag.look();
      });
    }
    world.runUntil(plan.quietAt + REPAIR_MS);
    system.calm = true;
    world.runUntil(plan.quietAt + SETTLE_MS, () => world.crashes.length > 0 || judge.settled());
    world.act(() => judge.atRest());
    judge.treeIsRight();
    system.scribe?.leave();
    // First those who publish, so that nobody misses anything; one kind after the other.
    for (const party of system.here("publisher")) party.resting = true;
    for (const kind of ["publisher", "subscriber", "broker", "pool"] as const) {
      const end = world.now + LEAVE_MS;
      for (const party of system.here(kind)) system.leave(party);
      world.runUntil(end, () => system.here(kind).length === 0);
      for (const { id } of system.here(kind)) system.broken(`${id} has not left within ${LEAVE_MS} ms`);
      if (kind === "subscriber") judge.everybodyHasEverything();
    }
    judge.nothingIsLeft();
  } catch (error) {
    system.broken(stackOf(error));
  } finally {
    system.end();
    resetSync();
  }
  for (const { time, who, what } of world.crashes) ledger.violations.push({ time, what: `${who}: ${what}` });
  const broken = ledger.close((missing) => system.losses.excuses(missing)).toSorted((one, other) =>
    one.time - other.time
  );
  const { hash, events, now: ms } = world;
  const { delivered } = ledger;
  return { plan, broken, hash, events, ms, delivered, tally: tallyOf(system), story: world.story };
}

/** A fault comes, and goes. */
function strike(system: System, { what, who, other = "", ms }: Fault): void {
  const { world, network } = system;
  const party = system.find(who);
  const process = who === "zookeeper" ? system.coordination.server : party?.process;
  const far = other === "zookeeper" ? system.coordination.server : system.find(other)?.process;
  if (process === undefined || !process.alive) return;
  // Who leaves has a successor already.
  if (party?.state === "leaving" && ["kill", "crash", "leave", "restart"].includes(what)) return;
  world.tell("fault", `${what} ${who} ${other} ${ms}`);
  if (what === "disk") return system.coordination.failDisk(ms);
  if (what === "blackout") return system.coordination.endAtNextName(true, ms);
  if (what === "slip") return system.coordination.endAtNextName(false, ms);
  const hindered = BETWEEN_TWO.has(what) ? [who, other] : [who];
  // Zones of a pool that is lost are started by another one, when its session is over.
  const lasts = (what === "slow" ? SLOW_MS : Math.max(0, ms)) + (party?.kind === "pool" ? 2 * SESSION_MS : 0);
  for (const place of hindered) system.hinder(place, lasts, what === "expel");
  if (who === "zookeeper" && (what === "restart" || what === "crash")) {
    system.coordination.restart(what === "crash", ms);
  } else if (what === "kill" || what === "crash") {
    replace(system, party!, ms, () => system.kill(party!, what === "crash"));
  } else if (what === "leave") replace(system, party!, ms, () => system.leave(party!));
  else if (what === "restart") {
    system.kill(party!);
    world.after(ms, undefined, () => void system.add(party!.role));
  } else if (what === "stop") {
    system.stop(process);
    world.after(ms, undefined, () => system.resume(process));
  } else if (what === "cut" || what === "deafen" || what === "part") {
    if (far !== undefined) part(system, process, [far], ms, what);
  } else if (what === "isolate") {
    const others = [...system.here().map((each) => each.process), system.coordination.server].filter((each) =>
      each !== process
    );
    part(system, process, others, ms, "part");
  } else if (what === "expel") part(system, process, [system.coordination.server], ms, "part");
  else if (what === "sever") {
    if (far !== undefined) part(system, process, [far], Infinity, "part");
  } else if (what === "wear") {
    if (far === undefined) return;
    network.wearOut(process, far, network.between(5, 100));
    world.after(ms, undefined, () => network.wearOut(process, far, undefined));
  } else if (what === "break") {
    if (far !== undefined) network.breakBetween(process, far);
  } else if (what === "clock") process.clockOffset += ms;
  else if (what === "slow") {
    party!.pauseMs = ms;
    world.after(SLOW_MS, undefined, () => party!.pauseMs = 0);
  } else if (what === "busy") {
    process.costMs = ms / 500;
    world.after(ms, undefined, () => process.costMs = 0);
  } else if (what === "refuse") {
    for (const { process: each } of system.here()) network.breakBetween(process, each);
    system.stop(process);
    world.after(ms, undefined, () => system.resume(process));
  } else if (what === "orphan") {
    const child = world.processes.find(({ name, alive }) => alive && name.startsWith(`${party?.id}-`));
    if (child !== undefined) world.kill(child);
  } else system.coordination.wipe();
}

/** Somebody ends, and a while later another one takes the place. */
function replace(system: System, party: Party, ms: number, end: () => void): void {
  end();
  const number = Number(/\.(\d+)$/.exec(party.id)?.[1] ?? 1);
  const role: Role = { ...party.role, id: `${party.place}.${number + 1}` };
  system.world.after(ms, undefined, () => void system.add(role));
}

function part(
  { world, network }: System,
  process: Process,
  others: readonly Process[],
  ms: number,
  what: "cut" | "deafen" | "part",
): void {
  for (const far of others) {
    if (what !== "deafen") network.cut(process, far);
    if (what !== "cut") network.cut(far, process);
  }
  if (ms === Infinity) return;
  world.after(ms, undefined, () => {
    for (const far of others) {
      if (what !== "deafen") network.heal(process, far);
      if (what !== "cut") network.heal(far, process);
    }
  });
}
