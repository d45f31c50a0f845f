/** The options that brokers, publishers and subscribers share, and their checks. */
import { UsageError } from "../base/errors.ts";
import { checkHost } from "../net/host.ts";
import { checkId, checkTopic, checkZone, randomId } from "../base/names.ts";
import type { Mismatch, Ownership } from "../wire/control.ts";
import { MAX_TOPICS } from "../wire/control.ts";
import type { Assignment } from "./zone_choice.ts";

/** Options of every process of the system. */
export interface CommonOptions {
  /** `HOST:PORT[,HOST:PORT…][/chroot]`. */
  zookeeper: string;
  /** Unique name. Default random. */
  id?: string | undefined;
  /** How long ZooKeeper keeps us when it hears nothing, milliseconds. Default 4000. */
  sessionTimeoutMs?: number | undefined;
  /** The host under which others reach us. Default: our address on the way to ZooKeeper. */
  address?: string | undefined;
  /** The address to listen on, where it is not that under which others reach us (behind a proxy or a NAT). */
  bind?: string | undefined;
  /** Signs of life on every socket, milliseconds. Default 100. */
  heartbeatIntervalMs?: number | undefined;
  /** A peer silent for so long is taken for dead, milliseconds. Default 300. */
  heartbeatTimeoutMs?: number | undefined;
}

/** Options of publishers and subscribers. */
export interface ClientOptions extends CommonOptions {
  /** At least one. */
  topics: string[];
  /** Only this zone. Default: one by `assignment`. */
  zone?: number | undefined;
  /** How a zone is chosen. Default random. */
  assignment?: Assignment | undefined;
  /** Whether only the owner's samples of a topic are delivered. Default exclusive. */
  ownership?: Ownership | undefined;
}

/** What happens to a client, for people and for `--events`. */
export type ClientEvent =
  | { type: "waiting"; reason: string }
  | { type: "registered"; zone: number; broker: string }
  | { type: "left"; broker: string; reason: string }
  | { type: "matched"; topic: string; peer: string }
  | { type: "unmatched"; topic: string; peer: string }
  | { type: "mismatch"; mismatch: Mismatch; text: string }
  | { type: "owner"; topic: string; epoch: bigint }
  | { type: "not_owner"; topic: string }
  | { type: "slow"; topic: string; subscriber: string }
  | { type: "caught_up"; topic: string; subscriber: string }
  /**
   * Samples will never come: one event when it begins, then one a second with the sum. `count` of the numbers from
   * `from` to `to` are lost.
   */
  | {
    type: "lost";
    topic: string;
    publisher: string;
    from: number;
    to: number;
    count: number;
    reason: string;
  }
  /** Dropped for a later owner of the topic, for good; summed like `lost`. */
  | { type: "fenced"; topic: string; publisher: string; from: number; to: number; count: number }
  /** Matched, and for a while there has been no connection; or there is one after all. */
  | {
    type: "unreachable" | "reached";
    /** `subscriber`: one that has not joined us. */
    kind: "publisher" | "broker" | "subscriber";
    /** Its id; empty for a broker. */
    peer: string;
    endpoint: string;
    topics: string[];
    /** For how long there has been none, or was none. */
    ms: number;
  }
  | { type: "failover"; failover: Failover };

/** One loss of a broker or an owner as a subscriber saw it. Times are milliseconds after the last sign of it. */
export interface Failover {
  /** Milliseconds since the epoch of the last sign of what was lost. */
  time: number;
  event: "broker_lost" | "publisher_lost" | "owner_changed";
  /** Who: a broker's endpoint, a publisher's id, or a topic. */
  what: string;
  detected_ms: number;
  /** First sample after it; null when none came before the record was closed. */
  data_back_ms: number | null;
  /** Registered with a primary again; null when control was not lost. */
  control_back_ms: number | null;
  recovered: number;
  lost: number;
  duplicates: number;
  reordered: number;
}

/** Common options, checked and complete. */
export interface CheckedOptions {
  zookeeper: string;
  id: string;
  sessionTimeoutMs: number;
  address: string | undefined;
  bind: string | undefined;
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
}

/** A whole number between `min` and `max`. @throws {UsageError} naming the option, the value and the rule. */
export function checkInteger(
  name: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const rule = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`;
    throw new UsageError(`Invalid ${name} ${value}: must be a whole number, ${rule}`);
  }
  return value;
}

/** Check what every process has. @throws {UsageError} */
export function checkCommon(options: CommonOptions, prefix: string): CheckedOptions {
  const heartbeatIntervalMs = checkInteger(
    "heartbeat interval",
    options.heartbeatIntervalMs ?? 100,
    0,
    3_600_000,
  );
  const heartbeatTimeoutMs = checkInteger(
    "heartbeat time-out",
    options.heartbeatTimeoutMs ?? 300,
    0,
    3_600_000,
  );
  if (heartbeatIntervalMs > 0 && heartbeatTimeoutMs <= heartbeatIntervalMs) {
    throw new UsageError(
      `Invalid heartbeat time-out ${heartbeatTimeoutMs}: must be above the interval of ${heartbeatIntervalMs} ms`,
    );
  }
  return {
    zookeeper: options.zookeeper,
    id: options.id === undefined ? randomId(prefix) : checkId(options.id),
    sessionTimeoutMs: checkInteger("session time-out", options.sessionTimeoutMs ?? 4000, 100, 3_600_000),
    address: options.address === undefined ? undefined : checkHost("address", options.address),
    bind: options.bind === undefined ? undefined : checkHost("bind address", options.bind),
    heartbeatIntervalMs,
    heartbeatTimeoutMs,
  };
}

/** Check a client's topics: at least one, no doubles. @throws {UsageError} */
export function checkTopics(topics: readonly string[]): string[] {
  const unique = [...new Set(topics.map(checkTopic))];
  if (unique.length === 0) throw new UsageError("No topic given: must be at least one");
  if (unique.length > MAX_TOPICS) {
    throw new UsageError(`${unique.length} topics given: must be at most ${MAX_TOPICS} a client`);
  }
  return unique;
}

/** Check a pinned zone, if there is one. @throws {UsageError} */
export function checkOptionalZone(zone: number | undefined): number | undefined {
  return zone === undefined ? undefined : checkZone(zone);
}
