/** Zones follow the load and come to rest. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Scaling, type ScalingFacts, type ScalingSettings, zonesFor } from "../../../lib/pool/scaling.ts";
import {
  parsePoolMember,
  parseScalingPlan,
  type PoolMember,
  type PoolZone,
  type ScalingPlan,
  stepText,
  withStep,
} from "../../../lib/pool/scaling_plan.ts";
import { FormatError } from "../../../lib/base/errors.ts";

const settings: ScalingSettings = { threshold: 5, low: 2.5, minZones: 0, cooldownMs: 5000 };
const START_MS = 300;
const DRAIN_MS = 400;

/** Pools that do what the plan says, some time later; a zone of an operator; clients as many as one likes. */
class World {
  now = 1_000_000;
  clients = 0;
  plan: ScalingPlan | undefined;
  /** Zones that an operator's brokers serve. */
  readonly operators = new Set<number>([1]);
  readonly pools = new Map<string, { most: number; zones: Map<number, PoolZone>; works: boolean }>();
  scaling: Scaling;
  decisions = 0;
  readonly #due: { at: number; act: () => void }[] = [];

  constructor(readonly settings: ScalingSettings, pools: Record<string, number>) {
    for (const [id, most] of Object.entries(pools)) this.addPool(id, most);
    this.scaling = new Scaling(Object.keys(pools)[0]!, settings, this.now);
  }

  addPool(id: string, most: number): void {
    this.pools.set(id, { most, zones: new Map(), works: true });
  }

  primaries(): Set<number> {
    const zones = new Set(this.operators);
    for (const pool of this.pools.values()) {
      for (const { zone, state } of pool.zones.values()) if (state !== "starting") zones.add(zone);
    }
    return zones;
  }

  facts(): ScalingFacts {
    const pools = new Map<string, PoolMember>();
    for (const [pool, { most, zones }] of this.pools) {
      pools.set(pool, { pool, host: "h", most, warm: 0, zones: [...zones.values()] });
    }
    return { clients: this.clients, primaries: this.primaries(), occupied: this.primaries(), pools };
  }

  /** Decide once. */
  decide(): number | undefined {
    const { plan, againMs } = this.scaling.decide(this.plan, this.facts(), this.now);
    if (plan) {
      this.decisions++;
      this.plan = parseScalingPlan(new TextEncoder().encode(JSON.stringify(plan)));
      const numbers = plan.zones.map(({ zone }) => zone);
      assert.equal(new Set(numbers).size, numbers.length, "no number twice");
      for (const zone of this.operators) {
        assert.ok(!numbers.includes(zone), "no number of somebody else's zone");
      }
    }
    this.#carryOut();
    return againMs;
  }

  #carryOut(): void {
    for (const [id, pool] of this.pools) {
      const orders = this.plan?.zones.filter((order) => order.pool === id) ?? [];
      assert.ok(orders.length <= pool.most, "no pool has more than it may");
      for (const { zone, state } of orders) this.#follow(pool, zone, state);
      for (const zone of pool.zones.keys()) {
        if (!orders.some((order) => order.zone === zone)) pool.zones.delete(zone);
      }
    }
  }

  #follow(
    pool: { zones: Map<number, PoolZone>; works: boolean },
    zone: number,
    state: "wanted" | "ending",
  ): void {
    const run = pool.zones.get(zone);
    if (state === "wanted" && run === undefined) {
      pool.zones.set(zone, { zone, state: "starting", pinned: 0, restarts: 0 });
      if (pool.works) this.#later(START_MS, () => this.#become(pool, zone, "starting", "serving"));
    } else if (state === "wanted" && run!.state === "draining") {
      run!.state = "serving";
    } else if (state === "ending" && run?.state === "serving") {
      run.state = "draining";
      this.#later(DRAIN_MS, () => {
        if (pool.zones.get(zone)?.state === "draining") pool.zones.delete(zone);
      });
    }
  }

  #become(
    pool: { zones: Map<number, PoolZone> },
    zone: number,
    from: PoolZone["state"],
    to: PoolZone["state"],
  ): void {
    const run = pool.zones.get(zone);
    if (run?.state === from) run.state = to;
  }

  #later(ms: number, act: () => void): void {
    this.#due.push({ at: this.now + ms, act });
  }

  /** Let time pass, deciding as often as the scaler would. */
  pass(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.now += 100;
      for (const event of this.#due.filter(({ at }) => at <= this.now)) {
        this.#due.splice(this.#due.indexOf(event), 1);
        event.act();
      }
      this.decide();
    }
  }

  load(): number {
    return this.clients / this.primaries().size;
  }

  get steps(): string[] {
    return this.plan?.steps.map(stepText) ?? [];
  }
}

