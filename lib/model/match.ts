/**
 * Matching: may this subscriber get this publisher's samples about this topic? Pure.
 *
 * Every policy is checked and every failure is named, with what is offered, what is requested and the flag that
 * would mend each side (requested-offered matching as in DDS: the offer must be at least the request).
 */
import type { Mismatch, PublisherInfo, SubscriberInfo } from "../wire/control.ts";

/**
 * The policies of a pair that do not fit; none when they match. Both have `topic`.
 *
 * @example
 * ```ts
 * import { mismatchesOf } from "./match.ts";
 * const publisher = { id: "p", topics: ["T"], address: "", ownership: "exclusive" as const, offered: 5,
 *   strength: 0, incarnation: 1, centralized: false };
 * const subscriber = { id: "s", topics: ["T"], address: "", ownership: "exclusive" as const, requested: 20,
 *   incarnation: 2, reliability: "reliable" as const };
 * const [mismatch] = mismatchesOf("T", publisher, subscriber);
 * if (mismatch?.offered !== "5" || mismatch.requested !== "20") throw new Error("history does not match");
 * ```
 */
export function mismatchesOf(
  topic: string,
  publisher: PublisherInfo,
  subscriber: SubscriberInfo,
): Mismatch[] {
  const pair = { topic, publisher: publisher.id, subscriber: subscriber.id };
  const found: Mismatch[] = [];
  if (publisher.offered < subscriber.requested) {
    found.push({
      ...pair,
      policy: "history",
      offered: String(publisher.offered),
      requested: String(subscriber.requested),
      fix: `start the publisher with --history ${subscriber.requested} or more, ` +
        `or the subscriber with --history ${publisher.offered}${publisher.offered > 0 ? " or less" : ""}`,
    });
  }
  if (publisher.ownership !== subscriber.ownership) {
    found.push({
      ...pair,
      policy: "ownership",
      offered: publisher.ownership,
      requested: subscriber.ownership,
      fix: `start the publisher with --ownership ${subscriber.ownership} ` +
        `or the subscriber with --ownership ${publisher.ownership}`,
    });
  }
  return found;
}

/** One mismatch as the line that both ends and `status` print. */
export function mismatchText(mismatch: Mismatch): string {
  const { topic, publisher, subscriber, policy, offered, requested, fix } = mismatch;
  return `no match on topic ${topic}: publisher ${publisher} offers ${policy} ${offered}, ` +
    `subscriber ${subscriber} requests ${policy} ${requested}; ${fix}`;
}
