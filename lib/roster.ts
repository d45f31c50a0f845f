/** The subscribers that a publisher is matched with, topic by topic. Pure. */
import type { Unreached } from "./unreached.ts";
import type { SubscriberMatch } from "./wire/control.ts";

/** A subscriber of one topic. */
export interface Member {
  readonly topic: string;
  readonly subscriber: string;
}

/** Who is matched now. */
export class Roster {
  #reliable = new Map<string, Set<string>>();
  #all = new Map<string, Member>();
  /** Those who have not joined since they came, and since when. */
  readonly #awaited = new Map<string, Member & { since: number }>();

  /** These are matched now, and nobody else. @returns who came and who went. */
  update(matches: readonly SubscriberMatch[], now: number): { came: Member[]; gone: Member[] } {
    const before = this.#all;
    this.#all = new Map();
    this.#reliable = new Map();
    const came: Member[] = [];
    for (const { topic, subscriber, reliable } of matches) {
      if (reliable) this.#reliable.getOrInsertComputed(topic, () => new Set()).add(subscriber);
      const key = `${topic}\0${subscriber}`;
      this.#all.set(key, { topic, subscriber });
      if (before.delete(key)) continue;
      came.push({ topic, subscriber });
      this.#awaited.set(key, { topic, subscriber, since: now });
    }
    for (const key of before.keys()) this.#awaited.delete(key);
    return { came, gone: [...before.values()] };
  }

  /** A subscriber has joined. */
  joined(topic: string, subscriber: string): void {
    if (this.#awaited.size > 0) this.#awaited.delete(`${topic}\0${subscriber}`);
  }

  /** Whether it has joined whatever it is matched on, if anything. */
  hasJoined(subscriber: string): boolean {
    const isHis = (member: Member) => member.subscriber === subscriber;
    return [...this.#all.values()].some(isHis) && ![...this.#awaited.values()].some(isHis);
  }

  /** Who has not joined us at `endpoint` yet, on which topics, since the first of them is waited for. */
  awaited(endpoint: string): Unreached[] {
    const all = new Map<string, { topics: string[]; since: number }>();
    for (const { topic, subscriber, since } of this.#awaited.values()) {
      const one = all.getOrInsertComputed(subscriber, () => ({ topics: [], since }));
      one.topics.push(topic);
      one.since = Math.min(one.since, since);
    }
    return [...all].map(([id, rest]) => ({ kind: "subscriber", id, endpoint, ...rest }));
  }

  /** Ids of the reliable subscribers of a topic. */
  reliable(topic: string): ReadonlySet<string> {
    return this.#reliable.get(topic) ?? new Set();
  }
}
