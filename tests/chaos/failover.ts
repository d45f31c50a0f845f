/**
 * One fault again and again under load, and how long the subscribers were without samples.
 *
 *     deno run -A tests/chaos/failover.ts [--fault kill|stop|cut|owner|zookeeper|none] [--times 50] [--rate 1000]
 *                                         [--goal MS] [--burn N] [--zookeeper apache|embedded|ensemble]
 *
 * Two centralized subscribers. The ledger counts losses and doubles by content; the silences come from the
 * subscribers' own latency files; the scorecards (`--events`) must agree with the summaries and the ledger. With
 * `none` nothing happens for `--times` seconds, and every connection that is reported lost is a false alarm; `--burn`
 * keeps so many processes busy beside it. One JSON object at the end; the exit code is 1 when a promise was broken,
 * or when one silence in twenty was longer than the goal.
 */
import { parseArgs } from "node:util";
import type { Failover } from "../../lib/model/client_options.ts";
import {
  failoversIn,
  longestSilence,
  type Row,
  rowsOf,
  type Summary,
  summaryIn,
} from "../../lib/demo/findings.ts";
import { until } from "../harness/condition.ts";
import type { Actor } from "./actor.ts";
import { Ledger } from "./ledger.ts";
import { Servers, serversFor, type ServersName } from "./servers.ts";
import { type Slot, World } from "./world.ts";

/** Each fault with its goal for the longest silence, milliseconds. An owner's place is inherited with its session. */
const GOALS = { kill: 250, stop: 600, cut: 600, owner: 5000, zookeeper: 250, none: 250 };
type FaultName = keyof typeof GOALS;
/** Those that a subscriber sees as the loss of its broker. */
const LOSES_BROKER: readonly FaultName[] = ["kill", "stop", "cut"];
/** Between a fault and the next one, when everything stands again. */
const REST_MS = 1500;
const STOP_MS = 1500;
const CUT_MS = 2000;
const SILENCE_WINDOW_MS = 6000;
const NAMES = ["a", "b"];

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The brokers, and which of them the samples come through. */
class Brokers {
  readonly #through = new Map<Actor, number>();

  constructor(readonly slots: readonly Slot[]) {}

  /** Count what comes through this broker's egress, its third port. */
  watch(actor: Actor): void {
    actor.proxies[2]!.intercept = (chunk, direction) => {
      if (direction === "down") this.#through.set(actor, (this.#through.get(actor) ?? 0) + chunk.length);
      return "pass";
    };
  }

  get primary(): Slot | undefined {
    return this.slots.find(({ actor }) => actor.running && actor.leads);
  }

