/**
 * Which clients go from which zone to which: only the excess moves. Pure: time is a parameter.
 *
 * Guarantee: of the ways to reach the flattest possible distribution the one with the fewest moves is taken; a zone
 * gives or takes, never both; what is flat already is left alone, so nothing is ever moved back. Clients that stay
 * where they are (pinned) are counted and not moved. A zone that drains gives all that can go, and takes none.
 */

/** A zone with a primary. */
export interface ZoneState {
  readonly zone: number;
  readonly clients: number;
  /** Of them, those that do not move. */
  readonly pinned: number;
  /** It is about to end. */
  readonly draining: boolean;
}

/** So many clients go. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** What a plan may do. */
export interface MoveOptions {
  /** Whether zones that do not drain give clients too. */
  readonly balance: boolean;
  /** The most clients that one zone gives. */
  readonly most: number;
}

/** The moves of one step, no client more than once. None when nothing has to move or there is nowhere to go. */
export function planMoves(zones: readonly ZoneState[], { balance, most }: MoveOptions): Move[] {
  const staying = zones.filter(({ draining }) => !draining);
  if (staying.length === 0) return [];
  const leaving = zones.filter(({ draining }) => draining);
  const wanted = flattest(staying, leaving.reduce((sum, zone) => sum + movable(zone), 0), balance);
  const excess = (zone: ZoneState) =>
    zone.draining ? movable(zone) : Math.max(0, zone.clients - wanted.get(zone.zone)!);
  const moves: Move[] = [];
  const takers = staying
    .map(({ zone, clients }) => ({ zone, room: wanted.get(zone)! - clients }))
    .filter(({ room }) => room > 0);
  for (const giver of [...leaving, ...staying]) {
    let left = Math.min(excess(giver), most);
    while (left > 0 && takers.length > 0) {
      const taker = takers[0]!;
      const count = Math.min(left, taker.room);
      moves.push({ from: giver.zone, to: taker.zone, count });
      left -= count;
      taker.room -= count;
      if (taker.room === 0) takers.shift();
    }
  }
  return moves;
}

function movable({ clients, pinned }: ZoneState): number {
  return Math.max(0, clients - pinned);
}

/** How many clients each zone has when `more` have come and all that may move are spread as evenly as can be. */
function flattest(zones: readonly ZoneState[], more: number, balance: boolean): Map<number, number> {
  const floor = ({ clients, pinned }: ZoneState) => balance ? Math.min(pinned, clients) : clients;
  const wanted = new Map<number, number>();
  let free = [...zones];
  let rest = zones.reduce((sum, { clients }) => sum + clients, more);
  // A zone that cannot come down to the mean keeps what it cannot give, and the others share the rest.
  for (let before = -1; before !== free.length;) {
    before = free.length;
    const mean = rest / free.length;
    const high = free.filter((zone) => floor(zone) > mean);
    for (const zone of high) {
      wanted.set(zone.zone, floor(zone));
      rest -= floor(zone);
    }
    free = free.filter((zone) => !high.includes(zone));
  }
  const level = Math.floor(rest / free.length);
  // One more for those that have most now: fewest moves.
  const byClients = free.sort((a, b) => b.clients - a.clients || a.zone - b.zone);
  byClients.forEach(({ zone }, i) => wanted.set(zone, level + (i < rest - level * free.length ? 1 : 0)));
  return wanted;
}

/** How long the counts of a step are waited for before they are taken for what they are. */
const ARRIVAL_MS = 3000;
/** Twice as long after each step of which nobody has arrived, but not longer than this: perhaps nobody can. */
const LONGEST_ARRIVAL_MS = 60_000;
/** Zones that have been flat for so long are left alone until a zone appears or drains, or they are very uneven. */
const QUIET_MS = 5000;
/** Left alone, they are looked at this often ... */
const REST_LOOK_MS = 5000;
/** ... and the difference between the fullest and the emptiest may be this part of the mean, and is at least 1. */
const REST_SPREAD = 0.2;
/** The most clients that one zone gives in one step: their registrations come all at once. */
const MOST_A_STEP = 100;
const LOOK_MS = 200;
const QUIET_LOOK_MS = 500;

/** What to do now. */
export interface Outlook {
  readonly moves: readonly Move[];
  /** Why there is a step at all. */
  readonly reason: string;
  /** Look again after so many milliseconds, or when zones have changed. */
  readonly againMs: number;
}

/** What a step is to bring about. */
interface Expected {
  /** How many clients each zone had that gets some, and is to have. */
  readonly counts: ReadonlyMap<number, { readonly before: number; readonly after: number }>;
  readonly since: number;
  until: number;
}

