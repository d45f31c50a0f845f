/**
 * The plan of zones while the acting pool changes it (`Scaling`): orders given, settled, resumed and ended. Pure: time is
 * a parameter.
 */
import type { ScalingFacts } from "./scaling.ts";
import {
  type PoolZone,
  type ScalingPlan,
  type ScalingStep,
  withStep,
  type ZoneOrder,
} from "./scaling_plan.ts";

/** A zone that has no primary for so long is given to another pool. */
const START_MS = 15_000;
/** A zone that could not be ended is not tried again for so long. */
const KEEP_MS = 60_000;
/** A pool that has no record for so long is gone. */
const GONE_MS = 1500;
/** A zone that is to end and is not run has ended, if it is to end for so long: its pool has read that. */
const HEARD_MS = 1000;

/** The plan while it is being changed. */
export class Draft {
  readonly steps: ScalingStep[] = [];
  waiting: string | undefined;
  /** Zones were ordered or are to end. */
  resized = false;
  againMs: number | undefined;
  readonly #before: ScalingPlan;
  #orders: number;
  #zones: ZoneOrder[];

  constructor(
    before: ScalingPlan,
    readonly facts: ScalingFacts,
    readonly now: number,
    readonly date: number,
  ) {
    this.#before = before;
    this.#orders = before.orders;
    // What another pool wrote may be of a clock that is ahead: nothing lasts longer for that.
    this.#zones = before.zones.map((order) => ({
      ...order,
      since: Math.min(order.since, now),
      ...order.keptUntil === undefined ? {} : { keptUntil: Math.min(order.keptUntil, now + KEEP_MS) },
    }));
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
    this.steps.push({ time: this.date, action, zone, pool, reason });
  }
}

/** The less of two times, of which either may not be. */
export function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}
