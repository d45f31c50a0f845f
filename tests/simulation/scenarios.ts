/** Scenarios: who is there, and what may go wrong. Pure. */
import type { Random } from "../../lib/base/random.ts";
import type { FaultName, Role } from "./plan.ts";

/** How a scenario makes its plans. */
export interface Scenario {
  readonly what: string;
  cast(draw: Draw): Role[];
  /** What may go wrong, to whom; each is drawn as often as it is named. */
  readonly faults: readonly (readonly [FaultName, Role["kind"] | "zookeeper"])[];
  /** The only ones of which `other` may be one. */
  others?(roles: readonly Role[]): readonly Role[];
  /** Milliseconds between two faults, on average. */
  readonly everyMs?: number;
}

/** Chance, in the words that plans need. */
export class Draw {
  constructor(readonly random: Random) {}
  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }
  chance(share: number): boolean {
    return this.random() < share;
  }
}

export const SESSION_MS = 4000;
export const LONGEST_MS = 3 * SESSION_MS;
export const QUIET_MS = 45_000;

const brokers = (count: number, zones: number): Role[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `b${index + 1}`,
    kind: "broker",
    at: 0,
    zone: 1 + index % zones,
  }));

function clients(draw: Draw, kind: "publisher" | "subscriber", count: number, role: Partial<Role>): Role[] {
  const prefix = kind === "publisher" ? "p" : "s";
  return Array.from({ length: count }, (_, index) => ({
    id: `${prefix}${index + 1}${role.shared ? "s" : ""}`,
    kind,
    at: draw.between(0, 1000),
    topics: ["T"],
    history: kind === "publisher" ? 10 : draw.between(0, 10),
    ...kind === "publisher" && draw.chance(0.4) ? { until: draw.between(15_000, QUIET_MS) } : {},
    ...kind === "publisher" && draw.chance(0.3) ? { maxInFlight: draw.between(5, 300) } : {},
    ...kind === "publisher" && draw.chance(0.2) ? { flow: "drop" as const } : {},
    ...role,
  }));
}

const shared = { shared: true, topics: ["S"] };

/** A publisher that has little in flight, or keeps no more than some seconds, or both. */
function narrow(draw: Draw, role: Role): Role {
  const maxInFlight = draw.pick([1, 2, 10, 100, undefined]);
  const bytes = draw.pick([undefined, 20_000, 60_000]);
  return {
    ...role,
    flow: draw.pick(["wait", "drop"]),
    ...maxInFlight === undefined ? {} : { maxInFlight },
    ...bytes === undefined ? {} : { bytes },
  };
}

