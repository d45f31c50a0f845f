/**
 * Moves clients between zones, step by step. Run by every primary broker; the primary of the lowest zone that does not
 * drain plans, each carries out what concerns its own clients.
 *
 * Znode: `/shared_state/rebalance`, JSON: number, time, reason and moves of the last step. Written by
 * compare-and-set, so that two that both take themselves for the planner cannot plan the same step.
 *
 * Guarantee: a step is carried out at most once. Suspended: nothing is planned, no step is heard of. A lost session:
 * steps written meanwhile are not made up for; the next step is planned from what is then.
 */
import { z } from "zod";
import { monotonic } from "../base/clock.ts";
import { CoordinationError, reasonOf } from "../base/errors.ts";
import { Latch } from "../base/latch.ts";
import { logger } from "../base/log.ts";
import { SHARED_STATE } from "../model/paths.ts";
import { type Move, Rebalancing, type ZoneState } from "./rebalance.ts";
import { utf8 } from "../base/utf8.ts";
import { isTransient } from "../zk/list_children.ts";
import { watchData } from "../zk/watch.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";
import { zoneClients } from "../recipes/zone_clients.ts";

/** The last step. */
export const REBALANCE = `${SHARED_STATE}/rebalance`;

const log = logger("rebalance");

/** While ZooKeeper cannot be asked. */
const SUSPENDED_LOOK_MS = 500;
/** Looks in a row, ten a second, for the count of a zone that has not told it yet. */
const UNCOUNTED_LOOKS = 50;
/** After this number they begin anew. */
const LAST_STEP = 1_000_000_000;

const stepSchema = z.object({
  step: z.int().min(1).max(LAST_STEP),
  /** Milliseconds since the epoch. */
  time: z.number(),
  reason: z.string().max(1000),
  moves: z.array(z.object({ from: z.int().min(1), to: z.int().min(1), count: z.int().min(1) })).max(10_000),
});

/** One step as it is written. */
export type RebalanceStep = z.infer<typeof stepSchema>;

/** The step in the znode's data; undefined when it is none. */
export function parseStep(data: Uint8Array): RebalanceStep | undefined {
  try {
    return stepSchema.parse(JSON.parse(utf8(data) ?? ""));
  } catch {
    return undefined;
  }
}

/** What a broker does for it. */
export interface RebalancerOptions {
  readonly zone: number;
  /** Whether clients move between zones that do not drain. */
  readonly balance: boolean;
  /** The zones that have a primary now. */
  readonly zones: () => readonly { zone: number; draining: boolean }[];
  /** Send so many of our clients there. @returns how many were sent. */
  readonly move: (to: number, count: number, reason: string) => number;
}

/** Plans and carries out steps while it is started. */
export class Rebalancer implements AsyncDisposable {
  readonly #zk: ZooKeeper;
  readonly #options: RebalancerOptions;
  readonly #changed = new Latch();
  #uncounted = 0;
  #stopping: AbortController | undefined;
  #running: Promise<unknown> = Promise.resolve();

  /** Does nothing before {@link start}. */
  constructor(zk: ZooKeeper, options: RebalancerOptions) {
    this.#zk = zk;
    this.#options = options;
  }

  /** From now on. */
  start(): void {
    if (this.#stopping !== undefined) return;
    const { signal } = this.#stopping = new AbortController();
    const carriesOut = this.#carryOut(signal).catch((error) => {
      log.error(`clients of zone ${this.#options.zone} are not moved: ${reasonOf(error)}`);
    });
    this.#running = Promise.all([this.#running, carriesOut, this.#plan(signal)]);
  }

  /** Not any longer. */
  stop(): void {
    this.#stopping?.abort();
    this.#stopping = undefined;
  }

  /** Zones have appeared, drain or have ended. */
  poke(): void {
    this.#changed.set();
  }

  /** Stop, and resolve when nothing is under way any more. */
  async close(): Promise<void> {
    this.stop();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #carryOut(signal: AbortSignal): Promise<void> {
    let done: bigint | undefined;
    for await (const node of watchData(this.#zk, REBALANCE, signal)) {
      const step = node && parseStep(node.data);
      const written = node?.stat.mzxid ?? 0n;
      // What was ordered before we came was ordered from somebody else. What is new ZooKeeper says, not the record:
      // a wrong number in it would end all moves for ever.
      if (done !== undefined && step && written > done) this.#moveOurs(step);
      if (done === undefined || written > done) done = written;
    }
  }

  #moveOurs({ step, reason, moves }: RebalanceStep): void {
    for (const { from, to, count } of moves) {
      if (from !== this.#options.zone) continue;
      const sent = this.#options.move(to, count, `step ${step}, ${reason}`);
      const text =
        `step ${step}: ${sent} of ${count} clients sent from zone ${from} to zone ${to}: ${reason}`;
      if (sent > 0) log.info(text);
      else log.debug(text);
    }
  }

  async #plan(signal: AbortSignal): Promise<void> {
    let rebalancing: Rebalancing | undefined;
    while (!signal.aborted) {
      this.#changed.clear();
      let againMs: number | undefined;
      const plans = this.#isPlanner();
      if (plans && this.#zk.acting) {
        rebalancing ??= new Rebalancing(this.#options.balance);
        againMs = await this.#look(rebalancing);
      } else {
        rebalancing = undefined;
        // Nobody tells when ZooKeeper is back.
        if (plans) againMs = SUSPENDED_LOOK_MS;
      }
      const timer = againMs === undefined ? undefined : setTimeout(this.#changed.set, againMs);
      await this.#changed.wait(signal);
      clearTimeout(timer);
    }
  }

  #isPlanner(): boolean {
    const staying = this.#options.zones().filter(({ draining }) => !draining).map(({ zone }) => zone);
    return staying.length > 0 && Math.min(...staying) === this.#options.zone;
  }

  /** @returns when to look again. */
  async #look(rebalancing: Rebalancing): Promise<number | undefined> {
    try {
      const zones = this.#options.zones();
      const counts = await zoneClients(this.#zk, zones.map(({ zone }) => zone));
      // A zone that has not told its count yet is looked at when it has.
      const counted: ZoneState[] = [];
      for (const { zone, draining } of zones) {
        const count = counts.get(zone);
        if (count) counted.push({ zone, draining, ...count });
      }
      const { moves, reason, againMs } = rebalancing.look(monotonic(), counted);
      if (moves.length > 0) await this.#write(moves, reason);
      if (counted.length === zones.length) this.#uncounted = 0;
      // A zone that has just come tells its count soon; one that never does is not asked ten times a second for ever.
      else if (++this.#uncounted <= UNCOUNTED_LOOKS) return Math.min(againMs, 100);
      return againMs;
    } catch (error) {
      if (CoordinationError.is(error, "CLOSED")) return undefined;
      if (!isTransient(error) && !CoordinationError.is(error, "BAD_VERSION", "NODE_EXISTS")) {
        log.warn(`clients are not moved now: ${reasonOf(error)}`);
      }
      return SUSPENDED_LOOK_MS;
    }
  }

  async #write(moves: readonly Move[], reason: string): Promise<void> {
    let version: number | undefined;
    let last = 0;
    try {
      const { data, stat } = await this.#zk.getData(REBALANCE);
      version = stat.version;
      last = parseStep(data)?.step ?? 0;
    } catch (error) {
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
    }
    const step: RebalanceStep = { step: last % LAST_STEP + 1, time: Date.now(), reason, moves: [...moves] };
    if (version === undefined) await this.#zk.create(REBALANCE, JSON.stringify(step));
    else await this.#zk.setData(REBALANCE, JSON.stringify(step), version);
  }
}
