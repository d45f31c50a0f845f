/**
 * Every znode path of the system, in one place. Pure.
 *
 * Paths are below the chroot of the ZooKeeper address, if one was given; the parts in `lib/zk/` add it.
 * A topic is percent-encoded in a znode name, so that any topic is exactly one name and back.
 */
import { UsageError } from "../base/errors.ts";

/** The queues for leadership, one child a zone. */
export const ELECTIONS = "/elections";
/** The elected primary of each zone that has one. */
export const PRIMARIES = "/primaries";
/** Every live broker, standbys too. */
export const BROKERS = "/brokers";
/** Parent of the clients' records and of the load figure. */
export const SHARED_STATE = "/shared_state";
/** Every registered publisher. */
export const PUBLISHERS = "/shared_state/publishers";
/** Every registered subscriber. */
export const SUBSCRIBERS = "/shared_state/subscribers";
/** Where streams ended that not everybody has got to the end. */
export const ENDED = "/shared_state/ended";
/** The load: (publishers + subscribers) / zones, as decimal text. */
export const LOAD = "/shared_state/current_load";
/** One child a topic: its owner and the contenders for it. */
export const TOPICS = "/topics";
/** The queue of backup pools. */
export const POOLS = "/pools";

/** The top-level znodes of this system: what `pubsub clear` removes. */
export const ROOTS: readonly string[] = [ELECTIONS, PRIMARIES, BROKERS, SHARED_STATE, TOPICS, POOLS];

/** The znode name of a zone: `zone_3`. */
export function zoneName(zone: number): string {
  return `zone_${zone}`;
}

/** The zone of a znode name such as `zone_3`; undefined when the name is not a zone's. */
export function zoneOf(name: string): number | undefined {
  const digits = /^zone_([1-9]\d{0,15})$/.exec(name)?.[1];
  if (digits === undefined) return undefined;
  const zone = Number(digits);
  return Number.isSafeInteger(zone) ? zone : undefined;
}

/** The queue for leadership of a zone. */
export function electionPath(zone: number): string {
  return `${ELECTIONS}/${zoneName(zone)}`;
}

/** The record of a zone's primary. */
export function primaryPath(zone: number): string {
  return `${PRIMARIES}/${zoneName(zone)}`;
}

/** The record of a live broker. */
export function brokerPath(id: string): string {
  return `${BROKERS}/${id}`;
}

/** Where the streams of one life of a publisher ended. */
export function endedPath(publisher: string, incarnation: number): string {
  return `${ENDED}/${publisher}-${incarnation}`;
}

/** The record of a registered publisher. */
export function publisherPath(id: string): string {
  return `${PUBLISHERS}/${id}`;
}

/** The record of a registered subscriber. */
export function subscriberPath(id: string): string {
  return `${SUBSCRIBERS}/${id}`;
}

/** The znode of a topic: its data names the owner, its children are the contenders. */
export function topicPath(topic: string): string {
  return `${TOPICS}/${encodeTopic(topic)}`;
}

/**
 * A topic as a znode name: percent-encoded UTF-8. Never empty, never `.` or `..`, never with a `/`.
 *
 * @throws {UsageError} for the empty topic and for text that is not well-formed Unicode.
 */
export function encodeTopic(topic: string): string {
  if (topic === "" || !topic.isWellFormed()) {
    throw new UsageError(
      `Invalid topic ${JSON.stringify(topic)}: must be 1 to 255 bytes of UTF-8 without NUL`,
    );
  }
  if (topic === "." || topic === "..") return topic.replaceAll(".", "%2E");
  return encodeURIComponent(topic);
}

/** The topic of a znode name; undefined when no topic has that name. */
export function decodeTopic(name: string): string | undefined {
  try {
    const topic = decodeURIComponent(name);
    return encodeTopic(topic) === name ? topic : undefined;
  } catch {
    return undefined;
  }
}
