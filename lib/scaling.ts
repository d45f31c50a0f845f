/**
 * How many zones there should be, and who runs them: the acting backup pool's decisions. Pure: time is a parameter.
 *
 * Guarantee: above the threshold zones are ordered at once, as many as bring the load to it; below the low threshold,
 * when that has lasted for the cool-down and nothing was changed for as long, the newest are ended, never so many that
 * the load would be above the threshold again. With a constant number of clients it comes to rest and stays there. A
 * zone number is never given twice. Only zones that pools started are ended, and never the last zone of all.
 */
import { loadOf } from "./load.ts";
import {
  type PoolMember,
  type PoolZone,
  type ScalingPlan,
  type ScalingStep,
  withStep,
  type ZoneOrder,
} from "./scaling_plan.ts";

/** What the acting pool was asked to keep to. */
export interface ScalingSettings {
  /** A load above it is too much. */
  readonly threshold: number;
  /** A load below it is too little. */
  readonly low: number;
  /** Zones with a primary that there are at least, whoever started them. */
  readonly minZones: number;
  readonly cooldownMs: number;
}

/** What is so now. */
export interface ScalingFacts {
  /** Registered publishers and subscribers. */
  readonly clients: number;
  /** Zones with a primary. */
  readonly primaries: ReadonlySet<number>;
  /** Zones with any live broker. */
  readonly occupied: ReadonlySet<number>;
  /** The live pools by id. */
  readonly pools: ReadonlyMap<string, PoolMember>;
}

/** Zones that are being started at the same time at most: each is a process, and those cost a start each. */
const STARTING_AT_ONCE = 8;
/** A zone that has no primary for so long is given to another pool. */
const START_MS = 15_000;
/** A zone that could not be ended is not tried again for so long. */
const KEEP_MS = 60_000;
/** Nothing is started for so long after a pool has begun to act: others may just be coming back, as it has. */
const SETTLE_MS = 1000;
/** A pool that has no record for so long is gone. */
const GONE_MS = 1500;
/** A zone that is to end and is not run has ended, if it is to end for so long: its pool has read that. */
const HEARD_MS = 1000;

/** What is to be written, if anything, and when to look again. */
export interface Decision {
  /** Undefined: it stays as it is. */
  readonly plan: ScalingPlan | undefined;
  /** The new steps. */
  readonly steps: readonly ScalingStep[];
  readonly againMs: number | undefined;
}

/** An empty plan. */
export function emptyPlan(acting: string, { threshold, low }: ScalingSettings): ScalingPlan {
  return { acting, threshold, low, orders: 0, zones: [], steps: [] };
}

/** Decides as long as one pool acts. */
export class Scaling {
  readonly #pool: string;
  readonly #settings: ScalingSettings;
  /** Since when wanted zones have had no primary. */
  readonly #leaderless = new Map<number, number>();
  /** Since when pools that have zones have had no record. */
  readonly #absent = new Map<string, number>();
  readonly #begunAt: number;
  #lowSince: number | undefined;
  #changedAt: number;

  /** @param now when the pool began to act, in the same milliseconds as later. */
  constructor(pool: string, settings: ScalingSettings, now: number) {
    this.#pool = pool;
    this.#settings = settings;
    this.#begunAt = this.#changedAt = now;
  }

