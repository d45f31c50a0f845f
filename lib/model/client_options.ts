/** The options that brokers, publishers and subscribers share, and their checks. */
import { UsageError } from "../base/errors.ts";
import { checkOptions, listOf, oneOf, type Rules, text, whole } from "../base/option_rules.ts";
import { checkHost } from "../net/host.ts";
import { checkId, checkTopic, checkZone } from "../base/names.ts";
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
  /** What was lost, or changed. */
  event: "broker_lost" | "publisher_lost" | "owner_changed";
  /** Who: a broker's endpoint, a publisher's id, or a topic. */
  what: string;
  /** When it was noticed. */
  detected_ms: number;
  /** First sample after it; null when none came before the record was closed. */
  data_back_ms: number | null;
  /** Registered with a primary again; null when control was not lost. */
  control_back_ms: number | null;
  /** Samples that were asked for again and came. */
  recovered: number;
  /** Samples that will never come. */
  lost: number;
  /** Samples that were handed out twice. */
  duplicates: number;
  /** Samples that were handed out after later ones. */
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

/** How a client without a pinned zone is put on one. */
const ASSIGNMENTS: readonly Assignment[] = ["random", "least-loaded", "two-choices"];
/** Whose samples of a topic are delivered. */
const OWNERSHIPS: readonly Ownership[] = ["exclusive", "shared"];

/** What the options of every process may be. */
export const COMMON_RULES: Rules<CommonOptions> = {
  zookeeper: text("ZooKeeper address"),
  id: text("id", checkId),
  sessionTimeoutMs: whole("session time-out", 100, 3_600_000),
  address: text("address", (host) => checkHost("address", host)),
  bind: text("bind address", (host) => checkHost("bind address", host)),
  heartbeatIntervalMs: whole("heartbeat interval", 0, 3_600_000),
  heartbeatTimeoutMs: whole("heartbeat time-out", 0, 3_600_000),
};

/** What the options of publishers and subscribers may be. */
export const CLIENT_RULES: Rules<ClientOptions> = {
  ...COMMON_RULES,
  topics: listOf("topics", text("topic", checkTopic)),
  zone: (zone) => void checkZone(zone as number),
  assignment: oneOf("assignment", ...ASSIGNMENTS),
  ownership: oneOf("ownership", ...OWNERSHIPS),
};

/**
 * Check what a process is given, and fill in what every one has.
 *
 * @param of what it is, such as `publisher`
 * @param drawId makes an id for who has none
 * @throws {UsageError}
 */
export function checkCommon<Options extends CommonOptions>(
  of: string,
  drawId: () => string,
  options: Options,
  rules: Rules<Options>,
): CheckedOptions {
  checkOptions(of, options, rules);
  if (options.zookeeper === undefined) {
    throw new UsageError(
      `No ZooKeeper address given for a ${of}: must be HOST[:PORT][,HOST[:PORT]…][/chroot]`,
    );
  }
  const { heartbeatIntervalMs = 100, heartbeatTimeoutMs = 300 } = options;
  if (heartbeatIntervalMs > 0 && heartbeatTimeoutMs <= heartbeatIntervalMs) {
    throw new UsageError(
      `Invalid heartbeat time-out ${heartbeatTimeoutMs}: must be above the interval of ${heartbeatIntervalMs} ms`,
    );
  }
  return {
    zookeeper: options.zookeeper,
    id: options.id ?? drawId(),
    sessionTimeoutMs: options.sessionTimeoutMs ?? 4000,
    address: options.address === undefined ? undefined : checkHost("address", options.address),
    bind: options.bind === undefined ? undefined : checkHost("bind address", options.bind),
    heartbeatIntervalMs,
    heartbeatTimeoutMs,
  };
}

/** A client's topics, each once. @throws {UsageError} when there is none, or too many. */
export function checkTopics(topics: readonly string[] = []): string[] {
  const unique = [...new Set(topics)];
  if (unique.length === 0) throw new UsageError("No topic given: must be at least one");
  if (unique.length > MAX_TOPICS) {
    throw new UsageError(`${unique.length} topics given: must be at most ${MAX_TOPICS} a client`);
  }
  return unique;
}
