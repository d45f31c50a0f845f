/**
 * A broker's terms as the primary of its zone: what it announces and begins when it is elected, and takes back when the
 * term is over.
 *
 * Znodes: `/elections/zone_<n>/…` (recipe); while it leads `/primaries/zone_<n>` and `/shared_state/zone_clients/<n>`. Session
 * suspended: the term goes on and is not {@link Leadership.acts}. Session lost: the term is over, and it contends again.
 */
import { reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { electionPath, primaryPath } from "../model/paths.ts";
import { Election, type Term } from "../recipes/election.ts";
import { EphemeralRecord } from "../recipes/ephemeral_record.ts";
import type { LoadCounter } from "../recipes/load_counter.ts";
import { formatZoneCount, zoneClientsPath } from "../recipes/zone_clients.ts";
import type { Rebalancer } from "./rebalancer.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** The number of clients is written so long after it has changed. */
const COUNT_MS = 100;

const log = logger("broker");

/** Who leads, and what that takes. */
export interface Leader {
  readonly id: string;
  readonly zone: number;
  readonly zk: ZooKeeper;
  readonly loadCounter: LoadCounter;
  readonly rebalancer: Rebalancer;
  readonly leaving: AbortSignal;
  /** Its record as it is now. */
  record(): string;
  /** How many clients are registered, and how many of them stay where they are. */
  counts(): { readonly size: number; readonly pinned: number };
  /** Have everybody know what it is now. */
  announce(): Promise<void>;
  onElected(term: Term): void;
  /** The term is over: clients are somebody else's. */
  onOver(): void;
  /** It is a standby again. */
  onStandby(): void;
}

/** The leadership of one broker in its zone. */
export class Leadership {
  readonly #leader: Leader;
  readonly #election: Election;
  #term: Term | undefined;
  #primaryNode: EphemeralRecord | undefined;
  #clientsNode: EphemeralRecord | undefined;
  #countTimer: ReturnType<typeof setTimeout> | undefined;
  #countWritten = "";
  #withdrawing: Promise<unknown> | undefined;

  /** Contends from now on. */
  constructor(leader: Leader) {
    this.#leader = leader;
    this.#election = new Election(leader.zk, electionPath(leader.zone), leader.id);
  }

  /** The term; undefined while it does not lead. */
  get term(): Term | undefined {
    return this.#term;
  }
  /** Whether it may act as the primary now, by the clock. */
  get acts(): boolean {
    return this.#term?.active ?? false;
  }

  /** Leads whenever it is elected, until it is closed. */
  async run(): Promise<void> {
    const { id, zone, zk, leaving } = this.#leader;
    for await (const term of this.#election.terms()) {
      if (term.signal.aborted) continue;
      this.#term = term;
      log.info(`${id}: primary of zone ${zone}, epoch ${term.epoch}`);
      this.#primaryNode = new EphemeralRecord(zk, primaryPath(zone), this.#leader.record());
      this.#clientsNode = new EphemeralRecord(zk, zoneClientsPath(zone), "0");
      this.#countWritten = "0";
      await this.#leader.announce();
      this.#leader.loadCounter.start();
      this.#leader.rebalancer.start();
      this.#leader.onElected(term);
      await over(term.signal);
      await this.#stepDown(leaving);
    }
  }

  async #stepDown(leaving: AbortSignal): Promise<void> {
    const { id, zone, loadCounter, rebalancer } = this.#leader;
    this.#term = undefined;
    this.#leader.onOver();
    loadCounter.stop();
    rebalancer.stop();
    await this.withdraw();
    if (leaving.aborted) return;
    log.warn(`${id}: no longer primary of zone ${zone}`);
    this.#leader.onStandby();
    await this.#leader.announce();
  }

  /** Write this into the primary's record, if it leads. */
  async update(record: string): Promise<void> {
    if (this.#term) await this.#primaryNode?.update(record);
  }

  /** Have the number of clients written, if it has changed. */
  countSoon(): void {
    if (this.#clientsNode === undefined) return;
    this.#countTimer ??= setTimeout(() => {
      this.#countTimer = undefined;
      const { size, pinned } = this.#leader.counts();
      const count = formatZoneCount({ clients: size, pinned });
      if (this.#clientsNode === undefined || count === this.#countWritten) return;
      this.#countWritten = count;
      this.#clientsNode.update(count).catch((error) => {
        log.debug(`${this.#leader.id}: the number of clients is written later: ${reasonOf(error)}`);
        this.#countWritten = "";
      });
    }, COUNT_MS);
  }

  /** Remove the records of the primary, so that nobody comes any more. */
  async withdraw(): Promise<void> {
    clearTimeout(this.#countTimer);
    const nodes = [this.#primaryNode, this.#clientsNode];
    this.#primaryNode = this.#clientsNode = this.#countTimer = undefined;
    const before = this.#withdrawing;
    this.#withdrawing = Promise.allSettled([before, ...nodes.map((node) => node?.close())]);
    await this.#withdrawing;
  }

  /** Contend no more. */
  close(): Promise<void> {
    return this.#election.close();
  }
}

function over(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
