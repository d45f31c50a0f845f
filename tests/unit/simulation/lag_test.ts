/** The simulation's judge of how late samples are sees one that is, and excuses what it has to. */
import assert from "node:assert/strict";
import { Lag } from "../../simulation/lag.ts";
import type { Party } from "../../simulation/party.ts";
import type { Role } from "../../simulation/plan.ts";
import { System } from "../../simulation/system.ts";

const client = { at: 0, topics: ["S"], shared: true };

/** What is said of a subscriber that has taken one sample of a publisher and no more, in ten seconds. */
function saidOf(
  change: (all: { system: System; from: Party; to: Party }) => void,
  publisher: Partial<Role> = {},
): string {
  const system = new System(1, { sampleMs: 10 });
  system.end();
  const from = system.add({ ...client, id: "p1", kind: "publisher", ...publisher });
  const to = system.add({ ...client, id: "s1", kind: "subscriber" });
  system.add({ id: "b1", kind: "broker", at: 0 });
  // Nobody really runs.
  for (const process of system.world.processes) system.world.kill(process);
  from.started = to.started = true;
  from.published.set("S", 2);
  const source = from.source("S");
  const [payload] = [system.ledger.give(source), system.ledger.give(source)];
  system.ledger.take(to.taker, { topic: "S", publisher: source, epoch: 0, historical: false, payload }, 0);
  const lag = new Lag(system);
  change({ system, from, to });
  for (let now = 0; now <= 10_000; now += 50) {
    system.world.now = now;
    lag.look();
  }
  return system.ledger.violations.map(({ what }) => what).join();
}

Deno.test("a sample that has not come for seconds is late, also of a publisher that ZooKeeper has lost", () => {
  const late = /^s1 has 1 samples of p1#1\/S, of which there were 2 3000 ms ago$/;
  assert.match(saidOf(() => {}), late);
  assert.match(saidOf(({ system }) => system.hinder("p1", 20_000, true)), late);
  assert.match(saidOf(({ to }) => to.gone.set("p1 S", 0)), late);
});

Deno.test("it is not while something is wrong on its way, or when nobody waits for it", () => {
  for (const place of ["p1", "s1", "b1", "zookeeper"]) {
    assert.equal(saidOf(({ system }) => system.hinder(place, 5000, false)), "", place);
  }
  // Who was forgotten is not found again while ZooKeeper does not know it.
  assert.equal(
    saidOf(({ system, to }) => {
      system.hinder("p1", 0, false);
      to.gone.set("p1 S", 4000);
    }),
    "",
  );
  // Nor is all repaired in the moment in which it is found.
  assert.equal(saidOf(({ to }) => to.back.set("p1 S", 8000)), "");
  assert.match(saidOf(({ to }) => to.back.set("p1 S", 2000)), /^s1 has 1/);
  // It learns of other brokers by ZooKeeper only.
  assert.equal(saidOf(({ system }) => system.hinder("p1", 20_000, true), { centralized: true }), "");
  assert.match(saidOf(() => {}, { centralized: true }), /^s1 has 1/);
  assert.equal(saidOf(({ to }) => to.state = "leaving"), "");
  assert.equal(saidOf(({ from }) => from.published.set("S", 1)), "");
});
