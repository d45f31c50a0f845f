/** What a subscriber may be told, what each option may be, and what it counts. */
import { oneOf, type Rules, whole, yesOrNo } from "../base/option_rules.ts";
import { randomIncarnation } from "../base/names.ts";
import {
  type CheckedOptions,
  checkTopics,
  CLIENT_RULES,
  type ClientOptions,
} from "../model/client_options.ts";
import type { Tally } from "../stream/failover_log.ts";
import type { SubscriberInfo } from "../wire/control.ts";

/** Options of a subscriber. */
export interface SubscriberOptions extends ClientOptions {
  /** Samples before joining that are wanted of each stream: at most what a publisher offers. Default 1. */
  history?: number | undefined;
  /** Receive through brokers. Default: the broker decides. */
  centralized?: boolean | undefined;
  /** Whether gaps are repaired and publishers wait for us. Default reliable. */
  reliability?: "reliable" | "best-effort" | undefined;
}

/** What a subscriber's options may be. */
export const SUBSCRIBER_RULES: Rules<SubscriberOptions> = {
  ...CLIENT_RULES,
  history: whole("history", 0, 0xffffffff),
  centralized: yesOrNo("centralized"),
  reliability: oneOf("reliability", "reliable", "best-effort"),
};

/** Counters since the start. */
export interface SubscriberStats extends Tally {
  /** Samples that came in order and were handed out, or wait to be; history too. */
  received: number;
  /** Of these, published before we joined. */
  historical: number;
  /** Received again and dropped: overlaps of live samples and answers, normal after a reconnect. */
  repeated: number;
  /** Dropped because a later owner of the topic had been heard. */
  fenced: number;
  /** Dropped as too much waited to be taken, and asked for again later: each time they were. */
  refused: number;
  /** Messages that were not of this system. */
  invalid: number;
  /** Messages not believed: with numbers that their publisher cannot have reached, or epochs never given. */
  implausible: number;
  /** Streams that are followed now: topics of publishers. */
  streams: number;
  /** Zone it is registered in, 0 before that. */
  zone: number;
}

/** What its broker is told of a subscriber with these options: a new life of it. @throws {UsageError} */
export function subscriberInfo(
  { id, address = "" }: CheckedOptions,
  options: SubscriberOptions,
): SubscriberInfo {
  const { topics, ownership, history, reliability, centralized } = options;
  return {
    id,
    topics: checkTopics(topics),
    address,
    ownership: ownership ?? "exclusive",
    incarnation: randomIncarnation(),
    requested: history ?? 1,
    reliability: reliability ?? "reliable",
    ...(centralized === undefined ? {} : { centralized }),
  };
}
