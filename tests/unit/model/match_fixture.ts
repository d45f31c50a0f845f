/** Publishers and subscribers as they declare themselves. */
import type { PublisherInfo, SubscriberInfo } from "../../../lib/wire/control.ts";

export function publisherInfo(change: Partial<PublisherInfo> = {}): PublisherInfo {
  const id = change.id ?? "p";
  return {
    id,
    topics: ["A"],
    address: `tcp://${id}.example:1`,
    ownership: "exclusive",
    offered: 1,
    strength: 0,
    incarnation: 1,
    centralized: false,
    ...change,
  };
}

export function subscriberInfo(change: Partial<SubscriberInfo> = {}): SubscriberInfo {
  return {
    id: "s",
    topics: ["A"],
    address: "",
    ownership: "exclusive",
    requested: 1,
    incarnation: 1,
    reliability: "reliable",
    ...change,
  };
}
