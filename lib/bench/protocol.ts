/**
 * How the benchmark talks to its clients: processes in any language, told what to do by one JSON argument, that
 * speak JSON lines on their standard streams.
 *
 * ```
 * client → driver   {"type":"ready"}                                            connected; publishers: to all subscribers
 * driver → client   {"type":"go","start":ms,"from":ms,"to":ms}                  publish from `start` to `to`, measure from `from`
 * client → driver   {"type":"published","count":n}                              publisher: everything is handed over
 * client → driver   {"type":"received", …}                                      subscriber: the last samples came, or silence
 * ```
 *
 * Times are milliseconds since the epoch. Parsing is total: a line is a message or is passed on as text.
 */
import type { LatencyPairs } from "./latency.ts";
import type { Faults } from "./sample.ts";

/** What one client does. */
export interface ClientTask {
  role: "publisher" | "subscriber";
  /** Number of this publisher or subscriber, from 0. */
  index: number;
  publishers: number;
  subscribers: number;
  payloadBytes: number;
  /** Samples a second of each publisher; 0: as many as it can. */
  rate: number;
  /** Where the system is: ZooKeeper for pubsub, `host:port` of a server, endpoints of a proxy. */
  address: string;
}

/** The start signal. */
export interface Go {
  type: "go";
  start: number;
  from: number;
  to: number;
}

/** What a subscriber has seen. */
export interface Received {
  type: "received";
  received: number;
  faults: Faults;
  /** Samples in the measured time, and that time in seconds. */
  measured: number;
  seconds: number;
  /** From the time the schedule wanted it sent, and from the time it was sent; empty at full speed. */
  intended: LatencyPairs;
  sent: LatencyPairs;
}

/** What a client says. */
export type ClientMessage = { type: "ready" } | { type: "published"; count: number } | Received;

/** The message in a client's line; undefined when it is something else. */
export function parseClientMessage(line: string): ClientMessage | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const message = JSON.parse(line) as ClientMessage;
    return ["ready", "published", "received"].includes(message.type) ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Topic, subject or prefix of the samples of one publisher. */
export function topicOf(publisher: number): string {
  return `bench-${publisher}`;
}

/** The topics of all publishers. */
export function topicsOf(publishers: number): string[] {
  return Array.from({ length: publishers }, (_, index) => topicOf(index));
}
