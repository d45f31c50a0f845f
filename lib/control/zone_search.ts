/**
 * A client's search for a zone: what it wants, whom it avoids, and how it chooses among those that have a primary.
 *
 * Guarantee: it reads as little as the choice needs: the names of the zones, and the counts of those that are compared;
 * nothing is watched while there is a zone to choose. When none of the zones there are will do, one of them is waited
 * for a moment, so that a primary's record that cannot be read costs no more than one that is missing. Suspended: it
 * answers that ZooKeeper is waited for.
 */
import { monotonic } from "../base/clock.ts";
import { CoordinationError } from "../base/errors.ts";
import { PRIMARIES, zoneOf } from "../model/paths.ts";
import type { BrokerRecord } from "../wire/control.ts";
import { listChildren } from "../zk/list_children.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";
import { type Assignment, lightest, zonesToCompare } from "../model/zone_choice.ts";
import { zoneClients } from "../recipes/zone_clients.ts";

/** A broker that did not answer is not tried again for so long, if there is another. */
const AVOID_MS = 5000;
/** A zone that has no primary after all, or is about to end, is passed over for so long, if there is another. */
const PASS_OVER_MS = 1000;
/** One whose primary's record cannot be read is, for so long: somebody has to mend it. */
const UNREADABLE_MS = 30_000;

/** Where to register. */
export interface ZoneTarget {
  readonly zone: number;
  /** Monotonic milliseconds until which its primary is waited for, if it has none. */
  readonly until: number;
  /** Whether any primary will do, for want of a better one. */
  readonly anyPrimary: boolean;
}

/** Finds zones for one client. */
export class ZoneSearch {
  readonly #zk: ZooKeeper;
  readonly #pinned: number | undefined;
  readonly #assignment: Assignment;
  readonly #onChange: () => void;
  readonly #avoided = new Map<string, number>();
  readonly #passedOver = new Map<number, number>();
  #preferred: { zone: number; until: number } | undefined;

  /** @param onChange called when there may be a primary after there was none. One stable function. */
  constructor(
    zk: ZooKeeper,
    options: { pinned: number | undefined; assignment: Assignment | undefined; onChange: () => void },
  ) {
    this.#zk = zk;
    this.#pinned = options.pinned;
    this.#assignment = options.assignment ?? "random";
    this.#onChange = options.onChange;
  }

  /** Go to this zone, if it has a primary within `ms`. */
  prefer(zone: number, ms: number): void {
    this.#preferred = { zone, until: monotonic() + ms };
  }

  /** This broker did not answer. */
  avoid(broker: BrokerRecord): void {
    this.#avoided.set(broker.control, monotonic() + AVOID_MS);
    this.#passedOver.set(broker.zone, monotonic() + AVOID_MS);
  }

  /** This zone is not for us just now: it has no primary, is about to end, or its primary's record is unreadable. */
  passOver(zone: number, isUnreadable = false): void {
    this.#passedOver.set(zone, monotonic() + (isUnreadable ? UNREADABLE_MS : PASS_OVER_MS));
  }

  /** Whether a client that has the choice registers with this broker. */
  suits(broker: BrokerRecord): boolean {
    if ((this.#avoided.get(broker.control) ?? 0) > monotonic()) return false;
    return broker.draining !== true || this.#pinned !== undefined;
  }

  /**
   * A zone to try; undefined when none has a primary: `onChange` is then called when that may have changed.
   *
   * @throws {CoordinationError}
   */
  async choose(): Promise<ZoneTarget | undefined> {
    const now = monotonic();
    if (this.#pinned !== undefined) return { zone: this.#pinned, until: Infinity, anyPrimary: true };
    const preferred = this.#preferred;
    this.#preferred = undefined;
    if (preferred && now < preferred.until) return { ...preferred, anyPrimary: false };
    const zones = await this.#zones();
    if (zones.length === 0) return undefined;
    for (const [zone, until] of this.#passedOver) if (until <= now) this.#passedOver.delete(zone);
    for (const [broker, until] of this.#avoided) if (until <= now) this.#avoided.delete(broker);
    const open = zones.filter((zone) => !this.#passedOver.has(zone));
    const compared = zonesToCompare(open.length > 0 ? open : zones, this.#assignment, Math.random);
    const zone = compared.length === 1 ? compared[0]! : await this.#lightest(compared);
    return open.length > 0
      ? { zone, until: 0, anyPrimary: false }
      : { zone, until: now + PASS_OVER_MS, anyPrimary: true };
  }

  async #zones(): Promise<number[]> {
    let names: string[] = [];
    try {
      ({ names } = await this.#zk.getChildren(PRIMARIES));
    } catch (error) {
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
    }
    if (names.length === 0) names = await listChildren(this.#zk, PRIMARIES, this.#onChange);
    return names.map(zoneOf).filter((zone) => zone !== undefined);
  }

  async #lightest(zones: readonly number[]): Promise<number> {
    const counts = await zoneClients(this.#zk, zones);
    const loads = zones.map((zone) => ({ zone, clients: counts.get(zone)?.clients ?? 0 }));
    return lightest(loads, Math.random);
  }
}
