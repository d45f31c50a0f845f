/** Runs whose latencies follow a known law, to see whether the tests of the findings recover it. */
import { type Random, seeded } from "../../../lib/base/random.ts";
import type { Mode, RunResult } from "../../../lib/perf/results.ts";
import { type Spread, spreadOf } from "../../../lib/base/statistics.ts";

/** Networks as a performance run has them: hosts, and clients among them. */
export const SIZES: readonly (readonly [string, number, number])[] = [
  ["tree-d2f2-4hosts", 4, 2],
  ["tree-d3f2-8hosts", 8, 4],
  ["tree-d2f3-9hosts", 9, 5],
  ["tree-d2f4-16hosts", 16, 12],
  ["tree-d3f3-27hosts", 27, 23],
];

/** How a mode behaves. */
export interface Law {
  /** Median latency in milliseconds with n clients. */
  readonly median: (n: number) => number;
  /** Spread of the logarithm within a subscriber: about the relative interquartile range divided by 1.35. */
  readonly sigma: number;
  /** Relative difference between runs of the same kind. */
  readonly noise?: number;
  /** Share of samples that take `outlierFactor` times as long. */
  readonly outliers?: number;
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function subscriber(law: Law, middle: number, random: Random): Spread {
  const latencies = Array.from({ length: 300 }, () => {
    const slow = random() < (law.outliers ?? 0) ? 30 : 1;
    return middle * Math.exp(law.sigma * normal(random)) * slow;
  });
  return spreadOf(latencies) as Spread;
}

/** The runs of an experiment in which each mode follows its law. */
export function syntheticRuns(
  laws: Record<Mode, Law>,
  { repeats = 3, seed = 1, sizes = SIZES }: { repeats?: number; seed?: number; sizes?: typeof SIZES } = {},
): RunResult[] {
  const random = seeded(seed);
  return Object.entries(laws).flatMap(([mode, law]) =>
    sizes.flatMap(([network, hosts, clients]) =>
      Array.from({ length: repeats }, (_, i) => {
        const middle = law.median(clients) * Math.exp((law.noise ?? 0.02) * normal(random));
        const subscribers = Array.from({ length: Math.ceil(clients / 2) }, (_, s) => {
          const spread = subscriber(law, middle, random);
          return { name: `subscriber-${s + 1}`, all: spread, steady: spread };
        });
        return { mode: mode as Mode, network, hosts, clients, repeat: i + 1, subscribers };
      })
    )
  );
}
