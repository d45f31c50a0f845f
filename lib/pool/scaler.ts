/**
 * The acting pool's work: looks at the load, the zones and the pools, decides (`Scaling`), and writes the plan.
 *
 * Guarantee: every decision is made on what was read after the last write, and written only if the plan is still the
 * one that was read and the term has not ended; a decision that comes too late is made again. Suspended: nothing.
 */
import { steadyDate, wallClock } from "../base/clock.ts";
import { CoordinationError, FormatError, reasonOf } from "../base/errors.ts";
import { Latch } from "../base/latch.ts";
import { logger } from "../base/log.ts";
import { BROKERS, LOAD, PRIMARIES, PUBLISHERS, SUBSCRIBERS, zoneOf } from "../model/paths.ts";
import type { Term } from "../recipes/election.ts";
import { Scaling, type ScalingFacts, type ScalingSettings } from "./scaling.ts";
import {
  parsePoolMember,
  parseScalingPlan,
  POOL_MEMBERS,
  type PoolMember,
  SCALING,
  type ScalingPlan,
  type ScalingStep,
} from "./scaling_plan.ts";
import { type BrokerRecord, parseBrokerRecord } from "../wire/control.ts";
import { isTransient } from "../zk/list_children.ts";
import { watchChildren, watchData, watchRecords } from "../zk/watch.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** Changes are gathered for so long. */
const DEBOUNCE_MS = 40;
const RETRY_MS = 500;
/** Looked at again at the latest after this: no record may say how long nothing is looked at. */
const LONGEST_MS = 60_000;

const log = logger("pool");

/** Decides for one term. */
export class Scaler {
  readonly #zk: ZooKeeper;
  readonly #term: Term;
  readonly #scaling: Scaling;
  readonly #onStep: (step: ScalingStep) => void;
  readonly #onWaiting: (reason: string) => void;
  readonly #changed = new Latch();
  readonly #withdrawn = new AbortController();
  readonly #signal: AbortSignal;
  #brokers: ReadonlyMap<string, BrokerRecord> | undefined;
  #pools: ReadonlyMap<string, PoolMember> | undefined;
  #zones: ReadonlySet<number> | undefined;
  #waitingTold: string | undefined;
  #failure: { error: unknown } | undefined;
  #running: Promise<void> | undefined;

  constructor(
    zk: ZooKeeper,
    term: Term,
    pool: string,
    settings: ScalingSettings,
    onStep: (step: ScalingStep) => void,
    onWaiting: (reason: string) => void,
  ) {
    this.#zk = zk;
    this.#term = term;
    this.#scaling = new Scaling(pool, settings, steadyDate());
    this.#onStep = onStep;
    this.#onWaiting = onWaiting;
    this.#signal = AbortSignal.any([term.signal, this.#withdrawn.signal]);
  }

