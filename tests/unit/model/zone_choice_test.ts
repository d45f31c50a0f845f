import assert from "node:assert/strict";
import fc from "fast-check";
import { seeded } from "../../../lib/base/random.ts";
import { type Assignment, lightest, type ZoneLoad, zonesToCompare } from "../../../lib/model/zone_choice.ts";

const zones = fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 12 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** How often each zone gets one of `draws` clients that all see the same loads. */
function drawn(loads: ZoneLoad[], assignment: Assignment, draws: number): Map<number, number> {
  const random = seeded(7);
  const counts = new Map(loads.map(({ zone }) => [zone, 0]));
  const names = loads.map(({ zone }) => zone);
  for (let i = 0; i < draws; i++) {
    const compared = zonesToCompare(names, assignment, random);
    const zone = lightest(loads.filter((load) => compared.includes(load.zone)), random);
    counts.set(zone, counts.get(zone)! + 1);
  }
  return counts;
}
const equal = (count: number): ZoneLoad[] =>
  Array.from({ length: count }, (_, i) => ({ zone: i + 1, clients: 3 }));

/** Within five standard deviations of what is expected of `draws` draws. */
function isAbout(observed: number, share: number, draws: number): void {
  const deviation = Math.sqrt(draws * share * (1 - share));
  assert.ok(
    Math.abs(observed - draws * share) <= 5 * deviation,
    `${observed} of ${draws}, expected ${share}`,
  );
}

Deno.test("what is compared is one zone, two different ones, or all", () => {
  fc.assert(fc.property(zones, random, random, (zones, first, second) => {
    const draws = [first, second];
    const next = () => draws.shift() ?? 0;
    assert.deepEqual(zonesToCompare(zones, "least-loaded", next), zones);
    const one = zonesToCompare(zones, "random", () => first);
    assert.equal(one.length, 1);
    const two = zonesToCompare(zones, "two-choices", next);
    assert.equal(two.length, Math.min(2, zones.length));
    assert.equal(new Set(two).size, two.length);
    for (const zone of [...one, ...two]) assert.ok(zones.includes(zone));
  }));
});

Deno.test("equal zones get equal shares, however they are chosen", () => {
  for (const assignment of ["random", "two-choices", "least-loaded"] as const) {
    for (const count of drawn(equal(5), assignment, 50_000).values()) isAbout(count, 1 / 5, 50_000);
  }
});

Deno.test("random looks at no load, least-loaded at all, two choices at two", () => {
  const loads = [{ zone: 1, clients: 0 }, { zone: 2, clients: 1 }, { zone: 3, clients: 2 }, {
    zone: 4,
    clients: 9,
  }];
  for (const count of drawn(loads, "random", 50_000).values()) isAbout(count, 1 / 4, 50_000);
  assert.deepEqual([...drawn(loads, "least-loaded", 1000).values()], [1000, 0, 0, 0]);
  // Of six pairs the lightest is in three, the next in two that the lightest is not in, and so on.
  const counts = drawn(loads, "two-choices", 60_000);
  for (const [zone, share] of [[1, 3 / 6], [2, 2 / 6], [3, 1 / 6]] as const) {
    isAbout(counts.get(zone)!, share, 60_000);
  }
  assert.equal(counts.get(4), 0, "the fullest is never the lighter of two");
});

Deno.test("two choices keep zones nearly level where random does not", () => {
  const spread = (assignment: Assignment) => {
    const random = seeded(11);
    const loads = new Map(Array.from({ length: 10 }, (_, i) => [i + 1, 0]));
    for (let i = 0; i < 1000; i++) {
      const compared = zonesToCompare([...loads.keys()], assignment, random);
      const zone = lightest(compared.map((zone) => ({ zone, clients: loads.get(zone)! })), random);
      loads.set(zone, loads.get(zone)! + 1);
    }
    return Math.max(...loads.values()) - Math.min(...loads.values());
  };
  assert.ok(spread("least-loaded") <= 1);
  assert.ok(spread("two-choices") <= 6, String(spread("two-choices")));
  assert.ok(spread("random") > 10);
});

Deno.test("the lightest has no more clients than any other", () => {
  const loads = fc.uniqueArray(fc.record({ zone: fc.integer({ min: 1, max: 50 }), clients: fc.nat(4) }), {
    minLength: 1,
    selector: ({ zone }) => zone,
  });
  fc.assert(fc.property(loads, random, (loads, draw) => {
    const zone = lightest(loads, () => draw);
    const { clients } = loads.find((load) => load.zone === zone)!;
    assert.equal(clients, Math.min(...loads.map(({ clients }) => clients)));
  }));
});
