/**
 * A round: processes as planned, faults as planned, then everybody is let go on, given time to settle, and judged.
 * Every wait has a limit; whoever has not ended by then is a violation of its own.
 */
import { until } from "../../harness/condition.ts";
import { type Backend, type CoordinatorServer, startCoordinator } from "../../harness/zookeeper.ts";
import { judge, type Verdict } from "./account.ts";
import { concernsServer, FAULTS } from "./faults.ts";
import { Party, sleep } from "./party.ts";
import type { FaultPlan, Plan } from "./plan.ts";

const BEGIN_MS = 30_000;
/** From the first lines on they are given at most so long. */
const FEED_AT_MOST_MS = 12_000;
/** From when everybody was let go on, publishers end within so long. */
const END_MS = 40_000;
/** Who misses something and was not told of by an exit code has so long to find it out. */
const SETTLE_MS = 10_000;
const QUIET_MS = 500;

/** What came of a round. */
export interface Outcome {
  readonly verdict: Verdict;
  /** Faults as they happened, and how everybody ended. */
  readonly faults: readonly string[];
  readonly ends: string;
  /** Where the logs are. */
  readonly directory: string;
}

/** What is done in the middle of a round; what it returns are faults as they happened. */
export type Course = (party: Party, plan: Plan) => Promise<string[]>;

/** Play a round on a coordination server of its own. */
export async function play(
  plan: Plan,
  backend: Backend,
  course: Course = byPlan,
  feedMs = FEED_AT_MOST_MS,
): Promise<Outcome> {
  const directory = Deno.makeTempDirSync({ prefix: "pubsub-judge-" });
  const coordinator = await startCoordinator({ backend });
  try {
    return await playOn(coordinator, plan, directory, course, feedMs);
  } finally {
    await coordinator.stop();
  }
}

async function playOn(
  coordinator: CoordinatorServer,
  plan: Plan,
  directory: string,
  course: Course,
  feedMs: number,
): Promise<Outcome> {
  await using party = new Party(coordinator, directory, plan.readers, plan.ownership);
  const faults: string[] = [];
  try {
    await begin(party, plan);
    const late = setTimeout(() => party.endOfInput(), feedMs);
    try {
      faults.push(...await course(party, plan));
      heal(party);
      await Promise.all(party.sources.map(({ fed }) => fed));
    } finally {
      clearTimeout(late);
      heal(party);
    }
    await end(party);
  } catch (error) {
    party.wrong.push(error instanceof Error ? error.message : String(error));
  }
  party.note("Ctrl-C to the readers");
  await party.leave();
  const verdict = verdictOf(party);
  verdict.violations.push(...party.wrong);
  for (const line of [...verdict.missing, ...verdict.violations, ...verdict.doubts]) party.note(line);
  return { verdict, faults, ends: endsOf(party), directory };
}

async function begin(party: Party, plan: Plan): Promise<void> {
  for (let i = 0; i < plan.brokers; i++) party.broker();
  for (const broker of party.brokers) await broker.becomesReady();
  for (const reader of plan.readers) party.reader(reader);
  for (const publisher of plan.publishers) if (publisher.comesAt === 0) party.publisher(publisher);
  await until(
    "every reader prints its first line",
    () => party.lives.every(({ account }) => [...account.sources.values()].some(({ count }) => count > 0)),
    BEGIN_MS,
  );
  party.note("every reader has its first line");
}

/** The faults of the plan, and the publishers that come later. */
export const byPlan: Course = async (party, plan) => {
  const happened: string[] = [];
  let server: Promise<unknown> = Promise.resolve();
  const happen = async ({ kind, whom, at, ms }: FaultPlan) => {
    await sleep(at);
    const begin = () => {
      party.note(`${kind} begins`);
      return FAULTS[kind]({ party, readers: plan.readers, whom, ms });
    };
    const fault = concernsServer(kind) ? server.then(begin) : begin();
    if (concernsServer(kind)) server = fault.catch(() => {});
    const name = await fault;
    party.note(`${kind} ${name} ends`);
    happened.push(`${kind}${name === "" ? "" : ` ${name}`} at ${at} for ${ms} ms`);
  };
  const come = plan.publishers.filter(({ comesAt }) => comesAt > 0).map(async (publisher) => {
    await sleep(publisher.comesAt);
    party.note(`${publisher.id} comes`);
    const { actor, account } = party.publisher(publisher);
    if (publisher.killedAfter === 0) return;
    await sleep(publisher.killedAfter);
    if (!actor.running) return;
    party.note(`${publisher.id} is killed`);
    account.killed = true;
    actor.signal("SIGKILL");
  });
  for (const outcome of await Promise.allSettled([...plan.faults.map(happen), ...come])) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
  return happened;
};

/** Undo whatever is not undone. */
function heal(party: Party): void {
  for (const actor of [...party.brokers, ...party.lives, ...party.sources].map(processOf)) {
    actor.signal("SIGCONT");
    actor.resumeReading();
    for (const proxy of [...actor.proxies, ...actor.zookeeper]) {
      proxy.admit();
      proxy.release();
    }
  }
}

function processOf<T extends object>(one: T | { actor: T }): T {
  return "actor" in one ? one.actor : one;
}

/** Publishers end; whoever misses something gets time to find out. */
async function end(party: Party): Promise<void> {
  party.note("everybody is let go on");
  // A reader that was killed for good may be what a later publisher waits for: it was never to begin.
  for (const { plan: { comesAt }, actor, account } of party.sources) {
    const gone = party.lives.some((life) => party.lifeOf(life.plan).account.killed);
    if (comesAt === 0 || !gone || !actor.running || party.reached(account.id) > 0) continue;
    await sleep(QUIET_MS);
    if (party.reached(account.id) > 0) continue;
    party.note(`${account.id} waits for a reader that is dead: it is ended`);
    account.killed = true;
    actor.signal("SIGKILL");
  }
  await Promise.allSettled(party.sources.map(async ({ actor, account }) => {
    const { code } = await actor.ended(END_MS);
    if (!account.killed) account.code = code;
    party.note(`${account.id} ended with ${code}`);
  }));
  const healed = Date.now();
  let printed = -1;
  for (;;) {
    const before = printed;
    printed = party.lives.reduce(
      (sum, { account }) => [...account.sources.values()].reduce((n, { count }) => n + count, sum),
      0,
    );
    if (printed === before && !verdictOf(party).hope) return;
    if (Date.now() - healed > SETTLE_MS) return;
    await sleep(QUIET_MS);
  }
}

function verdictOf(party: Party): Verdict {
  return judge(party.lives.map(({ account }) => account), party.sources.map(({ account }) => account));
}

function endsOf(party: Party): string {
  const publishers = party.sources.map(({ account: { id, given, code, killed } }) =>
    `${id} ${given} lines ${killed ? "killed" : `exit ${code}`}`
  );
  const readers = party.lives.map(({ account }) => {
    const printed = [...account.sources.values()].reduce((sum, { count }) => sum + count, 0);
    const told = account.killed
      ? "killed"
      : `lost=${account.counted("lost")} fenced=${account.counted("fenced")}`;
    return `${account.name} ${printed} ${told}`;
  });
  return [...publishers, ...readers].join(", ");
}
