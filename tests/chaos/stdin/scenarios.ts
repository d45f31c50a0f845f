/** Rounds that are no chance: what was found by hand, step by step, by name. */
import { until } from "../../harness/condition.ts";
import { byPlan, type Course } from "./round.ts";
import { type Party, sleep, type Source } from "./party.ts";
import { type Plan, type PublisherPlan, type ReaderPlan, SESSION_MS } from "./plan.ts";

/** A round with a course of its own. */
export interface Scenario {
  readonly plan: Plan;
  readonly course: Course;
  /** For how long lines are given at most, milliseconds. */
  readonly feedMs?: number;
  /** Only when it is asked for by name, and why. */
  readonly onlyAsked?: string;
}

const READER: ReaderPlan = { id: "reader-1", centralized: true, format: "raw", slow: false };
const DIRECT: ReaderPlan = { ...READER, centralized: false };
const PUBLISHER: PublisherPlan = {
  id: "pub-1",
  centralized: false,
  strength: 0,
  slowSeconds: 3,
  maxInFlight: 100_000,
  bytes: 0,
  phases: [],
  comesAt: 0,
  killedAfter: 0,
};
const PAST_SESSION_MS = SESSION_MS + 1500;

function plan(name: string, given: Partial<Plan>): Plan {
  return {
    name,
    ownership: "exclusive",
    brokers: 1,
    readers: [READER],
    publishers: [PUBLISHER],
    faults: [],
    ...given,
  };
}

/** Wait until every reader has printed this number of a publisher. */
function has(party: Party, source: string, number: number): Promise<unknown> {
  return until(
    `every reader has number ${number} of ${source}`,
    () => party.lives.every(({ account }) => account.of(source).last >= number),
    20_000,
  );
}

/** Wait for the end of a publisher; whoever does not end is found out later. */
async function ends({ actor }: Source, ms: number): Promise<void> {
  await actor.ended(ms).catch(() => {});
}

/** The reader has everything so far, is stopped past its session, and lines go on meanwhile. */
function stoppedReader(name: string, slowSeconds: number): Scenario {
  const phases = [{ lines: 10_000, perSecond: Infinity, pauseMs: 1500 }, {
    lines: 10_000,
    perSecond: Infinity,
    pauseMs: 0,
  }];
  return {
    plan: plan(name, { publishers: [{ ...PUBLISHER, slowSeconds, phases }] }),
    async course(party) {
      await has(party, "pub-1", 10_000);
      const { actor } = party.lives[0]!;
      actor.signal("SIGSTOP");
      // Until the publisher has given it up, or past its session when it is more patient than that.
      await Promise.race([ends(party.sources[0]!, 20_000), sleep(slowSeconds > 5 ? 3 * SESSION_MS : 20_000)]);
      await sleep(1000);
      actor.signal("SIGCONT");
      return ["stop-reader-past reader-1"];
    },
  };
}

/** Everything that carries the stream is gone for longer than readers are waited for, at full speed. */
const killedBrokers: Scenario = {
  plan: plan("case-33-brokers", {
    brokers: 2,
    publishers: [{
      ...PUBLISHER,
      slowSeconds: 2,
      phases: [{ lines: 600_000, perSecond: Infinity, pauseMs: 0 }],
    }],
    faults: [{ kind: "kill-brokers", whom: 0, at: 300, ms: 6000 }],
  }),
  course: byPlan,
};

/** The server forgets everything, epochs begin below those that were heard. */
const wiped: Scenario = {
  plan: plan("case-34", {
    readers: [DIRECT],
    publishers: [{
      ...PUBLISHER,
      slowSeconds: 5,
      phases: [{ lines: 1500, perSecond: 500, pauseMs: 5000 }, { lines: 1500, perSecond: 500, pauseMs: 0 }],
    }],
  }),
  async course(party) {
    await has(party, "pub-1", 1500);
    await party.coordinator.wipe();
    return ["wipe-zookeeper"];
  },
  feedMs: 25_000,
};

