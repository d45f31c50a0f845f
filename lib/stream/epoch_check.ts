/**
 * Whether ZooKeeper can have given an epoch of a topic. Pure: time is a parameter.
 *
 * An epoch is the mzxid of the topic's znode after its owner's write, so none is above the mzxid that the znode has: the
 * ceiling. One above the ceiling that is known is held until it was read again, then believed or refused. While
 * ZooKeeper is out of reach, epochs up to two terms of its leader above the newest zxid that was seen are believed, so
 * that a new owner is heard; that is looked up afterwards, and taken back if it was wrong.
 */
import type { Fence } from "./stream_surroundings.ts";

/** The epochs of two terms of ZooKeeper's leader: its zxids are `term << 32` and count from there. */
const TWO_TERMS = 2n << 32n;
/** After an epoch was refused, or ZooKeeper has not answered: the ceiling is not read for so long. */
const PAUSE_MS = 1000;

/** Act on it; keep it until the ceiling was read; or drop it. */
export type Verdict = "believe" | "hold" | "refuse";

/** What is known of ZooKeeper. */
export interface Reach {
  /** Whether it answers. */
  reachable: boolean;
  /** The newest zxid seen. */
  newest: bigint;
}

/** The check of one topic. */
export class EpochCheck {
  readonly fence: Fence;
  #ceiling = 0n;
  /** The highest epoch above the ceiling that came since the last read began, and when it began. */
  #wanted = 0n;
  #target = 0n;
  #read = false;
  #reading = false;
  /** The highest epoch that was believed while ZooKeeper was out of reach. */
  #lent = 0n;
  #notBefore = -Infinity;

  /** @param fence what the topic's streams have delivered. */
  constructor(fence: Fence) {
    this.fence = fence;
  }

  /** The highest epoch that ZooKeeper is known to have given. */
  get ceiling(): bigint {
    return this.#ceiling;
  }
  /** A read is to tell of this epoch. */
  get target(): bigint {
    return this.#target;
  }

  judge(epoch: bigint, { reachable, newest }: Reach, now: number): Verdict {
    if (epoch <= this.#ceiling) return "believe";
    if (epoch > this.#wanted) this.#wanted = epoch;
    // Not from the fence: one lie believed would make room for the next.
    const most = (newest > this.#ceiling ? newest : this.#ceiling) + TWO_TERMS;
    if (reachable) return now < this.#notBefore ? "refuse" : "hold";
    if (epoch > most) return "refuse";
    if (epoch > this.#lent) this.#lent = epoch;
    return "believe";
  }

  /** Whether there is a reason to read the ceiling, now or after the pause. */
  get wanting(): boolean {
    return !this.#read || this.#wanted > this.#ceiling || this.fence.highest > this.#ceiling;
  }
  /** Whether there may be one later without anything coming: what was believed too early may wait behind a hole. */
  get doubtful(): boolean {
    return this.#lent > this.#ceiling;
  }

  /** Whether the ceiling is to be read now. */
  due(now: number): boolean {
    return this.wanting && !this.#reading && now >= this.#notBefore;
  }

  /** It is being read. */
  begin(): void {
    this.#read = this.#reading = true;
    const { highest } = this.fence;
    this.#target = highest > this.#ceiling && highest > this.#wanted ? highest : this.#wanted;
    this.#wanted = 0n;
  }

  /**
   * It was read.
   *
   * @returns an epoch that was believed while ZooKeeper was out of reach, and taken back now.
   */
  answered(mzxid: bigint, now: number): bigint | undefined {
    this.#reading = false;
    if (mzxid > this.#ceiling) this.#ceiling = mzxid;
    if (this.#target > this.#ceiling) this.#notBefore = now + PAUSE_MS;
    const { highest } = this.fence;
    // One that was believed since the read began is looked up by the next one.
    if (highest <= this.#ceiling || highest > this.#target) return undefined;
    this.fence.highest = this.#ceiling;
    return highest;
  }

  /** It could not be read. */
  failed(now: number): void {
    this.#reading = this.#read = false;
    if (this.#target > this.#wanted) this.#wanted = this.#target;
    this.#notBefore = now + PAUSE_MS;
  }
}
