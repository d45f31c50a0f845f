/** A world of its own time: what happens follows from the seed alone. */
import assert from "node:assert/strict";
import { wallClock } from "../../../lib/base/clock.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { inTask } from "../../simulation/machine.ts";
import { planOf } from "../../simulation/plan.ts";
import { runPlan } from "../../simulation/run_plan.ts";
import { World } from "../../simulation/world.ts";

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("time passes from event to event, for every clock that a program has", async () => {
  const said = await inTask(() => {
    const world = new World(1);
    const said: string[] = [];
    const say = () => said.push(`${Math.round(performance.now())} ${new Date().toISOString().slice(11, 23)}`);
    world.spawn("a", async () => {
      say();
      await pause(1500);
      say();
      const ticking = setInterval(say, 100);
      await pause(250);
      clearInterval(ticking);
      clearTimeout(setTimeout(() => said.push("never"), 1));
      await pause(1000);
      setImmediate(say);
    });
    world.runUntil(60_000);
    return said;
  });
  assert.deepEqual(said, [
    "0 00:00:00.000",
    "1500 00:00:01.500",
    "1600 00:00:01.600",
    "1700 00:00:01.700",
    "2750 00:00:02.750",
  ]);
});

Deno.test("afterwards the runtime has its own clocks again", async () => {
  const before = [setTimeout, Date, performance.now, Math.random, crypto.getRandomValues];
  await inTask(() => {
    const world = new World(1);
    world.spawn("a", () => assert.notEqual(setTimeout, before[0]));
    world.runUntil(10);
    assert.deepEqual(world.crashes, []);
  });
  assert.deepEqual([setTimeout, Date, performance.now, Math.random, crypto.getRandomValues], before);
  assert.ok(Math.abs(Date.now() - new Date().getTime()) < 1000 && Date.now() > Date.UTC(2026, 1));
});

Deno.test("each process has a wall clock and chance of its own", async () => {
  const clocks = await inTask(() => {
    const world = new World(1);
    const clocks: number[] = [];
    const draws: number[] = [];
    for (const offset of [0, -3_600_000, 5000]) {
      const process = world.spawn(`${offset}`, async () => {
        await pause(1000);
        clocks.push(Math.round(wallClock() - Date.UTC(2026, 0)));
        draws.push(Math.random());
      });
      process.clockOffset = offset;
    }
    world.runUntil(5000);
    assert.equal(new Set(draws).size, 3);
    return clocks;
  });
  assert.deepEqual(clocks, [1000, -3_599_000, 6000]);
});

Deno.test("a stopped process hears everything when it goes on, a killed one nothing", async () => {
  const said = await inTask(() => {
    const world = new World(1);
    const said: string[] = [];
    const count = (name: string) => async () => {
      for (let index = 1; index <= 3; index++) {
        await pause(100);
        said.push(`${name}${index} ${Math.round(performance.now())}`);
      }
    };
    const [stopped, killed] = [world.spawn("s", count("s")), world.spawn("k", count("k"))];
    world.after(150, undefined, () => world.stop(stopped));
    world.after(250, undefined, () => world.kill(killed));
    world.after(1000, undefined, () => world.resume(stopped));
    world.runUntil(5000);
    return said;
  });
  assert.deepEqual(said, ["s1 100", "k1 100", "k2 200", "s2 1000", "s3 1100"]);
});

Deno.test("who goes round in circles without time passing is told of, and what is thrown is kept", async () => {
  await inTask(() => {
    const world = new World(1);
    world.spawn("round", () => {
      const again = () => void setImmediate(again);
      again();
    });
    assert.throws(() => world.runUntil(1000), /events, and no time passes: the last one is round's/);
    const other = new World(1);
    other.spawn("a", () => {
      throw new Error("oh");
    });
    other.runUntil(10);
    assert.match(other.crashes[0]!.what, /oh/);
    assert.equal(other.crashes[0]!.who, "a");
  });
});

Deno.test({
  name: title("the same seed gives the same history, another one another"),
  ignore: !unrestricted,
  // What the runtime's own sockets would need is loaded when the first world begins.
  async fn() {
    const run = (seed: number) => runPlan(planOf(seed, "mixed"));
    const [one, same, other] = [await run(3), await run(3), await run(4)];
    assert.equal(one.hash, same.hash);
    assert.equal(one.events, same.events);
    assert.notEqual(one.hash, other.hash);
    assert.deepEqual([...one.broken, ...other.broken], []);
    assert.ok(one.delivered > 1000, `only ${one.delivered} samples were handed out`);
  },
});
