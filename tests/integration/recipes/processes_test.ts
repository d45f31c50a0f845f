/** Real processes that are stopped, continued and killed: never two at once, and epochs only grow. */
import assert from "node:assert/strict";
import { seeded } from "../../../lib/base/random.ts";
import { delay, until } from "../../harness/condition.ts";
import { assertOneAtATime, ContenderProcess, heldBy } from "../../harness/contenders.ts";
import { type Place, SESSION_MS, suite } from "../../harness/coordination.ts";

const test = suite();
const START_MS = 60_000;

function start(place: Place, count = 1, sessionMs = SESSION_MS): ContenderProcess {
  const { coordinator, chroot } = place;
  return place.use(new ContenderProcess({ coordinator, chroot, sessionMs, count }));
}

const leads = (one: ContenderProcess) => one.lines.findLast(({ kind }) => kind === "lead");
const owns = (one: ContenderProcess) => one.lines.findLast(({ kind }) => kind === "own");

test("a leader and owner stopped past its session and continued never acts again as such, until it is elected anew", async (place) => {
  const a = start(place);
  await until("a leads and owns", () => leads(a) && owns(a), START_MS);
  const b = start(place);
  await until("b is in", () => b.count("ready") === 1, START_MS);
  const [firstTerm, firstOwn] = [leads(a)!.epoch!, owns(a)!.epoch!];
  a.signal("SIGSTOP");
  await until("b leads and owns", () => leads(b) && owns(b), 20_000);
  await delay(200);
  a.signal("SIGCONT");
  await until(
    "the loss is seen",
    () => a.lines.some(({ kind, epoch }) => kind === "term-over" && epoch === firstTerm),
  );
  await until(
    "a has another session",
    () => a.lines.findLast(({ kind }) => kind === "state")?.state === "connected",
  );
  await delay(300);
  // What it said after it was continued: nothing of its old term and ownership.
  const tookOver = b.lines.find(({ kind }) => kind === "lead")!.at;
  const after = a.lines.filter(({ at }) => at >= tookOver);
  assert.deepEqual(after.filter(({ kind }) => kind === "lead" || kind === "own"), []);
  await b.leave();
  await until(
    "a is elected anew",
    () => leads(a)!.epoch !== firstTerm && owns(a)!.epoch !== firstOwn,
    20_000,
  );
  assertOneAtATime(heldBy([a, b], "lead"), "leaders");
  assertOneAtATime(heldBy([a, b], "own"), "owners");
});

test("a leader stopped for less than its session leads on, with the same epoch", async (place) => {
  const a = start(place, 1, 8_000);
  await until("a leads and owns", () => leads(a) && owns(a), START_MS);
  const b = start(place, 1, 8_000);
  await until("b is in", () => b.count("ready") === 1, START_MS);
  a.signal("SIGSTOP");
  await delay(1_000);
  a.signal("SIGCONT");
  const continued = a.lines.length;
  await until("a goes on", () => a.lines.slice(continued).some(({ kind }) => kind === "lead"));
  await until("and owns", () => a.lines.slice(continued).some(({ kind }) => kind === "own"));
  assert.equal(heldBy([a, b], "lead").length, 1);
  assert.equal(heldBy([a, b], "own").length, 1);
});

test("a leader that is killed is followed after its session, with a higher epoch", async (place) => {
  const a = start(place);
  await until("a leads and owns", () => leads(a) && owns(a), START_MS);
  const b = start(place);
  await until("b is in", () => b.count("ready") === 1, START_MS);
  await a.kill();
  await until("b leads and owns", () => leads(b) && owns(b), 20_000);
  for (const kind of ["lead", "own"] as const) {
    const held = heldBy([a, b], kind);
    assert.equal(held.length, 2);
    assertOneAtATime(held, kind);
  }
});

test("fifty contenders, killed, stopped, continued and withdrawn at random: never two at once, epochs only grow", async (place) => {
  const seed = Number(Deno.env.get("PUBSUB_TEST_SEED") ?? Math.floor(Math.random() * 1e9));
  const random = seeded(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const everybody: ContenderProcess[] = [];
  const PROCESSES = 10;
  const EACH = 5;
  for (let i = 0; i < PROCESSES; i++) {
    everybody.push(start(place, EACH));
    if (i % 3 === 2) {
      await until("they are in", () => everybody.every((one) => one.count("ready") === EACH), START_MS);
    }
  }
  await until("all fifty are in", () => everybody.every((one) => one.count("ready") === EACH), START_MS);
  const living = () => everybody.filter((one) => !one.ended);
  /** The process of whoever leads or owns now: what hurts most. */
  const holder = () => {
    const pid = heldBy(everybody, random() < 0.5 ? "lead" : "own").at(-1)?.pid;
    return living().find((one) => one.pid === pid);
  };
  const done: string[] = [];
  while (done.length < 14 && living().length > 2) {
    const target = (random() < 0.7 ? holder() : undefined) ?? pick(living());
    const dice = random();
    if (dice < 0.35) {
      await target.kill();
      done.push("killed");
    } else if (dice < 0.65) {
      target.signal("SIGSTOP");
      await delay(SESSION_MS * (0.3 + random() * 1.4));
      target.signal("SIGCONT");
      done.push("stopped and continued");
    } else {
      const line = target.lines.findLast(({ kind }) => kind === "lead" || kind === "own");
      await target.close(line?.contender ?? Math.floor(random() * EACH));
      done.push("withdrawn");
    }
    await delay(random() * 300);
  }
  const quiet = performance.timeOrigin + performance.now();
  await until(
    "somebody leads and owns at the end",
    () => (["lead", "own"] as const).every((kind) => (heldBy(everybody, kind).at(-1)?.to ?? 0) > quiet),
    20_000,
  );
  for (const kind of ["lead", "own"] as const) {
    const held = heldBy(everybody, kind);
    assertOneAtATime(held, `${kind} (seed ${seed}: ${done.join(", ")})`);
    assert.ok(held.length >= 3, `${held.length} of ${kind}, seed ${seed}: ${done.join(", ")}`);
  }
});