Deno.test("4 to 40 to 4 clients with threshold 5: eight zones, then one, each within ten seconds", () => {
  const world = new World(settings, { a: 10 });
  world.clients = 4;
  world.pass(3000);
  assert.deepEqual([...world.primaries()], [1]);
  world.clients = 40;
  world.pass(2000);
  assert.equal(world.primaries().size, 8);
  assert.equal(world.load(), 5);
  world.clients = 4;
  world.pass(10_000);
  assert.deepEqual([...world.primaries()], [1]);
  assert.match(world.steps.at(-1)!, /has ended/);
});

Deno.test("every step tells its zone, its pool and why", () => {
  const world = new World(settings, { a: 10 });
  world.clients = 6;
  world.pass(2000);
  assert.deepEqual(world.steps, ["zone 2 started on a: load 6 is above 5: 6 clients in 1 zone"]);
  world.clients = 2;
  world.pass(10_000);
  assert.deepEqual(world.steps.slice(1), [
    "zone 2 of a drains: load 1 is below 2.5: 2 clients in 2 zones",
    "zone 2 of a has ended: its clients are in other zones",
  ]);
});

Deno.test("nothing is ended before the load was low, and nothing changed, for the cool-down", () => {
  const world = new World(settings, { a: 10 });
  world.clients = 20;
  world.pass(2000);
  assert.equal(world.primaries().size, 4);
  for (let i = 0; i < 10; i++) {
    world.clients = 1;
    world.pass(4000);
    assert.equal(world.primaries().size, 4, "low for too short a time");
    world.clients = 20;
    world.pass(1000);
  }
  world.clients = 1;
  world.pass(4800);
  assert.equal(world.primaries().size, 4);
  world.pass(1500);
  assert.equal(world.primaries().size, 1);
});

Deno.test("the least number of zones is kept, and the last zone of all is never ended", () => {
  const world = new World({ ...settings, minZones: 3 }, { a: 10 });
  world.pass(3000);
  assert.equal(world.primaries().size, 3);
  assert.match(world.steps[0]!, /there are to be 3 zones at least/);
  world.operators.clear();
  world.pass(3000);
  assert.equal(world.primaries().size, 3);
  const alone = new World(settings, { a: 10 });
  alone.operators.clear();
  alone.pass(5000);
  assert.equal(alone.primaries().size, 0, "nobody waits for a zone");
  alone.clients = 1;
  alone.pass(2000);
  assert.deepEqual(alone.steps, ["zone 1 started on a: 1 client in 0 zones"]);
  alone.clients = 0;
  alone.pass(60_000);
  assert.equal(alone.primaries().size, 1);
});

Deno.test("the pool with most room is asked, no pool runs more than it may, and what is missing is told", () => {
  const world = new World(settings, { a: 2, b: 4 });
  world.clients = 25;
  world.pass(3000);
  const shares = () => [...world.pools.values()].map(({ zones }) => zones.size);
  assert.deepEqual(shares(), [1, 3]);
  world.clients = 100;
  world.pass(3000);
  assert.deepEqual(shares(), [2, 4]);
  assert.match(world.plan!.waiting!, /load is above 5, and no backup pool may run another zone/);
  world.clients = 10;
  world.pass(20_000);
  assert.equal(world.plan!.waiting, undefined);
});