  /** @param now milliseconds since the epoch. */
  decide(before: ScalingPlan | undefined, facts: ScalingFacts, now: number): Decision {
    const draft = new Draft(before ?? emptyPlan(this.#pool, this.#settings), facts, now);
    const zones = before?.zones ?? [];
    draft.settle({
      leaderless: since(
        this.#leaderless,
        zones.map(({ zone }) => zone).filter((zone) => !facts.primaries.has(zone)),
        now,
      ),
      absent: since(
        this.#absent,
        zones.map(({ pool }) => pool).filter((pool) => !facts.pools.has(pool)),
        now,
      ),
    });
    const settling = this.#begunAt + SETTLE_MS - now;
    if (settling <= 0) this.#grow(draft);
    const againMs = settling > 0 ? settling : this.#shrink(draft);
    if (draft.resized) this.#changedAt = now;
    const { threshold, low } = this.#settings;
    const plan: ScalingPlan = { ...draft.plan(), acting: this.#pool, threshold, low };
    const same = before !== undefined && JSON.stringify(plan) === JSON.stringify(before);
    return { plan: same ? undefined : plan, steps: draft.steps, againMs: least(againMs, draft.againMs) };
  }

  #grow(draft: Draft): void {
    const { threshold, minZones } = this.#settings;
    const { clients, occupied } = draft.facts;
    const needed = Math.max(minZones, zonesFor(clients, threshold));
    // A zone that has brokers and no primary is about to elect one: nothing is started in its place.
    const zones = draft.serving(occupied);
    const load = loadOf(clients, 0, zones);
    const tooMuch = load > threshold;
    const now = `${amount(clients, "client")} in ${amount(zones, "zone")}`;
    const reason = tooMuch && zones === 0
      ? now
      : tooMuch
      ? `load ${figure(load)} is above ${threshold}: ${now}`
      : `there are to be ${minZones} zones at least`;
    for (let missing = needed - zones; missing > 0; missing--) {
      if (draft.starting() >= STARTING_AT_ONCE) return;
      if (draft.resume(reason)) continue;
      if (!draft.start(reason)) {
        draft.waiting = `${
          tooMuch ? `the load is above ${threshold}` : "there are too few zones"
        }, and no backup pool may run another zone`;
        return;
      }
    }
  }

  /** @returns when to look again. */
  #shrink(draft: Draft): number | undefined {
    const { threshold, low, minZones, cooldownMs } = this.#settings;
    const { facts: { clients }, now } = draft;
    const zones = draft.serving();
    let wanted = zones;
    while (
      wanted > Math.max(minZones, 1) && clients / wanted < low && clients / (wanted - 1) <= threshold
    ) wanted--;
    if (wanted === zones) {
      this.#lowSince = undefined;
      return undefined;
    }
    this.#lowSince ??= now;
    const due = Math.max(this.#lowSince, this.#changedAt) + cooldownMs;
    if (now < due) return due - now;
    const reason = `load ${figure(clients / zones)} is below ${low}: ${amount(clients, "client")} in ${
      amount(zones, "zone")
    }`;
    for (; wanted < zones; wanted++) if (!draft.end(reason)) break;
    return undefined;
  }
}

/** The plan while it is being changed. */
class Draft {
  readonly steps: ScalingStep[] = [];
  waiting: string | undefined;
  /** Zones were ordered or are to end. */
  resized = false;
  againMs: number | undefined;
  readonly #before: ScalingPlan;
  #orders: number;
  #zones: ZoneOrder[];

  constructor(before: ScalingPlan, readonly facts: ScalingFacts, readonly now: number) {
    this.#before = before;
    this.#orders = before.orders;
    this.#zones = before.zones.map((order) => ({ ...order }));
  }

  plan(): ScalingPlan {
    const steps = this.steps.reduce(withStep, this.#before.steps);
    const { acting, threshold, low } = this.#before;
    return {
      ...{ acting, threshold, low, orders: this.#orders, zones: this.#zones, steps },
      ...this.waiting === undefined ? {} : { waiting: this.waiting.slice(0, 300) },
    };
  }

  /** Zones that serve or will soon, whoever started them; `others` are some more. */
  serving(others: ReadonlySet<number> = new Set()): number {
    const ending = new Set(this.#zones.filter(({ state }) => state === "ending").map(({ zone }) => zone));
    const zones = this.facts.primaries.union(others).difference(ending);
    for (const { zone, state } of this.#zones) if (state === "wanted") zones.add(zone);
    return zones.size;
  }

  /** Wanted zones that have no primary yet. */
  starting(): number {
    return this.#zones.filter(({ zone, state }) => state === "wanted" && !this.facts.primaries.has(zone))
      .length;
  }

  /** What has become of the orders, and since when zones have had no primary and pools no record. */
  settle({ leaderless, absent }: {
    leaderless: ReadonlyMap<number, number>;
    absent: ReadonlyMap<string, number>;
  }): void {
    for (const order of [...this.#zones]) {
      const pool = this.facts.pools.get(order.pool);
      const run = pool?.zones.find(({ zone }) => zone === order.zone);
      const hasPrimary = this.facts.primaries.has(order.zone);
      if (!pool) {
        const left = (absent.get(order.pool) ?? this.now) + GONE_MS - this.now;
        if (left > 0) this.againMs = least(this.againMs, left);
        else if (!hasPrimary) this.#drop(order, "gone", "its backup pool is gone");
      } else if (order.state === "ending") this.#settleEnding(order, run);
      else if (!hasPrimary) this.#settleStarting(order, leaderless.get(order.zone) ?? this.now);
    }
  }

  #settleEnding(order: ZoneOrder, run: PoolZone | undefined): void {
    const left = order.since + HEARD_MS - this.now;
    if (run === undefined && left > 0) this.againMs = least(this.againMs, left);
    else if (run === undefined) this.#drop(order, "ended", "its clients are in other zones");
    else if (run.state === "drained" && run.pinned > 0) {
      order.state = "wanted";
      order.since = this.now;
      order.keptUntil = this.now + KEEP_MS;
      this.#step("keep", order, `${run.pinned} of its clients stay in this zone (--zone)`);
      this.resized = true;
    }
  }

  /** A zone without a primary: wait for it, or have somebody else try. */
  #settleStarting(order: ZoneOrder, leaderlessSince: number): void {
    const left = Math.max(order.since, leaderlessSince) + START_MS - this.now;
    if (left > 0) {
      this.againMs = least(this.againMs, left);
      return;
    }
    const other = this.#roomiest(order.pool);
    if (other === undefined) return;
    const failed = order.pool;
    order.pool = other;
    order.since = this.now;
    this.#step("move", order, `it has no primary after ${START_MS / 1000} s on ${failed}`);
  }

  /** Order one more zone. @returns false when nobody has room. */
  start(reason: string): boolean {
    const pool = this.#roomiest();
    if (pool === undefined) return false;
    const taken = new Set([...this.facts.primaries, ...this.facts.occupied]);
    for (const { zone } of this.#zones) taken.add(zone);
    let zone = 1;
    while (taken.has(zone)) zone++;
    const order: ZoneOrder = { zone, pool, state: "wanted", since: this.now, number: ++this.#orders };
    this.#zones.push(order);
    this.resized = true;
    this.#step("start", order, reason);
    return true;
  }

  /** Keep a zone that was about to end. @returns false when there is none. */
  resume(reason: string): boolean {
    const order = this.#zones.findLast(({ state, pool }) => state === "ending" && this.facts.pools.has(pool));
    if (order === undefined) return false;
    order.state = "wanted";
    order.since = this.now;
    this.resized = true;
    this.#step("keep", order, reason);
    return true;
  }

  /** Have the newest zone end. @returns false when there is none that may. */
  end(reason: string): boolean {
    const candidates = this.#zones.filter(({ zone, state, pool, keptUntil = 0 }) =>
      state === "wanted" && this.facts.pools.has(pool) && this.facts.primaries.has(zone) &&
      keptUntil <= this.now
    );
    const order = candidates.toSorted((a, b) => b.number - a.number)[0];
    if (order === undefined) return false;
    order.state = "ending";
    order.since = this.now;
    delete order.keptUntil;
    this.resized = true;
    this.#step("end", order, reason);
    return true;
  }

  /** The live pool that may run most further zones; undefined when none may. */
  #roomiest(except?: string): string | undefined {
    let best: { pool: string; room: number } | undefined;
    for (const [pool, { most }] of [...this.facts.pools].sort(([a], [b]) => a < b ? -1 : 1)) {
      const room = most - this.#zones.filter((order) => order.pool === pool).length;
      if (pool !== except && room > 0 && room > (best?.room ?? 0)) best = { pool, room };
    }
    return best?.pool;
  }

  #drop(order: ZoneOrder, action: "ended" | "gone", reason: string): void {
    this.#zones = this.#zones.filter((other) => other !== order);
    this.#step(action, order, reason);
  }

  #step(action: ScalingStep["action"], { zone, pool }: ZoneOrder, reason: string): void {
    this.steps.push({ time: this.now, action, zone, pool, reason });
  }
}

/** Keeps since when keys have been there; forgets those that are not any more. */
function since<K>(times: Map<K, number>, keys: readonly K[], now: number): ReadonlyMap<K, number> {
  const present = new Set(keys);
  for (const key of times.keys()) if (!present.has(key)) times.delete(key);
  for (const key of present) times.getOrInsert(key, now);
  return times;
}

/** The fewest zones in which `clients` are not too many. */
export function zonesFor(clients: number, threshold: number): number {
  let zones = Math.ceil(clients / threshold);
  while (zones > 1 && clients / (zones - 1) <= threshold) zones--;
  while (clients > 0 && clients / zones > threshold) zones++;
  return zones;
}

function figure(load: number): string {
  return String(Number(load.toFixed(2)));
}

function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}