  /** The broker that most samples come through now. */
  async carrier(): Promise<Slot> {
    const before = this.slots.map(({ actor }) => this.#through.get(actor) ?? 0);
    await sleep(200);
    const moved = this.slots.map(({ actor }, i) => (this.#through.get(actor) ?? 0) - before[i]!);
    return this.slots[moved.indexOf(Math.max(...moved))]!;
  }
}

/** Make the fault happen, wait until everything stands again. @returns when it happened. */
async function happen(fault: FaultName, world: World, brokers: Brokers, happened: number): Promise<number> {
  const carrier = await brokers.carrier();
  let time = Date.now();
  switch (fault) {
    case "kill": {
      const leader = brokers.primary!;
      leader.actor.signal("SIGKILL");
      await leader.actor.ended(5000);
      await until("another primary", () => brokers.primary, 20_000);
      await leader.actor.close();
      brokers.watch(leader.refill());
      await leader.actor.becomesReady();
      break;
    }
    case "stop":
      carrier.actor.signal("SIGSTOP");
      await sleep(STOP_MS);
      carrier.actor.signal("SIGCONT");
      break;
    case "cut":
      // Only subscribers come to the egress.
      carrier.actor.proxies[2]!.hold();
      await sleep(CUT_MS);
      carrier.actor.proxies[2]!.release();
      break;
    case "owner": {
      const publishers = world.of("publisher");
      const owner = publishers.find(({ actor }) => actor.owns)!;
      const other = publishers.find((slot) => slot !== owner)!;
      time = Date.now();
      world.ledger.killed(owner.actor.name, time);
      owner.actor.signal("SIGKILL");
      await owner.actor.ended(5000);
      await until("the next owner", () => other.actor.owns, 20_000);
      await owner.actor.close();
      await owner.refill().says(/does not own/);
      break;
    }
    case "zookeeper":
      await world.servers.bounce(happened, 0);
      break;
    case "none":
  }
  await sleep(fault === "none" ? 1000 : REST_MS);
  return time;
}

interface Options {
  fault: FaultName;
  times: number;
  rate: number;
  goal: number;
  burn: number;
  zookeeper: ServersName;
}

async function run(options: Options): Promise<boolean> {
  const { fault, times, rate, goal, burn, zookeeper } = options;
  const directory = await Deno.makeTempDir({ prefix: "pubsub-failover-" });
  const servers = await Servers.start(zookeeper);
  const ledger = new Ledger();
  const happened: number[] = [];
  const burners: Deno.ChildProcess[] = [];
  try {
    await using world = new World(servers, ledger, { linesPerSecond: rate });
    const brokers = await populate(world, fault, directory);
    for (let i = 0; i < burn; i++) burners.push(burner());
    await sleep(2 * REST_MS);
    for (let i = 0; i < times; i++) {
      happened.push(await happen(fault, world, brokers, i));
      console.error(`${fault} ${i + 1} of ${times}`);
    }
    stop(burners);
    world.endOfInput();
    const publishers = world.of("publisher").map(({ actor }) => actor);
    const subscribers = world.of("subscriber").map(({ actor }) => actor);
    await Promise.all(publishers.map((actor) => actor.ended(60_000)));
    for (const actor of subscribers) {
      actor.signal("SIGINT");
      await actor.ended(20_000);
    }
    for (const { name: source } of publishers) {
      for (const { name } of subscribers) {
        const [reached, given] = [ledger.reached(name, source), ledger.given(source)];
        if (reached !== given) world.broken(`${name} has ${reached} of ${given} of ${source}`);
      }
    }
    const alarms = subscribers.reduce((sum, actor) => sum + actor.connectionsLost, 0);
    const outcome = judge(directory, happened, subscribers, ledger);
    const broken = brokenBy(fault, times, alarms, outcome);
    const late = outcome.silence_ms.p95 > goal;
    console.log(
      JSON.stringify({
        fault,
        times,
        rate,
        burn,
        zookeeper,
        goal,
        alarms,
        ...outcome,
        broken,
      }),
    );
    return broken.length === 0 && !late;
  } finally {
    stop(burners);
    await servers.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

async function populate(world: World, fault: FaultName, directory: string): Promise<Brokers> {
  const first = world.broker(1);
  await first.actor.says(/primary of zone 1/);
  const second = world.broker(1);
  await second.actor.becomesReady();
  const brokers = new Brokers([first, second]);
  for (const { actor } of brokers.slots) brokers.watch(actor);
  for (const name of NAMES) {
    const files = ["--filename", `${directory}/${name}.csv`, "--events", `${directory}/${name}.jsonl`];
    await world.subscriber("X", "exclusive", 0, "--centralized", ...files).actor.becomesReady();
  }
  await world.publisher("X", "exclusive", 1).actor.says(/owns topic/);
  if (fault === "owner") await world.publisher("X", "exclusive", 1).actor.says(/does not own/);
  return brokers;
}

function burner(): Deno.ChildProcess {
  const args = ["--pdeathsig", "KILL", "/bin/sh", "-c", "while :; do :; done"];
  return new Deno.Command("/usr/bin/setpriv", { args, stdout: "null", stderr: "null" }).spawn();
}

function stop(burners: Deno.ChildProcess[]): void {
  for (const process of burners.splice(0)) process.kill("SIGKILL");
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN);
}

const COUNTS = ["recovered", "lost", "duplicates"] as const;
type Counts = Record<typeof COUNTS[number], number>;

interface Outcome {
  delivered: number;
  received: number;
  summaries: Counts;
  scorecards: Counts & { reordered: number };
  /** Of each subscriber. */
  brokersLost: number[];
  ownersChanged: number[];
  silence_ms: { p50: number; p95: number; max: number };
  detected_ms: { p50: number; max: number };
  control_back_ms: { p50: number; max: number };
  violations: string[];
}

function judge(
  directory: string,
  happened: readonly number[],
  actors: readonly Actor[],
  ledger: Ledger,
): Outcome {
  const summaries = actors.map(({ stderr }) => summaryIn(stderr.join("\n"))!);
  const silences: number[] = [];
  const cards: Failover[][] = [];
  for (const name of NAMES) {
    const rows: Row[] = rowsOf(Deno.readTextFileSync(`${directory}/${name}.csv`));
    for (const time of happened) {
      const around = rows.filter(({ receiveTime }) =>
        receiveTime > time - 100 && receiveTime < time + SILENCE_WINDOW_MS
      );
      silences.push(longestSilence(around));
    }
    cards.push(failoversIn(Deno.readTextFileSync(`${directory}/${name}.jsonl`)));
  }
  const sum = (name: keyof Summary) => summaries.reduce((total, summary) => total + summary[name], 0);
  const scored = (name: keyof Counts | "reordered") =>
    cards.flat().reduce((total, card) => total + card[name], 0);
  const lost = cards.flat().filter(({ event }) => event === "broker_lost");
  const back = lost.map((card) => card.control_back_ms).filter((ms) => ms !== null);
  const amount = (event: string) => cards.map((one) => one.filter((card) => card.event === event).length);
  const spread = (values: number[]) => ({ p50: quantile(values, 0.5), max: quantile(values, 1) });
  return {
    delivered: ledger.delivered,
    received: sum("received"),
    summaries: { recovered: sum("recovered"), lost: sum("lost"), duplicates: sum("duplicates") },
    scorecards: {
      recovered: scored("recovered"),
      lost: scored("lost"),
      duplicates: scored("duplicates"),
      reordered: scored("reordered"),
    },
    brokersLost: amount("broker_lost"),
    ownersChanged: amount("owner_changed"),
    silence_ms: { ...spread(silences), p95: quantile(silences, 0.95) },
    detected_ms: spread(lost.map((card) => card.detected_ms)),
    control_back_ms: spread(back),
    violations: ledger.close().map(({ what }) => what).slice(0, 10),
  };
}

/** What of the promises was not kept. */
function brokenBy(fault: FaultName, times: number, alarms: number, outcome: Outcome): string[] {
  const { summaries, scorecards, delivered, received } = outcome;
  const broken = [...outcome.violations];
  for (const name of COUNTS) {
    if (summaries[name] !== scorecards[name]) broken.push(`${name}: summaries and scorecards differ`);
  }
  if (summaries.lost > 0 || summaries.duplicates > 0) broken.push("samples lost or given out twice");
  if (scorecards.reordered > 0) broken.push("samples out of order");
  if (delivered !== received) broken.push("the ledger and the summaries differ in what was received");
  const expected = LOSES_BROKER.includes(fault) ? times : 0;
  if (outcome.brokersLost.some((count) => count !== expected)) {
    broken.push(`a subscriber did not score ${expected} losses of its broker`);
  }
  // Each death, and at the end the last owner, whose input ends before that of the one that waits.
  const changes = times + 1;
  if (fault === "owner" && outcome.ownersChanged.some((count) => count !== changes)) {
    broken.push(`a subscriber did not score ${changes} changes of the owner`);
  }
  if (fault === "none" && alarms > 0) broken.push(`${alarms} false alarms`);
  return broken;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      fault: { type: "string", default: "kill" },
      times: { type: "string", default: "50" },
      rate: { type: "string", default: "1000" },
      goal: { type: "string" },
      burn: { type: "string", default: "0" },
      zookeeper: { type: "string", default: "apache" },
    },
  });
  const fault = (Object.keys(GOALS) as FaultName[]).find((name) => name === values.fault);
  if (!fault) throw new Error(`--fault is ${values.fault}, must be one of ${Object.keys(GOALS).join(", ")}`);
  const kept = await run({
    fault,
    times: Number(values.times),
    rate: Number(values.rate),
    goal: Number(values.goal ?? GOALS[fault]),
    burn: Number(values.burn),
    zookeeper: serversFor(values.zookeeper, 0),
  });
  Deno.exit(kept ? 0 : 1);
}
