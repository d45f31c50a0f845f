/** What happens in a run: who is there, and which faults come when. All of it follows from a seed. Pure. */
import { seeded } from "../../lib/base/random.ts";
import { Draw, LONGEST_MS, ORDINARY, QUIET_MS, SCENARIOS, SESSION_MS } from "./scenarios.ts";

const FIRST_MS = 3000;

/** Somebody who is there from a moment on. Times are milliseconds since the beginning. */
export interface Role {
  readonly id: string;
  readonly kind: "pool" | "broker" | "publisher" | "subscriber";
  readonly at: number;
  /** A publisher's: it publishes no more after that. */
  readonly until?: number;
  readonly flow?: "wait" | "drop";
  /** Samples of a topic that may be unacknowledged. */
  readonly maxInFlight?: number;
  /** Bytes of its samples, if they are longer than their names: windows and rooms hold less of them. */
  readonly bytes?: number;
  /** A subscriber's: not reliable. */
  readonly bestEffort?: boolean;
  /** A broker's. */
  readonly zone?: number;
  /** A pool's: zones that it runs at most. */
  readonly zones?: number;
  /** A client's. */
  readonly topics?: readonly string[];
  readonly shared?: boolean;
  readonly history?: number;
  readonly strength?: number;
  readonly centralized?: boolean;
}

/** What can go wrong. */
export type FaultName =
  | "kill" // and another one in its place, after `ms`
  | "crash" // the same with its host: nobody is told; the coordination server is there again with what was on its disk
  | "restart" // killed, and after `ms` there again under the same id; the coordination server with what it has written
  | "leave" // as by Ctrl-C, and another one in its place
  | "stop" // for `ms`
  | "cut" // what it sends to `other` gets lost
  | "deafen" // what `other` sends to it gets lost
  | "part" // both
  | "isolate" // from everybody
  | "break" // its connections to `other`, once
  | "wear" // its connections to `other`, after some items each, for `ms`
  | "expel" // nothing between it and the coordination server, for so long that its session ends
  | "sever" // nothing between it and `other`, for good
  | "clock" // its wall clock is set by `ms`
  | "slow" // a subscriber takes its time
  | "busy" // everything takes it longer
  | "refuse" // the coordination server breaks all connections, and takes none for `ms`
  | "blackout" // as "crash" of the coordination server, when it makes, renames or removes a file the next time
  | "slip" // as "restart" of it, then
  | "disk" // its disk fails: it ends, and after `ms` it is there again
  | "wipe" // it is another one, without any data
  | "orphan"; // a broker of a pool is killed

/** A fault. */
export interface Fault {
  readonly at: number;
  readonly what: FaultName;
  /** Id of whom it concerns: whoever has that place by then. */
  readonly who: string;
  readonly other?: string;
  readonly ms: number;
}

/** A run. One that once failed is kept as it was then, in `kept/`: seeds get other plans when scenarios change. */
export interface Plan {
  readonly seed: number;
  readonly scenario: string;
  readonly roles: readonly Role[];
  readonly faults: readonly Fault[];
  /** After this nothing goes wrong any more. */
  readonly quietAt: number;
}

/** Faults that are there for a while. */
const LASTING: ReadonlySet<FaultName> = new Set(["cut", "deafen", "part", "isolate", "wear"]);

/** Faults after which there is somebody again. */
const AGAIN: ReadonlySet<FaultName> = new Set([
  "kill",
  "crash",
  "leave",
  "restart",
  "blackout",
  "slip",
  "disk",
]);

/** How long a fault lasts, or what its measure is. */
function extentOf(what: FaultName, draw: Draw): number {
  if (what === "clock") return draw.between(-60_000, 60_000);
  if (what === "slow") return draw.between(20, 300);
  if (what === "busy") return draw.between(500, 5000);
  if (what === "expel") return draw.between(2 * SESSION_MS, 8 * SESSION_MS);
  if (AGAIN.has(what)) {
    return draw.chance(0.3) ? draw.between(0, 50) : draw.between(50, 3000);
  }
  return draw.chance(0.5) ? draw.between(50, SESSION_MS - 500) : draw.between(SESSION_MS, LONGEST_MS);
}

/** The run of that seed. @param scenario chosen by the seed when it is not given */
export function planOf(seed: number, scenario?: string): Plan {
  const draw = new Draw(seeded(Math.imul(seed, 0x2545f491) ^ 0x9e3779b9));
  const chosen = draw.pick(ORDINARY);
  const name = scenario ?? chosen;
  const { cast, faults: kinds, others: othersOf, everyMs = 4000 } = SCENARIOS[name]!;
  const roles = cast(draw);
  const far = othersOf?.(roles).map(({ id }) => id) ??
    ["zookeeper", "zookeeper", ...roles.map(({ id }) => id)];
  const quietAt = QUIET_MS + LONGEST_MS;
  const faults: Fault[] = [];
  for (let at = FIRST_MS;;) {
    at += draw.between(everyMs / 10, 2 * everyMs);
    if (at >= QUIET_MS) break;
    const [what, kind] = draw.pick(kinds);
    const who = kind === "zookeeper" ? kind : draw.pick(roles.filter((role) => role.kind === kind)).id;
    const other = who === "zookeeper" ? draw.pick(roles).id : draw.pick(far.filter((id) => id !== who));
    const ms = extentOf(what, draw);
    faults.push({ at, what, who, other, ms: what === "expel" ? Math.min(ms, quietAt - at) : ms });
  }
  const ending = roles.map((role) => endingWithin(role, faults, draw));
  return { seed, scenario: name, roles: ending, faults, quietAt };
}

/** Of publishers that end early some do so while something is wrong with them: their last samples are the easiest to lose. */
function endingWithin(role: Role, faults: readonly Fault[], draw: Draw): Role {
  const own = faults.filter(({ who, what }) => who === role.id && LASTING.has(what));
  if (role.until === undefined || own.length === 0 || draw.chance(0.3)) return role;
  const { at, ms } = draw.pick(own);
  return { ...role, until: at + draw.between(0, ms) };
}
