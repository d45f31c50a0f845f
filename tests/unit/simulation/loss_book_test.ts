/** The simulation's judge of what is lost finds each way in which it may be wrong. */
import assert from "node:assert/strict";
import { Subscriber } from "../../../lib/client/subscriber.ts";
import type { LossBook, Told } from "../../simulation/loss_book.ts";
import type { Party } from "../../simulation/party.ts";
import type { Role } from "../../simulation/plan.ts";
import { inTask } from "../../simulation/machine.ts";
import { System } from "../../simulation/system.ts";

const client = { at: 0, topics: ["S"], shared: true };

/** A publisher that has published 1000 samples, of which a subscriber has taken these. */
function books(
  taken: readonly number[],
  { publisher = {}, subscriber = {} }: { publisher?: Partial<Role>; subscriber?: Partial<Role> } = {},
): { system: System; losses: LossBook; from: Party; to: Party; broken: () => string[] } {
  const system = new System(1, { sampleMs: 10 });
  system.end();
  const from = system.add({ ...client, id: "p1", kind: "publisher", ...publisher });
  const to = system.add({ ...client, id: "s1", kind: "subscriber", ...subscriber });
  // Nobody really runs.
  for (const process of system.world.processes) system.world.kill(process);
  from.knownFirst.set("S s1", 0);
  const { ledger, losses } = system;
  const source = from.source("S");
  const texts = Array.from({ length: 1000 }, () => ledger.give(source));
  for (const number of taken) {
    const sample = {
      topic: "S",
      publisher: source,
      epoch: 0,
      historical: false,
      payload: texts[number - 1]!,
    };
    ledger.take(to.taker, sample, 0);
  }
  const broken = () => ledger.close((missing) => losses.excuses(missing)).map(({ what }) => what);
  return { system, losses, from, to, broken };
}

const lost = (from: number, to: number, count = to + 1 - from): Told => ({
  ...{ type: "lost", topic: "S", publisher: "p1" },
  ...{ from, to, count },
});

Deno.test("a hole that nobody tells of is a broken promise, best effort or not", () => {
  for (const bestEffort of [false, true]) {
    const { broken } = books([1, 4], { subscriber: { bestEffort } });
    assert.match(broken().join(), /2 to 3 never came/);
  }
});

Deno.test("a best-effort subscriber may lose what it tells of, and no less", () => {
  const whole = books([1, 4], { subscriber: { bestEffort: true } });
  whole.losses.told(whole.to, lost(2, 3));
  assert.deepEqual(whole.broken(), []);
  const part = books([1, 4], { subscriber: { bestEffort: true } });
  part.losses.told(part.to, lost(2, 3, 1));
  assert.match(part.broken().join(), /2 to 3 never came/);
});

Deno.test("a reliable one may lose only what is kept no more, of one that waits only if it was said to be slow", () => {
  const bytes = 60_000;
  const kept = books([1, 990], { publisher: { bytes, flow: "drop" } });
  kept.losses.told(kept.to, lost(2, 989));
  assert.match(kept.broken().join(), /it is still there/);
  const dropped = books([1, 600], { publisher: { bytes, flow: "drop" } });
  dropped.losses.told(dropped.to, lost(2, 599));
  assert.deepEqual(dropped.broken(), []);
  const awaited = books([1, 600], { publisher: { bytes } });
  awaited.losses.told(awaited.to, lost(2, 599));
  assert.match(awaited.broken().join(), /it is waited for/);
  const slow = books([1, 600], { publisher: { bytes } });
  slow.from.slow.add("S s1");
  slow.losses.told(slow.to, lost(2, 599));
  assert.deepEqual(slow.broken(), []);
  // One that has caught up since is waited for.
  for (const [upTo, expected] of [[599, /^$/], [598, /it is waited for/]] as const) {
    const back = books([1, 600], { publisher: { bytes } });
    back.from.notAwaited.set("S s1", upTo);
    back.losses.told(back.to, lost(2, 599));
    assert.match(back.broken().join(), expected);
  }
});

Deno.test("what was published before its publisher knew of it may be lost; a record that is gone excuses nothing", () => {
  const bytes = 60_000;
  const early = books([1, 600], { publisher: { bytes } });
  early.from.knownFirst.set("S s1", 599);
  early.losses.told(early.to, lost(2, 599));
  assert.deepEqual(early.broken(), []);
  const never = books([1, 990], { publisher: { bytes } });
  never.from.knownFirst.clear();
  never.losses.told(never.to, lost(2, 989));
  assert.deepEqual(never.broken(), []);
  const gone = books([1, 600], { publisher: { bytes } });
  gone.from.gone.set("s1 S", 0);
  gone.losses.told(gone.to, lost(2, 599));
  assert.match(gone.broken().join(), /it is waited for/);
});

Deno.test("of one that was killed while it was stopped only what it missed right before it was stopped is excused", () => {
  for (const [stoppedAt, isExcused] of [[0, true], [5000, false]] as const) {
    const { system, to, broken } = books([1, 4], { subscriber: { bestEffort: true } });
    to.process.stoppedAt = stoppedAt;
    to.process.resumedAt = Infinity;
    system.world.now = 10_000;
    system.kill(to);
    const holes = broken();
    assert.equal(holes.length, isExcused ? 0 : 1, holes.join());
  }
});

Deno.test("a loss of an id that had several lives is counted, whichever it was", () => {
  const { system, losses, to, broken } = books([1, 4], { subscriber: { bestEffort: true } });
  system.add({ ...client, id: "p1", kind: "publisher" });
  losses.told(to, lost(2, 3));
  const stats = { received: 2, historical: 0, duplicates: 0, reordered: 0, lost: 2 };
  for (const [said, expected] of [[2, /^$/], [3, /counts 3 samples as lost: it should be 2/]] as const) {
    to.program = Object.create(Subscriber.prototype, { stats: { value: () => ({ ...stats, lost: said }) } });
    losses.judge(to);
    assert.match(system.ledger.violations.map(({ what }) => what).join(), expected);
  }
  assert.match(broken().join(), /^s1 counts 3 samples as lost: it should be 2$/, "the first one is meant");
  // Of the second one no more was published, or those numbers were given out.
  const { ledger } = system;
  losses.told(to, lost(1, 1));
  assert.match(broken().join(), /s1 says it lost 1 samples, 1 to 1, of p1$/);
  assert.equal(ledger.given(system.parties.at(-1)!.source("S")), 0);
});

Deno.test("more than there are, or than was published, cannot be lost", () => {
  for (const told of [lost(2, 3, 3), lost(2, 3, 0), lost(999, 1001)]) {
    const { losses, to, broken } = books([1, 4], { subscriber: { bestEffort: true } });
    losses.told(to, told);
    assert.match(broken().join(), /says it lost/);
  }
});

Deno.test("no more may be in flight than the publisher may have, to whoever has joined and is not slow", async () => {
  for (
    const [taken, inFlight, isSlow, isBroken] of [[990, 10, false, false], [989, 10, false, true], [
      1,
      10,
      true,
      false,
    ]] as const
  ) {
    const { system, losses, from, broken } = books([taken], { publisher: { maxInFlight: inFlight } });
    from.published.set("S", 1000);
    if (isSlow) from.slow.add("S s1");
    losses.published(from, "S");
    await inTask(() => system.world.act(() => {}));
    assert.equal(broken().length, isBroken ? 1 : 0, `${taken}`);
  }
});
