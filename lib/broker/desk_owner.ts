/** What a control desk needs of its broker, and what it tells it. */
import type { Routing } from "../model/match_feed.ts";
import type { SystemDirectory } from "./system_directory.ts";

/** What becomes of a client. */
export interface DeskEvent {
  /** Tells it from other events. */
  type: "client";
  /** Its id. */
  id: string;
  /** What it is. */
  role: "publisher" | "subscriber";
  /** What became of it: `silent` has not been heard of for too long. */
  what: "registered" | "left" | "silent";
}

/** What the desk needs of its broker. */
export interface DeskOwner {
  readonly id: string;
  readonly zone: number;
  /** Whether it acts as its zone's primary now. */
  readonly acts: boolean;
  readonly directory: SystemDirectory;
  routing(): Routing;
  status(brief: boolean): Record<string, unknown>;
  onEvent(event: DeskEvent): void;
  /** The number of clients has changed, or may have. */
  onCount(): void;
}

/** Bytes and messages so far. */
export interface ControlTraffic {
  sent: number;
  received: number;
  bytesIn: number;
  bytesOut: number;
  /** Of `bytesOut`, those of matches. */
  matchBytes: number;
}
