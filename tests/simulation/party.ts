/** Somebody in a simulated system: a process, what runs in it, and what it has said so far. */
import type { Broker } from "../../lib/broker/broker.ts";
import type { Publisher } from "../../lib/client/publisher.ts";
import type { Subscriber } from "../../lib/client/subscriber.ts";
import type { BackupPool } from "../../lib/pool/backup_pool.ts";
import type { Role } from "./plan.ts";
import type { Process } from "./world.ts";

export type Program = BackupPool | Broker | Publisher | Subscriber;

/** Somebody in the system: a process, and what runs in it. */
export class Party {
  /** Undefined until its process has begun. */
  program: Program | undefined;
  state: "there" | "leaving" | "left" | "killed" = "there";
  /** A publisher's: it publishes no more. */
  resting = false;
  /** A publisher's: the last number of each topic that `publish()` has said is on its way. */
  readonly published = new Map<string, number>();
  /** A publisher's: when that was. */
  readonly publishedAt = new Map<string, number>();
  /** A subscriber's: how many samples it says were fenced for good, by publisher and topic. */
  readonly fenced = new Map<string, number>();
  /** A subscriber's: who is gone, as it has been told, and since when, by publisher and topic. */
  readonly gone = new Map<string, number>();
  /** ... and who is back, since when. */
  readonly back = new Map<string, number>();
  /** ... at any time. */
  readonly wasGone = new Set<string>();
  /** A publisher's, when it has left: whom it said to have missed something, and on which topic. */
  undelivered: readonly { topic: string; subscriber: string; givenUp: number }[] = [];
  /** A publisher's: whom it has said not to wait for, by topic and subscriber. */
  readonly slow = new Set<string>();
  /** ... at any time. */
  readonly wasSlow = new Set<string>();
  /** A publisher's: up to which number it did not wait for one that has caught up since, by topic and subscriber. */
  readonly notAwaited = new Map<string, number>();
  /** A subscriber's: what it takes for a batch, milliseconds. */
  pauseMs = 0;
  /** A publisher's: after which number of a topic it was told of each subscriber first, by topic and subscriber. */
  readonly knownFirst = new Map<string, number>();
  /** ... last; none of who is gone. */
  readonly knownSince = new Map<string, number>();
  started = false;
  /** Since when it can tell of nothing any more: it was killed. */
  killedAt = Infinity;

  constructor(readonly role: Role, readonly start: number, readonly process: Process) {}

  get id(): string {
    return this.role.id;
  }
  /** The id of whoever was the first in its place. */
  get place(): string {
    return this.id.replace(/\.\d+$/, "");
  }
  get kind(): Role["kind"] {
    return this.role.kind;
  }
  get topics(): readonly string[] {
    return this.role.topics ?? [];
  }
  /** What it hands out is known by. */
  get taker(): string {
    return `${this.id}#${this.start}`;
  }
  /** A publisher that has left: whether it says that this subscriber has not got everything. */
  says(topic: string, subscriber: string): boolean {
    return this.undelivered.some((one) => one.topic === topic && one.subscriber === subscriber);
  }
  /** What its samples of a topic are known by: each start of a publisher has numbers of its own. */
  source(topic: string): string {
    return `${this.taker}/${topic}`;
  }
}
