/** What is compared: who publishes what to whom, and how fast pubsub shall be beside the others. */
import type { Shape } from "../../../lib/bench/job.ts";
import type { PubsubSettings } from "../../../lib/bench/pubsub_system.ts";

/** A wanted ratio: ours divided by theirs. */
export interface Goal {
  peer: "NATS" | "C libzmq";
  figure: "rate" | "p50" | "p99";
  /** `at least` for a rate, `at most` for a latency. */
  ratio: number;
}

/** One comparison. */
export interface Scenario {
  name: string;
  shape: Omit<Shape, "warmUpSeconds" | "seconds">;
  settings: PubsubSettings;
  /** Only these systems, if given. */
  peers?: readonly string[];
  goals: Goal[];
}

function scenario(
  name: string,
  shape: Partial<Shape>,
  settings: Partial<PubsubSettings>,
  ...goals: Goal[]
): Scenario {
  return {
    name,
    shape: {
      publishers: 1,
      subscribers: 1,
      payloadBytes: 64,
      rate: 0,
      ...shape,
    },
    settings: {
      mode: "centralized",
      history: 1,
      reliability: "reliable",
      take: "batches",
      ...settings,
    },
    goals,
  };
}

function rate(peer: Goal["peer"], ratio: number): Goal {
  return { peer, figure: "rate", ratio };
}

/** All comparisons. */
export const SCENARIOS: readonly Scenario[] = [
  scenario(
    "1 → 1 through a broker, 64 B",
    {},
    {},
    rate("NATS", 3.5),
    rate("C libzmq", 0.8),
  ),
  scenario(
    "1 → 1 through a broker, 64 B, history 1,000",
    {},
    { history: 1000 },
    rate("NATS", 3.5),
  ),
  scenario("1 → 1 through a broker, 64 B, sample by sample", {}, {
    take: "samples",
  }),
  scenario(
    "1 → 4 through a broker, 64 B",
    { subscribers: 4 },
    {},
    rate("NATS", 3.8),
  ),
  scenario(
    "4 → 4 through a broker, 64 B",
    { publishers: 4, subscribers: 4 },
    {},
    rate("NATS", 3.8),
  ),
  scenario(
    "1 → 1 through a broker, 1 KiB",
    { payloadBytes: 1024 },
    {},
    rate("C libzmq", 1),
  ),
  scenario("1 → 1 direct, 64 B", {}, { mode: "direct" }, rate("C libzmq", 0.8)),
  scenario("10,000 samples/s through a broker, 64 B", { rate: 10_000 }, {}, {
    peer: "NATS",
    figure: "p50",
    ratio: 1.1,
  }, { peer: "NATS", figure: "p99", ratio: 1 }),
  {
    ...scenario("1,000 samples/s through a broker, 64 B", { rate: 1000 }, {}),
    peers: ["NATS", "C libzmq"],
  },
  scenario("10,000 samples/s direct, 64 B", { rate: 10_000 }, {
    mode: "direct",
  }),
];