/** A next owner takes over while the reader is away, and has ended before the reader is back. */
const nextOwner: Scenario = {
  plan: plan("case-35", {
    readers: [DIRECT],
    publishers: [
      {
        ...PUBLISHER,
        strength: 1,
        phases: [{ lines: 500, perSecond: 500, pauseMs: PAST_SESSION_MS + 1500 }],
      },
      { ...PUBLISHER, id: "pub-2", phases: [{ lines: 1000, perSecond: Infinity, pauseMs: 0 }] },
    ],
  }),
  async course(party) {
    await has(party, "pub-1", 500);
    const { actor } = party.lives[0]!;
    actor.signal("SIGSTOP");
    await Promise.allSettled(party.sources.map((source) => ends(source, 20_000)));
    await sleep(500);
    actor.signal("SIGCONT");
    return ["stop-reader-past reader-1"];
  },
};

/** A stronger owner comes and goes while a direct reader is cut from the owner, which owns again then. */
const comesAndGoes: Scenario = {
  plan: plan("case-40", {
    readers: [DIRECT],
    publishers: [
      { ...PUBLISHER, slowSeconds: 10, phases: [{ lines: 6000, perSecond: 800, pauseMs: 0 }] },
    ],
  }),
  async course(party) {
    await sleep(500);
    const { proxies } = party.sources[0]!.actor;
    for (const proxy of proxies) proxy.refuse();
    for (const proxy of proxies) proxy.cut();
    await sleep(700);
    const second = party.publisher({
      ...PUBLISHER,
      id: "pub-2",
      strength: 5,
      phases: [{ lines: 100, perSecond: 200, pauseMs: 0 }],
    });
    await Promise.race([ends(second, 15_000), sleep(6000)]);
    for (const proxy of proxies) proxy.admit();
    return ["refuse-publisher pub-1", "pub-2 comes and goes"];
  },
  feedMs: 20_000,
};

/** A publisher is out of everybody's sight for longer than places in a stream were remembered. */
const outOfSight: Scenario = {
  plan: plan("case-41", {
    ownership: "shared",
    readers: [DIRECT, { ...DIRECT, id: "reader-2" }],
    publishers: [{
      ...PUBLISHER,
      slowSeconds: 5,
      phases: [{ lines: 8000, perSecond: 50, pauseMs: 0 }],
    }],
  }),
  async course(party) {
    await sleep(2000);
    const { proxies, zookeeper } = party.sources[0]!.actor;
    for (const proxy of [...proxies, ...zookeeper]) proxy.hold();
    await sleep(135_000);
    for (const proxy of [...proxies, ...zookeeper]) proxy.release();
    return ["cut-off-publisher pub-1 for 135 s"];
  },
  feedMs: 180_000,
  onlyAsked: "it takes minutes",
};

/** A reader whose output nobody reads is killed when the publisher has ended. */
const killedUnread: Scenario = {
  plan: plan("killed-unread", {
    publishers: [{ ...PUBLISHER, phases: [{ lines: 12_000, perSecond: 10_000, pauseMs: 0 }] }],
  }),
  async course(party) {
    const { actor, account } = party.lives[0]!;
    actor.pauseReading();
    await ends(party.sources[0]!, 20_000);
    account.killed = true;
    actor.signal("SIGKILL");
    actor.resumeReading();
    await actor.ended(5000);
    return ["unread-reader reader-1", "kill-reader reader-1"];
  },
};

/** A reader that has everything so far is killed in a pause; what comes after its session is over, too, it has not got. */
const killedInPause: Scenario = {
  plan: plan("killed-in-pause", {
    readers: [READER, { ...DIRECT, id: "reader-2" }],
    publishers: [{
      ...PUBLISHER,
      phases: [{ lines: 500, perSecond: 1000, pauseMs: PAST_SESSION_MS + 2000 }, {
        lines: 500,
        perSecond: 1000,
        pauseMs: 0,
      }],
    }],
  }),
  async course(party) {
    await has(party, "pub-1", 500);
    await sleep(300);
    const { actor, account } = party.lives[0]!;
    account.killed = true;
    actor.signal("SIGKILL");
    await actor.ended(5000);
    return ["kill-reader reader-1"];
  },
};

export const SCENARIOS: readonly Scenario[] = [
  stoppedReader("case-33", 3),
  stoppedReader("case-33-patient", 30),
  killedBrokers,
  wiped,
  nextOwner,
  comesAndGoes,
  outOfSight,
  killedInPause,
  killedUnread,
];