Deno.test("a zone with clients that stay is kept, with the reason, and another one ends", () => {
  const world = new World(settings, { a: 10 });
  world.clients = 15;
  world.pass(2000);
  assert.equal(world.primaries().size, 3);
  world.clients = 6;
  world.pass(5300);
  const newest = world.plan!.zones.find(({ state }) => state === "ending")!;
  world.pools.get("a")!.zones.set(newest.zone, {
    zone: newest.zone,
    state: "drained",
    pinned: 2,
    restarts: 0,
  });
  world.pass(200);
  assert.ok(
    world.steps.some((text) => text.includes(`zone ${newest.zone} of a is kept: 2 of its clients stay`)),
  );
  world.pools.get("a")!.zones.get(newest.zone)!.state = "serving";
  world.pass(10_000);
  assert.deepEqual([...world.primaries()].toSorted(), [1, newest.zone]);
});

Deno.test("load that comes back while a zone drains keeps that zone instead of starting another", () => {
  const world = new World(settings, { a: 10 });
  world.clients = 10;
  world.pass(2000);
  world.clients = 2;
  world.pass(5100);
  assert.equal(world.plan!.zones[0]!.state, "ending");
  world.clients = 10;
  world.pass(1000);
  assert.deepEqual(world.plan!.zones.map(({ zone, state }) => [zone, state]), [[2, "wanted"]]);
  assert.match(world.steps.at(-1)!, /zone 2 of a is kept: load 10 is above 5/);
});

Deno.test("a pool that is gone: its zones are forgotten when they have no primary, and started elsewhere once", () => {
  const world = new World(settings, { a: 10, b: 10 });
  world.clients = 6;
  world.pass(1200);
  assert.deepEqual(world.plan!.zones.map(({ zone, pool }) => [zone, pool]), [[2, "a"]]);
  // It dies while the zone starts; the next one acts.
  world.pools.delete("a");
  world.scaling = new Scaling("b", settings, world.now);
  world.pass(10_000);
  assert.deepEqual(world.plan!.zones.map(({ zone, pool, state }) => [zone, pool, state]), [[
    2,
    "b",
    "wanted",
  ]]);
  assert.deepEqual(world.plan!.steps.map(({ action, zone, pool }) => `${action} ${zone} ${pool}`), [
    "start 2 a",
    "gone 2 a",
    "start 2 b",
  ]);
});

Deno.test("a pool that is away and whose zone has a primary is waited for", () => {
  const world = new World(settings, { a: 10, b: 10 });
  world.clients = 6;
  world.pass(2000);
  const away = world.pools.get("a")!;
  world.pools.delete("a");
  world.operators.add(2);
  // Its brokers serve on: neither forgotten nor doubled.
  const { plan, againMs } = world.scaling.decide(world.plan, world.facts(), world.now + 60_000);
  assert.equal(plan, undefined);
  assert.ok(againMs === undefined || againMs > 0);
  world.operators.delete(2);
  world.pools.set("a", away);
  world.pass(1000);
  assert.equal(world.plan!.zones.length, 1);
});

Deno.test("a zone that does not come up is given to another pool", () => {
  const world = new World(settings, { a: 10, b: 9 });
  world.pools.get("a")!.works = false;
  world.clients = 6;
  world.pass(14_000);
  assert.deepEqual([...world.primaries()], [1]);
  world.pass(5000);
  assert.deepEqual([...world.primaries()], [1, 2]);
  assert.match(world.steps.at(-1)!, /zone 2 given to b: it has no primary after 15 s on a/);
});

