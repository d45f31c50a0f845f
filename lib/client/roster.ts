/** The subscribers that a publisher is matched with, topic by topic, and was before. Pure. */
import type { Unreached } from "./unreached.ts";
import type { SubscriberMatch } from "../wire/control.ts";

/** A subscriber of one topic. */
export interface Member {
  readonly topic: string;
  readonly subscriber: string;
}

/** Who was matched and is not any more may still speak; so many are remembered. */
const MAX_FORMER = 10_000;

/** Who is matched now. */
export class Roster {
  #reliable = new Map<string, Set<string>>();
  #all = new Map<string, Member & { life: number }>();
  /** The lives of those who were matched, by topic and id; the oldest first. */
  readonly #former = new Map<string, number>();
  /** Those who have not joined since they came, and since when. */
  readonly #awaited = new Map<string, Member & { since: number }>();

  /** These are matched now, and nobody else. @returns who came and who went. */
  update(matches: readonly SubscriberMatch[], now: number): { came: Member[]; gone: Member[] } {
    const before = this.#all;
    this.#all = new Map();
    this.#reliable = new Map();
    const came: Member[] = [];
    for (const { topic, subscriber, reliable, life } of matches) {
      if (reliable) this.#reliable.getOrInsertComputed(topic, () => new Set()).add(subscriber);
      const key = keyOf(topic, subscriber);
      this.#all.set(key, { topic, subscriber, life });
      this.#former.delete(key);
      if (before.delete(key)) continue;
      came.push({ topic, subscriber });
      this.#awaited.set(key, { topic, subscriber, since: now });
    }
    for (const [key, { life }] of before) {
      this.#awaited.delete(key);
      this.#former.set(key, life);
    }
    while (this.#former.size > MAX_FORMER) this.#former.delete(this.#former.keys().next().value!);
    const gone = [...before.values()].map(({ topic, subscriber }) => ({ topic, subscriber }));
    return { came, gone };
  }

  /** Whether a broker has named this life of a subscriber: it is, or was last, the one that is matched by its name. */
  knows(topic: string, subscriber: string, life: number): boolean {
    const key = keyOf(topic, subscriber);
    return (this.#all.get(key)?.life ?? this.#former.get(key)) === life;
  }

  /** A subscriber has joined. */
  joined(topic: string, subscriber: string): void {
    if (this.#awaited.size > 0) this.#awaited.delete(keyOf(topic, subscriber));
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

function keyOf(topic: string, subscriber: string): string {
  return `${topic}\0${subscriber}`;
}
