/** The subscribers that a publisher is matched with, topic by topic. Pure. */
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

  /** These are matched now, and nobody else. @returns who came and who went. */
  update(matches: readonly SubscriberMatch[]): { came: Member[]; gone: Member[] } {
    const before = this.#all;
    this.#all = new Map();
    this.#reliable = new Map();
    const came: Member[] = [];
    for (const { topic, subscriber, reliable } of matches) {
      if (reliable) this.#reliable.getOrInsertComputed(topic, () => new Set()).add(subscriber);
      const key = `${topic}\0${subscriber}`;
      this.#all.set(key, { topic, subscriber });
      if (!before.delete(key)) came.push({ topic, subscriber });
    }
    return { came, gone: [...before.values()] };
  }

  /** Ids of the reliable subscribers of a topic. */
  reliable(topic: string): ReadonlySet<string> {
    return this.#reliable.get(topic) ?? new Set();
  }
}
