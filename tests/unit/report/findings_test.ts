import assert from "node:assert/strict";
import { testFindings } from "../../../lib/report/findings.ts";
import { judgeGrowth } from "../../../lib/report/verdict.ts";
import { every, judge } from "../../../lib/report/verdict.ts";
import { compareGrowth } from "../../../lib/report/growth.ts";
import { SIZES, syntheticRuns } from "./synthetic_runs.ts";
import type { Law } from "./synthetic_runs.ts";

const direct: Law = { median: (n) => 0.3 + 0.01 * n, sigma: 0.2 };
/** What the earlier framework claims: slower, wider, growing quadratically and more. */
const claimed: Law = { median: (n) => 0.6 + 0.01 * n + 0.004 * n * n, sigma: 0.5, outliers: 0.02 };
const bent: Law = { median: (n) => 0.3 + 0.0005 * n * n, sigma: 0.2 };

const verdicts = (...runs: Parameters<typeof syntheticRuns>) =>
  testFindings(syntheticRuns(...runs)).map((finding) => finding.verdict);

Deno.test("data that follow the claims support all five findings", () => {
  const found = testFindings(syntheticRuns({ direct: bent, centralized: claimed }));
  assert.deepEqual(
    found.map((finding) => finding.verdict),
    Array(5).fill("supported"),
    JSON.stringify(found, null, 1),
  );
  assert.deepEqual(found.map((finding) => finding.number), [1, 2, 3, 4, 5]);
});

Deno.test("with the modes exchanged, the comparisons are not supported", () => {
  const [first, second, , fourth] = verdicts({ direct: claimed, centralized: bent });
  assert.deepEqual([first, second, fourth], Array(3).fill("not supported"));
});

Deno.test("two modes that behave the same support no difference", () => {
  const law: Law = { ...direct, noise: 0.005 };
  for (let seed = 1; seed <= 5; seed++) {
    const [first, second, , fourth] = verdicts({ direct: law, centralized: law }, { seed });
    assert.notEqual(first, "supported", `seed ${seed}`);
    assert.notEqual(second, "supported", `seed ${seed}`);
    assert.notEqual(fourth, "supported", `seed ${seed}`);
  }
});

Deno.test("latency that does not grow does not support growth", () => {
  const flat: Law = { median: () => 0.5, sigma: 0.2, noise: 0.01 };
  const found = verdicts({ direct: flat, centralized: flat });
  assert.equal(found[2], "not supported");
  assert.equal(found[4], "not supported");
});

Deno.test("growth of one mode alone is not growth of both", () => {
  const flat: Law = { median: () => 0.5, sigma: 0.2, noise: 0.01 };
  assert.equal(verdicts({ direct: flat, centralized: claimed })[2], "not supported");
});

Deno.test("linear growth is not taken for quadratic", () => {
  const line: Law = { median: (n) => 0.2 + 0.1 * n, sigma: 0.2, noise: 0.005 };
  assert.notEqual(verdicts({ direct: line, centralized: line })[4], "supported");
});

Deno.test("noise that hides an effect leaves it undecided", () => {
  const noisy: Law = { median: () => 0.5, sigma: 0.2, noise: 0.6 };
  const found = verdicts({ direct: noisy, centralized: noisy });
  assert.equal(found[0], "undecided");
  assert.equal(found[3], "undecided");
});

Deno.test("too few repeats or sizes leave every finding undecided, and it is said why", () => {
  const few = testFindings(syntheticRuns({ direct, centralized: claimed }, { repeats: 2 }));
  for (const finding of few) {
    assert.equal(finding.verdict, "undecided");
    assert.match(
      finding.reason,
      /^Too little data: 0 sizes with at least 3 repeats in both modes, \d needed\.$/,
    );
  }
  const four = testFindings(syntheticRuns({ direct, centralized: claimed }, { sizes: SIZES.slice(0, 4) }));
  assert.deepEqual(four.map((finding) => finding.verdict), [
    "supported",
    "supported",
    "undecided",
    "undecided",
    "undecided",
  ]);
  assert.deepEqual(testFindings([]).map((finding) => finding.verdict), Array(5).fill("undecided"));
});

Deno.test("a network measured in one mode only does not count", () => {
  const runs = syntheticRuns({ direct: bent, centralized: claimed });
  const without = runs.filter((run) => run.mode === "direct" || run.network !== "tree-d3f3-27hosts");
  assert.match(testFindings(without)[2]?.reason ?? "", /4 sizes/);
});

Deno.test("the same data give the same findings", () => {
  const runs = syntheticRuns({ direct, centralized: claimed });
  assert.deepEqual(testFindings(runs), testFindings([...runs]));
});

Deno.test("an interval is judged by where it lies", () => {
  const interval = (low: number, high: number) => ({ estimate: (low + high) / 2, low, high });
  assert.equal(judge(interval(1.01, 1.02), 1, 0.05), "supported");
  assert.equal(judge(interval(0.5, 0.9), 1, 0.05), "not supported");
  assert.equal(judge(interval(0.97, 1.04), 1, 0.05), "not supported");
  assert.equal(judge(interval(0.9, 1.2), 1, 0.05), "undecided");
  assert.equal(judge(interval(NaN, NaN), 1, 0.05), "undecided");
});

Deno.test("a claim of several parts fails with one and holds with all", () => {
  assert.equal(every(["supported", "undecided"]), "undecided");
  assert.equal(every(["supported", "not supported", "undecided"]), "not supported");
  assert.equal(every(["supported", "supported"]), "supported");
});

Deno.test("growth that bends downwards does not support quadratic growth", () => {
  const points = [2, 4, 8, 16, 24, 32].flatMap((n) =>
    [0, 1, 2].map((i) => ({ n, value: 5 + n - 0.01 * n * n + 0.001 * i }))
  );
  assert.equal(compareGrowth(points)[0]?.model, "quadratic");
  assert.equal(judgeGrowth(compareGrowth(points)), "not supported");
});

Deno.test("a constant that wins in noise is no evidence against growth, one that fits closely is", () => {
  const around = (scatter: number) =>
    compareGrowth(
      [2, 4, 8, 16, 24, 32].flatMap((n, i) =>
        [-1, 0, 1].map((side, j) => ({
          n,
          value: 5 * (1 + scatter * (side + 0.1 * ((i * 7 + j * 3) % 5 - 2))),
        }))
      ),
    );
  assert.equal(around(0.5)[0]?.model, "constant");
  assert.equal(judgeGrowth(around(0.5)), "undecided");
  assert.equal(around(0.02)[0]?.model, "constant");
  assert.equal(judgeGrowth(around(0.02)), "not supported");
});
