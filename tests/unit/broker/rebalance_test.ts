/** Only the excess moves, and never back. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Move, planMoves, Rebalancing, type ZoneState } from "../../../lib/broker/rebalance.ts";

const zone = (zone: number, clients: number, more: Partial<ZoneState> = {}): ZoneState => ({
  zone,
  clients,
  pinned: 0,
  draining: false,
  ...more,
});

const anyZones = fc.array(
  fc.record({ clients: fc.nat(200), pinned: fc.nat(60), draining: fc.boolean() }),
  { maxLength: 12 },
).map((list) =>
  list.map(({ clients, pinned, draining }, i) =>
    zone(i + 1, clients, { pinned: Math.min(pinned, clients), draining })
  )
);
const all = { balance: true, most: Infinity };

function after(zones: readonly ZoneState[], moves: readonly Move[]): ZoneState[] {
  return zones.map((one) => ({
    ...one,
    clients: one.clients + moves.reduce(
      (sum, { from, to, count }) => sum + (to === one.zone ? count : 0) - (from === one.zone ? count : 0),
      0,
    ),
  }));
}

const spread = (counts: number[]) => Math.max(...counts) - Math.min(...counts);
const total = (moves: readonly Move[]) => moves.reduce((sum, { count }) => sum + count, 0);

Deno.test("a new zone takes its share from the fullest ones", () => {
  assert.deepEqual(planMoves([zone(1, 10), zone(2, 0)], all), [{ from: 1, to: 2, count: 5 }]);
  assert.deepEqual(planMoves([zone(1, 5), zone(2, 5), zone(3, 0)], all), [
    { from: 1, to: 3, count: 1 },
    { from: 2, to: 3, count: 2 },
  ]);
  assert.deepEqual(planMoves([zone(1, 3), zone(2, 4)], all), []);
});

Deno.test("a zone that drains gives everybody who goes; those who stay are counted where they are", () => {
  const drains = zone(3, 6, { draining: true, pinned: 2 });
  assert.deepEqual(planMoves([zone(1, 2), zone(2, 4), drains], all), [
    { from: 3, to: 1, count: 3 },
    { from: 3, to: 2, count: 1 },
  ]);
  assert.deepEqual(planMoves([zone(1, 8, { pinned: 8 }), zone(2, 0), drains], all), [{
    from: 3,
    to: 2,
    count: 4,
  }]);
  assert.deepEqual(planMoves([drains], all), [], "there is nowhere to go");
});

Deno.test("without balancing only zones that drain give", () => {
  const zones = [zone(1, 50), zone(2, 0), zone(3, 3, { draining: true })];
  assert.deepEqual(planMoves(zones, { balance: false, most: Infinity }), [{ from: 3, to: 2, count: 3 }]);
});

Deno.test("a step is bounded for each zone that gives", () => {
  const moves = planMoves([zone(1, 1000), zone(2, 900), zone(3, 0)], { balance: true, most: 100 });
  assert.deepEqual(moves, [{ from: 1, to: 3, count: 100 }, { from: 2, to: 3, count: 100 }]);
});

Deno.test("a plan takes nobody twice, gives or takes but not both, and never touches who stays", () => {
  fc.assert(fc.property(anyZones, fc.boolean(), fc.integer({ min: 1, max: 50 }), (zones, balance, most) => {
    const moves = planMoves(zones, { balance, most });
    for (const { zone, clients, pinned, draining } of zones) {
      const given = total(moves.filter(({ from }) => from === zone));
      const taken = total(moves.filter(({ to }) => to === zone));
      assert.ok(given <= Math.min(clients - pinned, most));
      assert.ok(given === 0 || taken === 0);
      assert.ok(!(draining && taken > 0));
      assert.ok(balance || draining || given === 0);
    }
    assert.ok(moves.every(({ count }) => count >= 1 && Number.isInteger(count)));
  }));
});

Deno.test("after a whole plan nothing is left to move: no ping-pong, and whoever drains is empty", () => {
  fc.assert(fc.property(anyZones, fc.boolean(), (zones, balance) => {
    const then = after(zones, planMoves(zones, { balance, most: Infinity }));
    assert.deepEqual(planMoves(then, { balance, most: Infinity }), []);
    if (zones.every(({ draining }) => draining)) return;
    for (const { clients, pinned, draining } of then) if (draining) assert.equal(clients, pinned);
  }));
});

Deno.test("the spread is at most one where nobody stays, with no more moves than the excess", () => {
  fc.assert(fc.property(fc.array(fc.nat(200), { minLength: 1, maxLength: 12 }), (counts) => {
    const zones = counts.map((clients, i) => zone(i + 1, clients));
    const moves = planMoves(zones, all);
    assert.ok(spread(after(zones, moves).map(({ clients }) => clients)) <= 1);
    const sum = counts.reduce((a, b) => a + b, 0);
    const [level, high] = [Math.floor(sum / counts.length), sum % counts.length];
    // The fewest: the fullest zones keep one more.
    const wanted = counts.toSorted((a, b) => b - a).map((count, i) =>
      Math.max(0, count - level - (i < high ? 1 : 0))
    );
    assert.equal(total(moves), wanted.reduce((a, b) => a + b, 0));
  }));
});

Deno.test("with some who stay no flatter distribution can be reached", () => {
  fc.assert(fc.property(anyZones, (zones) => {
    const then = after(zones, planMoves(zones, all)).filter(({ draining }) => !draining);
    if (then.length === 0) return;
    const lowest = Math.min(...then.map(({ clients }) => clients));
    // A zone more than one above the lowest is so because it can give no more.
    for (const { clients, pinned } of then) assert.ok(clients <= lowest + 1 || clients === pinned);
  }));
});

Deno.test("any number of bounded steps ends, and each client's zone changes only towards the mean", () => {
  fc.assert(fc.property(anyZones, fc.integer({ min: 1, max: 20 }), (start, most) => {
    let zones = start;
    const gives = new Set<number>();
    const takes = new Set<number>();
    for (let step = 0;; step++) {
      assert.ok(step < 1000, "it ends");
      const moves = planMoves(zones, { balance: true, most });
      if (moves.length === 0) break;
      for (const { from, to } of moves) {
        gives.add(from);
        takes.add(to);
      }
      zones = after(zones, moves);
    }
    assert.deepEqual(
      [...gives].filter((zone) => takes.has(zone)),
      [],
      "none gives in one step and takes in another",
    );
  }));
});

// --- steps over time

/** Zones whose clients arrive some time after they have left, with counts that are told late. */
class World {
  now = 0;
  readonly zones = new Map<number, ZoneState>();
  readonly moved: Move[] = [];
  readonly #told = new Map<number, number>();
  #events: { at: number; act: () => void }[] = [];

