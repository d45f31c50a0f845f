/** What a client's side of the control plane is told, and what it tells. */
import type { Registration } from "./control_conversation.ts";
import type { Matches } from "../model/match_set.ts";
import type { Assignment } from "../model/zone_choice.ts";

/** What the control plane has to tell its client. */
export type ControlEvent =
  | { type: "waiting"; reason: string }
  | { type: "registered"; zone: number; broker: string }
  | { type: "left"; broker: string; reason: string }
  | { type: "matches"; matches: Matches };

/** How a client presents itself and behaves. */
export interface ControlClientOptions {
  registration: Registration;
  /** Znode of the client's record, and its content for the zone that accepted it. */
  recordPath: string;
  record: (zone: number) => string;
  /** Only this zone; otherwise one is chosen by `assignment`. */
  zone?: number | undefined;
  assignment?: Assignment | undefined;
  /** Sent with every keep-alive. */
  stats: () => Record<string, unknown>;
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
}