/** By name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  failover: {
    what: "brokers are lost: one, the next one too, all",
    cast: (draw) => [
      ...brokers(draw.between(1, 4), draw.between(1, 2)),
      ...clients(draw, "publisher", 2, { ...shared, centralized: draw.chance(0.5) }),
      ...clients(draw, "subscriber", 2, shared),
    ],
    faults: [["kill", "broker"], ["kill", "broker"], ["crash", "broker"], ["leave", "broker"], [
      "stop",
      "broker",
    ]],
    everyMs: 2500,
  },
  ownership: {
    what: "owners are lost, pre-empted, and come back",
    cast: (draw) => [
      ...brokers(2, 1),
      ...[1, 2, 3].flatMap((number) =>
        clients(draw, "publisher", 1, {
          id: `p${number}`,
          strength: draw.between(0, 3),
          at: draw.between(0, 20_000),
          centralized: draw.chance(0.3),
        })
      ),
      ...clients(draw, "subscriber", 2, {}),
    ],
    faults: [
      ["kill", "publisher"],
      ["stop", "publisher"],
      ["stop", "publisher"],
      ["leave", "publisher"],
      ["isolate", "publisher"],
      ["part", "publisher"],
      ["restart", "publisher"],
    ],
  },
  history: {
    what: "late joiners ask for history while brokers are lost",
    cast: (draw) => [
      ...brokers(2, 1),
      ...clients(draw, "publisher", 2, { ...shared, centralized: draw.chance(0.7) }),
      ...clients(draw, "subscriber", 6, shared).map((role) => ({ ...role, at: draw.between(500, 40_000) })),
    ],
    faults: [
      ["kill", "broker"],
      ["break", "subscriber"],
      ["leave", "subscriber"],
      ["stop", "publisher"],
      ["expel", "publisher"],
      ["wear", "publisher"],
    ],
  },
  zones: {
    what: "zones come and go, and clients move",
    cast: (draw) => [
      ...brokers(3, 3).map((role) => ({ ...role, at: draw.between(0, 20_000) })),
      ...clients(draw, "publisher", 3, shared),
      ...clients(draw, "publisher", 2, {}),
      ...clients(draw, "subscriber", 3, shared),
      ...clients(draw, "subscriber", 1, {}),
    ],
    faults: [["leave", "broker"], ["leave", "broker"], ["kill", "broker"], ["leave", "publisher"]],
    everyMs: 5000,
  },
  zookeeper: {
    what: "the coordination server is lost, loses replies, loses its data",
    cast: (draw) => [
      ...brokers(3, 2),
      ...clients(draw, "publisher", 2, { strength: draw.between(0, 1) }),
      ...clients(draw, "publisher", 1, shared),
      ...clients(draw, "subscriber", 2, {}),
      ...clients(draw, "subscriber", 1, shared),
    ],
    faults: [
      ["refuse", "zookeeper"],
      ["stop", "zookeeper"],
      ["wipe", "zookeeper"],
      ["cut", "broker"],
      ["deafen", "publisher"],
      ["deafen", "subscriber"],
      ["break", "broker"],
      ["break", "publisher"],
      ["wear", "zookeeper"],
      ["wear", "zookeeper"],
      ["expel", "publisher"],
      ["expel", "subscriber"],
    ],
  },
  disks: {
    what: "the coordination server ends, loses power, or its disk fails; it goes on with what it has on disk",
    cast: (draw) => [
      ...brokers(2, draw.between(1, 2)),
      ...clients(draw, "publisher", 2, { strength: draw.between(0, 1) }),
      ...clients(draw, "publisher", 1, shared),
      ...clients(draw, "subscriber", 1, {}),
      ...clients(draw, "subscriber", 1, shared),
    ],
    faults: [
      ["crash", "zookeeper"],
      ["blackout", "zookeeper"],
      ["blackout", "zookeeper"],
      ["slip", "zookeeper"],
      ["restart", "zookeeper"],
      ["disk", "zookeeper"],
      ["stop", "zookeeper"],
      ["kill", "broker"],
      ["kill", "publisher"],
      ["expel", "publisher"],
    ],
    everyMs: 2500,
  },
  cuts: {
    what: "ways are cut, one direction or both",
    cast: (draw) => [
      ...brokers(2, draw.between(1, 2)),
      ...clients(draw, "publisher", 2, { centralized: draw.chance(0.5) }),
      ...clients(draw, "publisher", 1, shared),
      ...clients(draw, "subscriber", 2, {}),
      ...clients(draw, "subscriber", 1, shared),
    ],
    faults: (["broker", "publisher", "subscriber"] as const).flatMap((kind) =>
      (["cut", "deafen", "part", "isolate", "break", "wear"] as const).map((what) => [what, kind] as const)
    ),
    everyMs: 2000,
  },
  detours: {
    what: "clients cannot reach their brokers any more, and others are there",
    cast: (draw) => [
      ...brokers(3, 3),
      ...clients(draw, "publisher", 2, shared),
      ...clients(draw, "subscriber", 3, shared),
    ],
    // The last broker can be reached by everybody.
    others: (roles) => roles.filter(({ kind }) => kind === "broker").slice(0, -1),
    faults: [["sever", "publisher"], ["sever", "subscriber"], ["wear", "publisher"], ["wear", "subscriber"]],
  },
  clocks: {
    what: "wall clocks are set",
    cast: (draw) => [
      ...brokers(2, 1),
      ...clients(draw, "publisher", 2, {}),
      ...clients(draw, "subscriber", 2, {}),
    ],
    faults: [
      ["clock", "broker"],
      ["clock", "publisher"],
      ["clock", "subscriber"],
      ["clock", "zookeeper"],
      ["kill", "publisher"],
      ["kill", "broker"],
    ],
  },
  slow: {
    what: "readers take their time, stand still, or have no time",
    cast: (draw) => [
      ...brokers(2, 1),
      ...clients(draw, "publisher", 2, { ...shared, centralized: draw.chance(0.5) }),
      ...clients(draw, "subscriber", 3, shared),
    ],
    faults: [
      ["slow", "subscriber"],
      ["slow", "subscriber"],
      ["stop", "subscriber"],
      ["busy", "subscriber"],
      ["busy", "publisher"],
      ["busy", "broker"],
      ["leave", "publisher"],
    ],
  },
  windows: {
    what: "windows, rooms and what may be in flight are small, and some ask for nothing again",
    cast: (draw) => {
      const topic = draw.chance(0.7) ? shared : {};
      const offered = draw.pick([0, 1, 5, 40]);
      return [
        ...brokers(2, 1),
        ...Array.from({ length: draw.between(1, 2) }, (_, index) =>
          narrow(draw, {
            id: `p${index + 1}`,
            kind: "publisher",
            at: draw.between(0, 1000),
            topics: ["T"],
            history: offered,
            centralized: draw.chance(0.5),
            ...topic,
          })),
        ...Array.from({ length: draw.between(2, 4) }, (_, index): Role => ({
          id: `s${index + 1}`,
          kind: "subscriber",
          at: draw.chance(0.5) ? draw.between(0, 1000) : draw.between(1000, 30_000),
          topics: ["T"],
          history: draw.between(0, offered),
          ...draw.chance(0.4) ? { bestEffort: true } : {},
          ...topic,
        })),
      ];
    },
    faults: [
      ["slow", "subscriber"],
      ["slow", "subscriber"],
      ["stop", "subscriber"],
      ["isolate", "subscriber"],
      ["wear", "subscriber"],
      ["wear", "subscriber"],
      ["break", "subscriber"],
      ["restart", "subscriber"],
      ["leave", "subscriber"],
      ["expel", "subscriber"],
      ["kill", "broker"],
      ["stop", "publisher"],
      ["expel", "publisher"],
      ["kill", "publisher"],
      ["wear", "publisher"],
    ],
  },
  names: {
    what: "who was killed is there again under the same id",
    cast: (draw) => [
      ...brokers(2, 1),
      ...clients(draw, "publisher", 2, {}),
      ...clients(draw, "publisher", 1, shared),
      ...clients(draw, "subscriber", 2, {}),
      ...clients(draw, "subscriber", 1, shared),
    ],
    faults: [["restart", "broker"], ["restart", "publisher"], ["restart", "subscriber"]],
    everyMs: 3000,
  },
  topics: {
    what: "publishers with 32 topics",
    cast: (draw) => [
      ...brokers(2, 1),
      ...clients(draw, "publisher", 2, {
        topics: Array.from({ length: 32 }, (_, index) => `T${index}`),
        centralized: draw.chance(0.5),
      }),
      ...clients(draw, "subscriber", 2, { topics: ["T1", "T7", "T31"] }),
    ],
    faults: [["kill", "publisher"], ["stop", "publisher"], ["kill", "broker"], ["part", "subscriber"], [
      "leave",
      "publisher",
    ]],
    everyMs: 5000,
  },
  pools: {
    what: "backup pools start and end zones by load, and lose brokers, or are lost",
    cast: (draw) => [
      ...Array.from({ length: draw.between(1, 2) }, (_, index): Role => ({
        id: `pool${index + 1}`,
        kind: "pool",
        at: draw.between(0, 2000),
        zones: draw.between(2, 3),
      })),
      ...clients(draw, "publisher", 2, { ...shared, centralized: draw.chance(0.5) }),
      ...clients(draw, "subscriber", draw.between(2, 7), shared).map((role) => ({
        ...role,
        at: draw.between(0, 30_000),
      })),
    ],
    faults: [
      ["orphan", "pool"],
      ["orphan", "pool"],
      ["kill", "pool"],
      ["leave", "pool"],
      ["stop", "pool"],
      ["part", "pool"],
      ["leave", "subscriber"],
    ],
    everyMs: 6000,
  },
  herd: {
    what: "200 clients come at once, and again when their broker is lost",
    cast: (draw) => [
      ...brokers(2, 1),
      ...clients(draw, "publisher", 1, shared),
      ...clients(draw, "subscriber", 199, shared),
    ],
    faults: [["kill", "broker"], ["refuse", "zookeeper"]],
    everyMs: 20_000,
  },
  mixed: {
    what: "everything",
    cast: (draw) => [
      ...brokers(draw.between(2, 4), draw.between(1, 2)),
      ...clients(draw, "publisher", draw.between(1, 3), { strength: draw.between(0, 2) }),
      ...clients(draw, "publisher", 1, { ...shared, centralized: draw.chance(0.5) }),
      ...clients(draw, "subscriber", draw.between(1, 2), {}),
      ...clients(draw, "subscriber", draw.between(1, 2), shared),
    ],
    faults: [
      ...(["broker", "publisher", "subscriber"] as const).flatMap((kind) =>
        ([
          "kill",
          "crash",
          "restart",
          "leave",
          "stop",
          "cut",
          "deafen",
          "part",
          "isolate",
          "break",
          "wear",
          "expel",
          "clock",
          "busy",
        ] as const)
          .map((what) => [what, kind] as const)
      ),
      ["slow", "subscriber"],
      ["refuse", "zookeeper"],
      ["stop", "zookeeper"],
      ["restart", "zookeeper"],
      ["crash", "zookeeper"],
      ["wipe", "zookeeper"],
    ],
    everyMs: 2500,
  },
};

/** Scenarios that random seeds choose from: `herd` takes as long as a hundred others. */
export const ORDINARY: readonly string[] = Object.keys(SCENARIOS).filter((name) => name !== "herd");