  add(zone: ZoneState): void {
    this.zones.set(zone.zone, zone);
    this.#told.set(zone.zone, zone.clients);
  }

  change(number: number, by: number): void {
    const one = this.zones.get(number)!;
    this.zones.set(number, { ...one, clients: one.clients + by });
    this.#at(100, () => this.#told.set(number, this.zones.get(number)!.clients));
  }

  carryOut(moves: readonly Move[], arrivalMs: (move: Move) => number): void {
    for (const move of moves) {
      this.moved.push(move);
      this.change(move.from, -move.count);
      this.#at(arrivalMs(move), () => this.change(move.to, move.count));
    }
  }

  /** What the planner sees. */
  seen(): ZoneState[] {
    return [...this.zones.values()].map((one) => ({ ...one, clients: this.#told.get(one.zone)! }));
  }

  pass(ms: number): void {
    this.now += ms;
    for (;;) {
      const due = this.#events.filter(({ at }) => at <= this.now).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) return;
      this.#events = this.#events.filter((event) => event !== due);
      due.act();
    }
  }

  #at(ms: number, act: () => void): void {
    this.#events.push({ at: this.now + ms, act });
  }
}

Deno.test("clients that are on their way are waited for: each moves once, though counts are told late", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(60), { minLength: 2, maxLength: 8 }),
      fc.array(fc.integer({ min: 20, max: 2500 }), { minLength: 1, maxLength: 10 }),
      (counts, delays) => {
        const world = new World();
        counts.forEach((clients, i) => world.add(zone(i + 1, clients)));
        const rebalancing = new Rebalancing(true);
        const least = total(planMoves(world.seen(), all));
        for (let i = 0; world.now < 60_000; i++) {
          const { moves, againMs } = rebalancing.look(world.now, world.seen());
          world.carryOut(moves, () => delays[i % delays.length]!);
          world.pass(againMs);
        }
        assert.ok(spread([...world.zones.values()].map(({ clients }) => clients)) <= 1);
        assert.equal(total(world.moved), least, "no client moved twice");
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("left alone when flat; looked at again when a zone appears, drains, or they are very uneven", () => {
  const rebalancing = new Rebalancing(true);
  const flat = [zone(1, 20), zone(2, 20)];
  rebalancing.look(0, flat);
  assert.deepEqual(rebalancing.look(1000, flat).moves, []);
  assert.deepEqual(rebalancing.look(7000, flat).moves, []);
  assert.deepEqual(rebalancing.look(8000, [zone(1, 22), zone(2, 19)]).moves, [], "a little uneven is let be");
  const uneven = rebalancing.look(9000, [zone(1, 30), zone(2, 20)]);
  assert.deepEqual(uneven, {
    moves: [{ from: 1, to: 2, count: 5 }],
    reason: "zones are uneven",
    againMs: 200,
  });
  const more = rebalancing.look(20_000, [zone(1, 25), zone(2, 25), zone(3, 0)]);
  assert.equal(more.reason, "zone 3 is new");
  assert.equal(total(more.moves), 16);
  const fewer = rebalancing.look(40_000, [zone(1, 17), zone(2, 17), zone(3, 16, { draining: true })]);
  assert.equal(fewer.reason, "zone 3 drains");
  assert.equal(total(fewer.moves), 16);
});

Deno.test("of whom nobody arrives they are sent ever more seldom, and at once again when zones change", () => {
  const rebalancing = new Rebalancing(true);
  const uneven = [zone(1, 6), zone(2, 0)];
  const steps: number[] = [];
  let now = 0;
  const until = (end: number, zones: ZoneState[]) => {
    while (now < end) {
      const { moves, againMs } = rebalancing.look(now, zones);
      if (moves.length > 0) steps.push(now / 1000);
      now += againMs;
    }
  };
  until(200_000, uneven);
  const pauses = steps.slice(1).map((step, index) => Math.round(step - steps[index]!));
  assert.deepEqual(pauses.slice(0, 3), [3, 6, 12]);
  assert(steps.length <= 8 && Math.max(...pauses) <= 64, `${pauses}`);
  const before = steps.length;
  const began = now;
  until(began + 4000, [...uneven, zone(3, 0)]);
  assert.equal(steps.length, before + 1, "a new zone");
});

Deno.test("where some arrive the others are waited for no longer than usual, however long nobody had", () => {
  const rebalancing = new Rebalancing(true);
  const uneven = [zone(1, 6), zone(2, 0)];
  let now = 0;
  let last = 0;
  for (let steps = 0; steps < 4; now += 100) {
    if (rebalancing.look(now, uneven).moves.length === 0) continue;
    steps++;
    last = now;
  }
  const some = [zone(1, 5), zone(2, 1)];
  const next = [1000, 2900, 3100].map((ms) => rebalancing.look(last + ms, some).moves);
  assert.deepEqual(next, [[], [], [{ from: 1, to: 2, count: 2 }]]);
});

Deno.test("without balancing an uneven or new zone moves nobody", () => {
  const rebalancing = new Rebalancing(false);
  assert.deepEqual(rebalancing.look(0, [zone(1, 30), zone(2, 0)]).moves, []);
  assert.deepEqual(rebalancing.look(10_000, [zone(1, 30), zone(2, 0), zone(3, 0)]).moves, []);
  assert.equal(
    total(rebalancing.look(20_000, [zone(1, 30), zone(2, 0), zone(3, 4, { draining: true })]).moves),
    4,
  );
});
