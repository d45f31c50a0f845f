/** What a publisher may be told, and what each option may be. */
import { oneOf, type Rules, whole, yesOrNo } from "../base/option_rules.ts";
import { CLIENT_RULES, type ClientOptions } from "../model/client_options.ts";

/** A subscriber that stands still for so long is not waited for, if it is not told, milliseconds. */
export const SLOW_MS = 5000;

/** Options of a publisher. */
export interface PublisherOptions extends ClientOptions {
  /** Samples of each topic offered to those who join: at least what a subscriber requests. Default 1. */
  history?: number | undefined;
  /** Of several publishers of a topic the strongest owns it. Default 0. */
  strength?: number | undefined;
  /** Reachable only through brokers. Default false. */
  centralized?: boolean | undefined;
  /** Port of the data socket. Default any free one. */
  bindPort?: number | undefined;
  /** Whether `publish` waits for slow subscribers. Default wait. */
  flow?: "wait" | "drop" | undefined;
  /** Samples of a topic that may be unacknowledged with flow `wait`. Default 100,000. */
  maxInFlight?: number | undefined;
  /** A subscriber that stands still for so long is not waited for, milliseconds. Default 5000. */
  slowSubscriberMs?: number | undefined;
  /** What happens to a sample of a topic that somebody else owns. Default drop. */
  whenNotOwner?: "drop" | "wait" | undefined;
}

/** What a publisher's options may be. */
export const PUBLISHER_RULES: Rules<PublisherOptions> = {
  ...CLIENT_RULES,
  history: whole("history", 0, 0xffffffff),
  strength: whole("strength", Number.MIN_SAFE_INTEGER),
  centralized: yesOrNo("centralized"),
  bindPort: whole("bind port", 0, 65_535),
  flow: oneOf("flow", "wait", "drop"),
  maxInFlight: whole("max in flight", 1),
  slowSubscriberMs: whole("slow subscriber time", 1),
  whenNotOwner: oneOf("whenNotOwner", "drop", "wait"),
};