  /** Resolves when the term is over. Rejects when something cannot be read for good. */
  run(): Promise<void> {
    return this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    const signal = this.#signal;
    const following = [this.#followZones(), this.#followBrokers(), this.#followPools(), this.#followLoad()]
      .map((task) =>
        task.catch((error) => {
          this.#failure ??= { error };
          this.#withdrawn.abort();
        })
      );
    while (!signal.aborted) {
      this.#changed.clear();
      const againMs = this.#term.active ? await this.#decide() : RETRY_MS;
      const timer = againMs === undefined
        ? undefined
        : setTimeout(this.#changed.set, Math.min(againMs, LONGEST_MS));
      await this.#changed.wait(signal);
      clearTimeout(timer);
      await pause(DEBOUNCE_MS);
    }
    await Promise.all(following);
    if (this.#failure) throw this.#failure.error;
  }

  /**
   * Decide nothing any more, and take this pool's zones out of the plan, since it leaves.
   *
   * @returns how many zones of others there are.
   */
  async withdraw(pool: string): Promise<number> {
    this.#withdrawn.abort();
    await this.#running;
    const { plan, version } = await this.#read();
    if (plan === undefined || !this.#term.active) return 0;
    const ours = new Set(plan.zones.filter((order) => order.pool === pool).map(({ zone }) => zone));
    const zones = plan.zones.filter((order) => order.pool !== pool);
    await this.#write({ ...plan, zones }, version);
    return [...this.#zones ?? []].filter((zone) => !ours.has(zone)).length;
  }

  // --- what happens

  async #followZones(): Promise<void> {
    for await (const names of watchChildren(this.#zk, PRIMARIES, this.#signal)) {
      this.#zones = new Set(names.map(zoneOf).filter((zone) => zone !== undefined));
      this.#changed.set();
    }
  }

  async #followBrokers(): Promise<void> {
    for await (
      const { all } of watchRecords(this.#zk, BROKERS, parseBrokerRecord, { signal: this.#signal })
    ) {
      this.#brokers = all;
      this.#changed.set();
    }
  }

  async #followPools(): Promise<void> {
    for await (
      const { all } of watchRecords(this.#zk, POOL_MEMBERS, parsePoolMember, { signal: this.#signal })
    ) {
      this.#pools = all;
      this.#changed.set();
    }
  }

  async #followLoad(): Promise<void> {
    for await (const _figure of watchData(this.#zk, LOAD, this.#signal)) this.#changed.set();
  }

  // --- decisions

  /** @returns when to look again. */
  async #decide(): Promise<number | undefined> {
    if (!this.#brokers || !this.#pools || !this.#zones) return undefined;
    try {
      const { plan, version } = await this.#read();
      const facts: ScalingFacts = {
        clients: await this.#clients(),
        primaries: this.#zones,
        occupied: new Set([...this.#brokers.values()].map(({ zone }) => zone)),
        pools: this.#pools,
      };
      const decision = this.#scaling.decide(plan, facts, steadyDate(), wallClock());
      if (decision.plan && this.#term.active) {
        await this.#write(decision.plan, version);
        for (const step of decision.steps) this.#onStep(step);
        this.#tellWaiting(decision.plan.waiting);
      }
      return decision.againMs;
    } catch (error) {
      if (CoordinationError.is(error, "CLOSED")) return undefined;
      if (!isTransient(error) && !CoordinationError.is(error, "BAD_VERSION", "NODE_EXISTS", "NO_NODE")) {
        throw error;
      }
      log.debug(`looks again: ${reasonOf(error)}`);
      return RETRY_MS / 5;
    }
  }

  /** Why nothing is done although something should be: said when it begins. */
  #tellWaiting(reason: string | undefined): void {
    if (reason !== undefined && reason !== this.#waitingTold) this.#onWaiting(reason);
    this.#waitingTold = reason;
  }

  async #clients(): Promise<number> {
    const stats = await Promise.all([PUBLISHERS, SUBSCRIBERS].map((path) => this.#zk.exists(path)));
    return stats.reduce((sum, stat) => sum + (stat?.numChildren ?? 0), 0);
  }

  /** The plan, undefined when there is none that can be read; its version, undefined when there is no znode. */
  async #read(): Promise<{ plan: ScalingPlan | undefined; version: number | undefined }> {
    try {
      const { data, stat } = await this.#zk.getData(SCALING);
      try {
        return { plan: parseScalingPlan(data), version: stat.version };
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        log.warn(`znode ${SCALING} is written anew: ${reasonOf(error)}`);
        return { plan: undefined, version: stat.version };
      }
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return { plan: undefined, version: undefined };
      throw error;
    }
  }

  async #write(plan: ScalingPlan, version: number | undefined): Promise<void> {
    const text = JSON.stringify(plan);
    if (version !== undefined) await this.#zk.setData(SCALING, text, version);
    else {
      await this.#zk.ensurePath(SCALING.slice(0, SCALING.lastIndexOf("/")));
      await this.#zk.create(SCALING, text);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
