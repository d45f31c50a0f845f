/**
 * Publishers and subscribers, as they are, where windows, rooms and what may be in flight are small: every sample once, in
 * order, or told. What is judged in all runs is in `judge.ts` and `loss_book.ts`; here are some runs, and that
 * they meet with what they are there for.
 */
import assert from "node:assert/strict";
import { title, unrestricted } from "../../harness/permissions.ts";
import { type Fault, type Plan, planOf, type Role } from "../../simulation/plan.ts";
import { runPlan } from "../../simulation/run_plan.ts";
import { sumOf, type Tally } from "../../simulation/tally.ts";

/** How thoroughly: more seeds with DELIVERY_RUNS set. */
const RUNS = Number((unrestricted && Deno.env.get("DELIVERY_RUNS")) || 3);
/** Seeds that together meet with everything but changes of owner. */
const RICH = [10, 28];

const quietAt = 20_000;
const broker: Role = { id: "b1", kind: "broker", at: 0, zone: 1 };
const client = { at: 200, topics: ["S"], shared: true, history: 5 };
const publisher: Role = { ...client, id: "p1", kind: "publisher" };
const subscriber: Role = { ...client, id: "s1", kind: "subscriber" };

/** What such a run has met with; all promises are kept in it. */
async function tallyOf(roles: readonly Role[], faults: readonly Fault[], until = quietAt): Promise<Tally> {
  const plan: Plan = { seed: 1, scenario: "windows", roles: [broker, ...roles], faults, quietAt: until };
  const { broken, tally } = await runPlan(plan);
  assert.deepEqual(broken, []);
  return tally;
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

/** Its connections to the publisher break again and again, so that messages get lost. */
const wear: Fault = { at: 3000, what: "wear", who: "s1", other: "p1", ms: 10_000 };
const isolate: Fault = { at: 5000, what: "isolate", who: "s1", ms: 8000 };

test("every sample once, in order, or accounted for, whatever the network does", async () => {
  let all: Tally | undefined;
  for (const seed of [...RICH, ...Array.from({ length: RUNS - RICH.length }, (_, index) => 101 + index)]) {
    const { broken, tally } = await runPlan(planOf(seed, "windows"));
    assert.deepEqual(broken, [], `seed ${seed}`);
    all = all === undefined ? tally : sumOf(all, tally);
  }
  const { fenced: _, ...met } = all!;
  for (const [name, count] of Object.entries(met)) assert.ok(count > 0, `nothing is ${name}`);
});

test("when nothing goes wrong each joins once, and nothing is asked for again, or lost", async () => {
  const late = { ...subscriber, id: "s2", at: 8000 };
  const { historical, recovered, repeated, ...rest } = await tallyOf([publisher, subscriber, late], []);
  assert.equal(historical, 5);
  // What is published at the moment of a join comes with its answer, live, or both.
  assert.ok(recovered + repeated <= 4, `${recovered} recovered, ${repeated} repeated`);
  assert.deepEqual(rest, { refused: 0, lost: 0, lostAtOnce: 0, fenced: 0, slow: 0 });
});

test("who is waited for loses nothing of what gets lost on the way, however little may be in flight", async () => {
  for (const maxInFlight of [1, 10]) {
    const { recovered, lost, slow } = await tallyOf([{ ...publisher, maxInFlight }, subscriber], [wear]);
    assert.ok(recovered > 0);
    assert.equal(lost + slow, 0);
  }
});

test("best effort: holes are lost at once, counted and told, and nobody waits", async () => {
  const { recovered, lostAtOnce, slow } = await tallyOf(
    [{ ...publisher, maxInFlight: 10 }, { ...subscriber, bestEffort: true }],
    [wear, { at: 14_000, what: "stop", who: "s1", ms: 6000 }],
  );
  assert.ok(lostAtOnce > 0);
  // One that makes itself known again is answered with a sample.
  assert.ok(lostAtOnce > 2 * recovered, `${lostAtOnce} lost, ${recovered} recovered`);
  assert.equal(slow, 0);
});

test("who is away for longer than a publisher keeps anything is told of what is lost", async () => {
  const role: Role = { ...publisher, flow: "drop", bytes: 60_000 };
  const { lost, recovered } = await tallyOf([role, subscriber], [isolate]);
  assert.ok(lost > 100 && recovered > 100, `${lost} lost, ${recovered} recovered`);
});

test("with a window that holds it who was away gets everything, also of a publisher that waits for nobody", async () => {
  const { lost, recovered } = await tallyOf([{ ...publisher, flow: "drop" }, subscriber], [isolate]);
  assert.equal(lost, 0);
  assert.ok(recovered > 400, `${recovered} recovered`);
});

test("what finds no room is asked for later, and lost only if its publisher keeps it no more", async () => {
  const role: Role = { ...publisher, flow: "drop", bytes: 60_000 };
  const { refused, recovered } = await tallyOf([role, subscriber], [
    { at: 5000, what: "slow", who: "s1", ms: 300 },
  ]);
  assert.ok(refused > 0 && recovered > 0, `${refused} refused, ${recovered} recovered`);
});

test("another subscriber under the id of one that died is let in as itself, and gets its own history", async () => {
  const { historical, lost } = await tallyOf([{ ...publisher, maxInFlight: 10 }, subscriber], [
    { at: 5000, what: "restart", who: "s1", ms: 300 },
  ]);
  assert.ok(historical >= 5, `${historical}`);
  assert.equal(lost, 0);
});

test("what a former owner had under way is fenced when the next one was heard, or had again of it", async () => {
  const [first, second] = ["p1", "p2"].map((id): Role => ({ ...publisher, id, shared: false }));
  const reader = { ...subscriber, shared: false };
  const away: Fault = { at: 5000, what: "isolate", who: "p1", ms: 9000 };
  const lastOwner = { ...second!, at: 3000 };
  const { fenced } = await tallyOf([first!, lastOwner, reader], [away, {
    ...{ at: 18_000, what: "kill", who: "p1", ms: 1000 },
  }]);
  assert.ok(fenced > 0);
  // The strongest gets its topic back.
  const again = await tallyOf([{ ...first!, strength: 1 }, lastOwner, reader], [away]);
  assert.equal(again.fenced, 0);
  assert.ok(again.recovered > 0);
});
