/** What a broker may be told, and what it tells. */
import type { ControlTraffic, DeskEvent } from "./desk_owner.ts";
import { checkZone } from "../base/names.ts";
import { listOf, type Rules, whole, yesOrNo } from "../base/option_rules.ts";
import { COMMON_RULES, type CommonOptions } from "../model/client_options.ts";

/** Options of a broker. */
export interface BrokerOptions extends CommonOptions {
  /** A positive integer. Default 1. */
  zone?: number | undefined;
  /** Start without a zone: ready to forward, in no list, until `join()`. Default false. */
  warm?: boolean | undefined;
  /** Whether clients move to other zones when a zone appears or the zones are very uneven. Default true. */
  rebalance?: boolean | undefined;
  /** What subscribers get that do not say. Default false. */
  centralized?: boolean | undefined;
  /** The control socket listens on each of them. Default one free port. */
  controlPorts?: number[] | undefined;
  /** Where publishers send to, of all addresses. Default any free port. */
  ingressPort?: number | undefined;
  /** Where subscribers listen to. Default any free port. */
  egressPort?: number | undefined;
}

const PORT = whole("port", 0, 65_535);
/** What a broker's options may be. */
export const BROKER_RULES: Rules<BrokerOptions> = {
  ...COMMON_RULES,
  zone: (zone) => void checkZone(zone as number),
  warm: yesOrNo("warm"),
  rebalance: yesOrNo("rebalance"),
  centralized: yesOrNo("centralized"),
  controlPorts: listOf("control ports", PORT),
  ingressPort: PORT,
  egressPort: PORT,
};

/** What happens to a broker. */
export type BrokerEvent =
  | { type: "waiting"; reason: string }
  | { type: "standby" }
  | { type: "primary"; epoch: bigint }
  /** It drains, and has no clients any more but those that stay where they are. */
  | { type: "drained"; pinned: number }
  | DeskEvent;

/** Counters and state of a broker. */
export interface BrokerStats {
  /** Its id. */
  id: string;
  /** 0 while it has none. */
  zone: number;
  /** What it does now. */
  role: "starting" | "standby" | "primary";
  /** Whether it sends its clients to other zones. */
  draining: boolean;
  /** Fencing token of its leadership, decimal; null while it does not lead. */
  epoch: string | null;
  /** Clients that are registered with it. */
  clients: number;
  /** Messages that were not of this system, or not according to its schema. */
  dropped: number;
}

/** What a broker knows of the system, and what that has cost it since its start. */
export interface BrokerCosts {
  publishers: number;
  subscribers: number;
  brokers: number;
  zookeeper: { operations: number; watches: number; bytesIn: number };
  control: ControlTraffic;
  cpuMs: number;
}
