/** What a round of the judge consists of: a seed always gives the same. Pure. */
import { Random } from "../random.ts";

export type Ownership = "shared" | "exclusive";

/** Lines that a publisher is given: so many, so fast, and then nothing for a while. */
export interface Phase {
  readonly lines: number;
  /** Infinity: as fast as they are taken. */
  readonly perSecond: number;
  readonly pauseMs: number;
}

export interface ReaderPlan {
  readonly id: string;
  readonly centralized: boolean;
  readonly format: "raw" | "json";
  /** Its output is read in small pieces. */
  readonly slow: boolean;
}

export interface PublisherPlan {
  readonly id: string;
  readonly centralized: boolean;
  readonly strength: number;
  readonly slowSeconds: number;
  readonly maxInFlight: number;
  /** Length of a line, 0 for as short as it can be. */
  readonly bytes: number;
  readonly phases: readonly Phase[];
  /** When it is started, milliseconds after the first lines of the others arrived; 0 for before that. */
  readonly comesAt: number;
  /** It is ended by SIGKILL so long after its start; 0 for not. */
  readonly killedAfter: number;
}

export const FAULT_KINDS = [
  "stop-reader",
  "stop-reader-past",
  "stop-reader-past",
  "kill-reader",
  "kill-reader-return",
  "unread-reader",
  "kill-broker",
  "kill-brokers",
  "stop-broker",
  "cut-broker",
  "hold-broker",
  "cut-publisher",
  "hold-publisher",
  "refuse-publisher",
  "cut-off-publisher",
  "stop-publisher-past",
  "hold-zookeeper-of-reader",
  "restart-zookeeper",
  "wipe-zookeeper",
  "wipe-zookeeper",
  "stop-zookeeper",
] as const;
export type FaultKind = typeof FAULT_KINDS[number];

export interface FaultPlan {
  readonly kind: FaultKind;
  /** Whom of those whom it may concern: in [0, 1). */
  readonly whom: number;
  /** Milliseconds after the first lines arrived. */
  readonly at: number;
  readonly ms: number;
}

export interface Plan {
  readonly name: string;
  readonly ownership: Ownership;
  readonly brokers: number;
  readonly readers: readonly ReaderPlan[];
  readonly publishers: readonly PublisherPlan[];
  readonly faults: readonly FaultPlan[];
}

/** The session time-out of every process. */
export const SESSION_MS = 2000;

/** How long a fault may last, milliseconds. */
const LASTS: Record<FaultKind, readonly [low: number, high: number]> = {
  "stop-reader": [300, SESSION_MS - 700],
  "stop-reader-past": [SESSION_MS + 500, SESSION_MS + 5000],
  "kill-reader": [0, 0],
  "kill-reader-return": [0, 3000],
  "unread-reader": [500, 6000],
  "kill-broker": [200, 3000],
  "kill-brokers": [500, 6000],
  "stop-broker": [500, SESSION_MS + 2000],
  "cut-broker": [0, 0],
  "hold-broker": [300, 4000],
  "cut-publisher": [0, 0],
  "hold-publisher": [300, 5000],
  "refuse-publisher": [500, 5000],
  "cut-off-publisher": [SESSION_MS + 500, SESSION_MS + 4000],
  "stop-publisher-past": [SESSION_MS + 500, SESSION_MS + 3000],
  "hold-zookeeper-of-reader": [500, SESSION_MS + 3000],
  "restart-zookeeper": [0, SESSION_MS],
  "wipe-zookeeper": [0, SESSION_MS],
  "stop-zookeeper": [300, SESSION_MS + 2000],
};

const SPEEDS = [200, 1000, 4000, Infinity] as const;
/** A round gives its lines within about so long, were nothing in the way. */
const FEED_MS = 6000;
const FAULTS_WITHIN_MS = 5000;
const MOST_LINES = 30_000;

function phases(random: Random): Phase[] {
  const list: Phase[] = [];
  let left = FEED_MS;
  let lines = MOST_LINES;
  while (left > 200 && lines > 0) {
    const perSecond = random.pick(SPEEDS);
    const lasts = Math.min(left, random.between(500, 3000));
    const count = Math.min(lines, Math.max(20, Math.round(Math.min(perSecond, 10_000) * lasts / 1000)));
    const pauses = random.next() < 0.4;
    // What is given as fast as it is taken is given at once: the rest of its time is a pause, too.
    const rests = perSecond === Infinity ? lasts : 0;
    const pauseMs = Math.round((pauses ? random.between(100, SESSION_MS + 1500) : 0) + rests);
    list.push({ lines: count, perSecond, pauseMs });
    lines -= count;
    left -= lasts + pauseMs - rests;
  }
  return list;
}

function publisher(random: Random, number: number): PublisherPlan {
  return {
    id: `pub-${number}`,
    centralized: random.next() < 0.4,
    strength: 0,
    slowSeconds: Math.round(random.between(2, 5)),
    maxInFlight: random.pick([100, 2000, 100_000]),
    bytes: random.next() < 0.3 ? 500 : 0,
    phases: phases(random),
    comesAt: 0,
    killedAfter: 0,
  };
}

/** The round of a seed. */
export function planOf(seed: number): Plan {
  const random = new Random(seed);
  const ownership = random.next() < 0.5 ? "shared" : "exclusive";
  const brokers = random.next() < 0.5 ? 1 : 2;
  const readers = Array.from({ length: 1 + Math.floor(random.next() * 3) }, (_, i): ReaderPlan => ({
    id: `reader-${i + 1}`,
    centralized: random.next() < 0.5,
    format: random.next() < 0.7 ? "raw" : "json",
    slow: random.next() < 0.15,
  }));
  const publishers = Array.from(
    { length: 1 + Math.floor(random.next() * 2) },
    (_, i) => publisher(random, i + 1),
  );
  if (ownership === "exclusive" && random.next() < 0.5) {
    publishers.push({
      ...publisher(random, publishers.length + 1),
      strength: 5,
      phases: [{ lines: Math.round(random.between(50, 2000)), perSecond: 1000, pauseMs: 0 }],
      comesAt: Math.round(random.between(200, 3000)),
      killedAfter: random.next() < 0.3 ? Math.round(random.between(1000, 4000)) : 0,
    });
  }
  const faults = Array.from({ length: 1 + Math.floor(random.next() * 3) }, (): FaultPlan => {
    const kind = random.pick(FAULT_KINDS);
    return {
      kind,
      whom: random.next(),
      at: Math.round(random.between(100, FAULTS_WITHIN_MS)),
      ms: Math.round(random.between(...LASTS[kind])),
    };
  }).sort((a, b) => a.at - b.at);
  return { name: `seed ${seed}`, ownership, brokers, readers, publishers, faults };
}