/**
 * Step after step from the moment a zone appears or drains, or the zones are very uneven, until they are flat and stay
 * so. A step is planned only when the clients of the one before have arrived, so that none is moved because it was
 * counted nowhere.
 */
export class Rebalancing {
  readonly #balance: boolean;
  #known = new Map<number, boolean>();
  #reason = "";
  #active = false;
  #flatSince: number | undefined;
  #expected: Expected | undefined;
  #patienceMs = ARRIVAL_MS;

  /** @param balance whether clients move between zones that do not drain. */
  constructor(balance: boolean) {
    this.#balance = balance;
  }

  /** Look at the zones that have a primary. */
  look(now: number, zones: readonly ZoneState[]): Outlook {
    this.#compare(zones);
    if (!this.#active && this.#balance && isUneven(zones)) this.#begin("zones are uneven");
    if (!this.#active) return { moves: [], reason: this.#reason, againMs: REST_LOOK_MS };
    const arrived = this.#expected ? this.#arrived(zones) : "all";
    // Where some arrive the others do soon, or not at all.
    if (arrived === "some") this.#hurry();
    if (arrived !== "all" && now < this.#expected!.until) {
      return { moves: [], reason: this.#reason, againMs: LOOK_MS * this.#patienceMs / ARRIVAL_MS };
    }
    this.#patienceMs = arrived === "none" ? Math.min(2 * this.#patienceMs, LONGEST_ARRIVAL_MS) : ARRIVAL_MS;
    this.#expected = undefined;
    const moves = planMoves(zones, { balance: this.#balance, most: MOST_A_STEP });
    if (moves.length > 0) {
      this.#flatSince = undefined;
      this.#expect(now, zones, moves);
      return { moves, reason: this.#reason, againMs: LOOK_MS };
    }
    this.#flatSince ??= now;
    const rests = now - this.#flatSince >= QUIET_MS && !zones.some(({ draining }) => draining);
    if (rests) this.#active = false;
    return { moves, reason: this.#reason, againMs: rests ? REST_LOOK_MS : QUIET_LOOK_MS };
  }

  #compare(zones: readonly ZoneState[]): void {
    const now = new Map(zones.map(({ zone, draining }) => [zone, draining]));
    const news: string[] = [];
    for (const [zone, draining] of now) {
      const before = this.#known.get(zone);
      if (before === undefined) news.push(`zone ${zone} is new`);
      else if (before !== draining) news.push(`zone ${zone} ${draining ? "drains" : "stays"}`);
    }
    for (const zone of this.#known.keys()) if (!now.has(zone)) news.push(`zone ${zone} has ended`);
    const first = this.#known.size === 0;
    this.#known = now;
    if (news.length > 0) this.#begin(first ? "zones as found" : news.join(", "));
  }

  #begin(reason: string): void {
    this.#reason = reason;
    this.#active = true;
    this.#flatSince = undefined;
    this.#hurry();
  }

  /** Nobody is waited for longer than usual. */
  #hurry(): void {
    this.#patienceMs = ARRIVAL_MS;
    const expected = this.#expected;
    if (expected) expected.until = Math.min(expected.until, expected.since + ARRIVAL_MS);
  }

  #expect(now: number, zones: readonly ZoneState[], moves: readonly Move[]): void {
    const counts = new Map<number, { before: number; after: number }>();
    for (const { to, count } of moves) {
      const before = zones.find(({ zone }) => zone === to)!.clients;
      counts.set(to, { before, after: (counts.get(to)?.after ?? before) + count });
    }
    this.#expected = { counts, since: now, until: now + this.#patienceMs };
  }

  /** Who of the last step has arrived. */
  #arrived(zones: readonly ZoneState[]): "all" | "some" | "none" {
    const counts = new Map(zones.map(({ zone, clients }) => [zone, clients]));
    const changes = [...this.#expected!.counts].map(([zone, count]) => ({
      ...count,
      now: counts.get(zone) ?? Infinity,
    }));
    if (changes.every(({ after, now }) => now >= after)) return "all";
    return changes.some(({ before, now }) => now > before) ? "some" : "none";
  }
}

function isUneven(zones: readonly ZoneState[]): boolean {
  const counts = zones.filter(({ draining }) => !draining).map(({ clients }) => clients);
  if (counts.length < 2) return false;
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return Math.max(...counts) - Math.min(...counts) > Math.max(1, mean * REST_SPREAD);
}
