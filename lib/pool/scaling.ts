/**
 * How many zones there should be, and who runs them: the acting backup pool's decisions. Pure: time is a parameter.
 *
 * Guarantee: above the threshold zones are ordered at once, as many as bring the load to it; below the low threshold,
 * when that has lasted for the cool-down and nothing was changed for as long, the newest are ended, never so many that
 * the load would be above the threshold again. With a constant number of clients it comes to rest and stays there. A
 * zone number is never given twice. Only zones that pools started are ended, and never the last zone of all.
 */
import { loadOf } from "../model/load.ts";
import { Draft, least } from "./scaling_draft.ts";
import type { PoolMember, ScalingPlan, ScalingStep } from "./scaling_plan.ts";

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
/** Nothing is started for so long after a pool has begun to act: others may just be coming back, as it has. */
const SETTLE_MS = 1000;
/** No zone at all for so long is said: somebody may just be starting a broker. */
const ZONELESS_MS = 3000;

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
  #zonelessSince: number | undefined;
  #changedAt: number;

  /** @param now when the pool began to act, in the same milliseconds as later. */
  constructor(pool: string, settings: ScalingSettings, now: number) {
    this.#pool = pool;
    this.#settings = settings;
    this.#begunAt = this.#changedAt = now;
  }

  /**
   * @param now milliseconds that are never set, by which what has lasted is measured. What another pool has written is
   *   compared with them, so they are near those since the epoch.
   * @param date milliseconds since the epoch, for people.
   */
  decide(before: ScalingPlan | undefined, facts: ScalingFacts, now: number, date = now): Decision {
    const draft = new Draft(before ?? emptyPlan(this.#pool, this.#settings), facts, now, date);
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
    const resizeMs = settling > 0 ? settling : this.#shrink(draft);
    const againMs = least(resizeMs, this.#noticeZoneless(draft));
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

  /** Without a zone no client can register, so none is counted: that is no rest. @returns when to look again. */
  #noticeZoneless(draft: Draft): number | undefined {
    const isZoneless = draft.serving(draft.facts.occupied) === 0;
    this.#zonelessSince = isZoneless ? this.#zonelessSince ?? draft.now : undefined;
    if (this.#zonelessSince === undefined) return undefined;
    const left = this.#zonelessSince + ZONELESS_MS - draft.now;
    if (left > 0) return left;
    draft.waiting ??=
      "there is no zone, so no client can register, and there is no load to see: start a broker, " +
      "or a backup pool with --min-zones 1";
    return undefined;
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