Deno.test("the fewest zones in which clients are not too many, also where fractions round", () => {
  assert.deepEqual([0, 1, 5, 6, 40, 41].map((clients) => zonesFor(clients, 5)), [0, 1, 1, 2, 8, 9]);
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 10_000 }),
    fc.double({ min: 0.01, max: 1000, noNaN: true }),
    (clients, threshold) => {
      const zones = zonesFor(clients, threshold);
      assert.ok(clients / zones <= threshold);
      assert.ok(zones === 1 || clients / (zones - 1) > threshold);
    },
  ));
});

const anySettings = fc.record({
  threshold: fc.double({ min: 0.5, max: 50, noNaN: true }),
  part: fc.double({ min: 0, max: 0.99, noNaN: true }),
  minZones: fc.nat(3),
  cooldownMs: fc.constantFrom(0, 1000, 5000),
}).map(({ threshold, part, ...rest }) => ({ threshold, low: threshold * part, ...rest }));

Deno.test("with any settings and a constant number of clients it comes to rest, at a load that is not too much", () => {
  fc.assert(
    fc.property(anySettings, fc.array(fc.nat(100), { minLength: 1, maxLength: 4 }), (given, counts) => {
      const world = new World(given, { a: 300, b: 100 });
      for (const count of counts) {
        world.clients = count;
        world.pass(2000);
      }
      world.pass(60_000);
      assert.ok(world.load() <= given.threshold, `load ${world.load()}`);
      assert.ok(world.primaries().size >= given.minZones);
      const { size } = world.primaries();
      if (size > Math.max(1, given.minZones) && world.plan!.zones.length > 0) {
        const fewer = world.clients / (size - 1) > given.threshold;
        assert.ok(world.load() >= given.low || fewer, "no zone too many");
      }
      const { decisions } = world;
      world.pass(30_000);
      assert.equal(world.decisions, decisions, "and stays so");
    }),
    { numRuns: 40 },
  );
});

Deno.test("whatever happens to clients and pools, no number is given twice, and in the end the load is right", () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant("clients" as const), count: fc.nat(60) }),
    fc.record({ kind: fc.constant("kill" as const), pool: fc.constantFrom("a", "b", "c") }),
    fc.record({ kind: fc.constant("join" as const), pool: fc.constantFrom("a", "b", "c") }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 100, max: 4000 }) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 25 }), (events) => {
      const world = new World(settings, { a: 20, b: 20, c: 20 });
      for (const happened of events) {
        if (happened.kind === "clients") world.clients = happened.count;
        else if (happened.kind === "pass") world.pass(happened.ms);
        else if (happened.kind === "join" && !world.pools.has(happened.pool)) {
          world.addPool(happened.pool, 20);
        } else if (happened.kind === "kill") {
          world.pools.delete(happened.pool);
          const acting = [...world.pools.keys()][0] ?? "a";
          world.scaling = new Scaling(acting, settings, world.now);
        }
      }
      if (world.pools.size === 0) world.addPool("a", 20);
      world.pass(40_000);
      assert.ok(world.load() <= 5, `load ${world.load()}`);
      assert.ok(
        world.load() >= 2.5 || world.primaries().size === 1 ||
          world.clients / (world.primaries().size - 1) > 5,
      );
    }),
    { numRuns: 60 },
  );
});

Deno.test("the last twenty steps are kept, and what is not a plan or record is refused", () => {
  let steps: ScalingPlan["steps"] = [];
  for (let zone = 1; zone <= 30; zone++) {
    steps = withStep(steps, { time: 1, action: "start", zone, pool: "a", reason: "r".repeat(999) });
  }
  assert.deepEqual(steps.map(({ zone }) => zone), Array.from({ length: 20 }, (_, i) => i + 11));
  const plan = { acting: "a", threshold: 5, low: 2, orders: 30, zones: [], steps };
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  assert.deepEqual(parseScalingPlan(encode(plan)), plan);
  for (const bad of ["", "{", "[]", '{"acting":"../x"}']) {
    assert.throws(() => parseScalingPlan(new TextEncoder().encode(bad)), FormatError);
    assert.throws(() => parsePoolMember(new TextEncoder().encode(bad), "p"), FormatError);
  }
});
