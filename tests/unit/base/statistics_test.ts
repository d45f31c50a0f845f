import assert from "node:assert/strict";
import fc from "fast-check";
import { resample, seeded } from "../../../lib/base/random.ts";
import { bootstrap, mean, median, quantile, spreadOf } from "../../../lib/base/statistics.ts";

const values = fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 60 });

Deno.test("quantiles interpolate between neighbours (Hyndman and Fan, type 7)", () => {
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantile([1, 2, 3, 4], 0.25), 1.75);
  assert.equal(quantile([10], 0.99), 10);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

Deno.test("a quantile lies between the extremes and grows with p", () => {
  fc.assert(
    fc.property(
      values,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (list, p, q) => {
        const sorted = Float64Array.from(list).sort();
        const [low, high] = [quantile(sorted, Math.min(p, q)), quantile(sorted, Math.max(p, q))];
        assert.ok(sorted[0] as number <= low && low <= high && high <= (sorted.at(-1) as number));
      },
    ),
  );
});

Deno.test("the order of the values does not matter to a spread", () => {
  fc.assert(fc.property(values, (list) => {
    assert.deepEqual({ ...spreadOf(list), mean: 0 }, { ...spreadOf([...list].reverse()), mean: 0 });
  }));
});

Deno.test("dispersion and tail are relative: a slower clock changes neither", () => {
  fc.assert(fc.property(values, (list) => {
    const one = spreadOf(list);
    const scaled = spreadOf(list.map((value) => value * 1024));
    assert.ok(one !== undefined && scaled !== undefined);
    assert.equal(scaled.dispersion, one.dispersion);
    assert.equal(scaled.tail, one.tail);
  }));
});

Deno.test("no values have no spread", () => assert.equal(spreadOf([]), undefined));

Deno.test("the same seed gives the same interval, and it holds its estimate", () => {
  fc.assert(
    fc.property(values, fc.nat(), (list, seed) => {
      const draw = (random: () => number) => median(resample(list, random));
      const options = { seed, resamples: 50 };
      const one = bootstrap(median(list), draw, options);
      assert.deepEqual(bootstrap(median(list), draw, options), one);
      assert.ok(one.low <= one.estimate && one.estimate <= one.high);
    }),
    { numRuns: 50 },
  );
});

Deno.test("a 95 % interval of a mean covers the truth in about 95 of 100 experiments", () => {
  const random = seeded(7);
  let covered = 0;
  for (let experiment = 0; experiment < 300; experiment++) {
    const sample = Array.from({ length: 40 }, () => random() + random() + random());
    const { low, high } = bootstrap(mean(sample), (r) => mean(resample(sample, r)), {
      seed: experiment,
      resamples: 400,
    });
    if (low <= 1.5 && 1.5 <= high) covered++;
  }
  assert.ok(covered >= 270 && covered <= 297, `${covered} of 300`);
});

Deno.test("an estimate that is not a number gives no interval", () => {
  const { low, high } = bootstrap(NaN, () => 1);
  assert.ok(Number.isNaN(low) && Number.isNaN(high));
});

Deno.test("the generator is uniform enough: every tenth is hit about equally", () => {
  const random = seeded(42);
  const bins = Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const bin = Math.floor(random() * 10);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  for (const count of bins) assert.ok(Math.abs(count - 10_000) < 500, `${bins}`);
});
