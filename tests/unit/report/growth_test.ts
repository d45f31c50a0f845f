import assert from "node:assert/strict";
import fc from "fast-check";
import { compareGrowth, formulaOf, MODELS, predict } from "../../../lib/report/growth.ts";
import { seeded } from "../../../lib/base/random.ts";

const SIZES = [2, 4, 5, 12, 23, 40];

/** Three points a size, with a little noise that follows from the seed. */
function points(law: (n: number) => number, noise: number, seed = 1) {
  const random = seeded(seed);
  return SIZES.flatMap((n) => [0, 1, 2].map(() => ({ n, value: law(n) + noise * (random() - 0.5) })));
}

const LAWS = {
  constant: () => 3,
  linear: (n: number) => 1 + 0.2 * n,
  "n log n": (n: number) => 1 + 0.05 * n * Math.log(n),
  quadratic: (n: number) => 1 + 0.1 * n + 0.02 * n * n,
} as const;

for (const model of MODELS) {
  Deno.test(`points that grow as ${model} are best explained by ${model}`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const [best] = compareGrowth(points(LAWS[model], 0.02, seed));
      // A richer model may win by luck, but never by a difference that counts.
      const own = compareGrowth(points(LAWS[model], 0.02, seed)).find((fit) => fit.model === model);
      assert.ok(own !== undefined && own.delta < 4, `seed ${seed}: ${best?.model} beats it by ${own?.delta}`);
      for (const n of [2, 10, 40]) assert.ok(Math.abs(predict(own, n) - LAWS[model](n)) < 0.05);
    }
  });
}

Deno.test("coefficients are recovered from exact points", () => {
  const coefficient = fc.double({ min: -10, max: 10, noNaN: true });
  fc.assert(fc.property(coefficient, coefficient, coefficient, (a, b, c) => {
    const fit = compareGrowth(points((n) => a + b * n + c * n * n, 0)).find((each) =>
      each.model === "quadratic"
    );
    fit?.coefficients.forEach((found, i) => {
      assert.ok(Math.abs(found - ([a, b, c][i] as number)) < 1e-8, `${found}`);
    });
    assert.ok(fit?.residuals.every((residual) => Math.abs(residual) < 1e-8));
  }));
});

Deno.test("weights add up to one, the best model comes first, residuals add up to zero", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 100, noNaN: true }), { minLength: 18, maxLength: 18 }),
      (noise) => {
        const fits = compareGrowth(
          SIZES.flatMap((n, i) => [0, 1, 2].map((j) => ({ n, value: noise[3 * i + j] as number }))),
        );
        assert.ok(Math.abs(fits.reduce((sum, fit) => sum + fit.weight, 0) - 1) < 1e-9);
        assert.equal(fits[0]?.delta, 0);
        for (const fit of fits) {
          assert.ok(
            Math.abs(fit.residuals.reduce((sum, residual) => sum + residual, 0)) < 1e-8,
          );
        }
        // A model that contains another never leaves more residual than it.
        const rss = Object.fromEntries(fits.map((fit) => [fit.model, fit.rss]));
        assert.ok(rss.quadratic as number <= (rss.linear as number) + 1e-9);
        assert.ok(rss.linear as number <= (rss.constant as number) + 1e-9);
      },
    ),
  );
});

Deno.test("AICc follows its formula", () => {
  const fits = compareGrowth(points(LAWS.linear, 1));
  const linear = fits.find((fit) => fit.model === "linear");
  const m = 18;
  const expected = m * Math.log((linear?.rss as number) / m) + 6 + 24 / (m - 4);
  assert.ok(Math.abs((linear?.aicc as number) - expected) < 1e-9);
});

Deno.test("fewer than three sizes are not fitted", () => {
  assert.deepEqual(compareGrowth([{ n: 1, value: 1 }, { n: 2, value: 2 }, { n: 2, value: 2 }]), []);
});

Deno.test("a model with as many parameters as points is not preferred", () => {
  const fits = compareGrowth([1, 2, 3, 4].map((n) => ({ n, value: n * n })));
  assert.equal(fits.find((fit) => fit.model === "quadratic")?.aicc, Infinity);
});

Deno.test("a fit reads as a formula", () => {
  assert.equal(
    formulaOf({ model: "quadratic", coefficients: [-1, 0.25, -0.0021] }),
    "-1.00 + 0.250 n - 0.00210 n²",
  );
});
