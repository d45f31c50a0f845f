/**
 * What ails the clients of a zone, by their own keep-alives: publishers with subscribers that stand still, clocks that
 * differ, and the last losses that subscribers got over. Pure.
 *
 * Clients tell only flat figures, so a failover travels as one line of text. What a client tells is checked: anything
 * else than such lines is left out.
 */
import type { Failover } from "./client_options.ts";
import { clockDiffers } from "./clock_notices.ts";

/** Failovers that a subscriber tells of, and ids that a publisher does. */
export const TOLD_FAILOVERS = 5;
export const TOLD_SLOW = 50;
/** What a broker tells of all its clients at most. */
const ZONE_FAILOVERS = 20;
const ZONE_PUBLISHERS = 100;
const ZONE_UNREACHED = 200;
const ZONE_CLOCKS = 100;
/** A broker takes no longer text. */
const MAX_TOLD = 300;
/** So that the whole line has less than the 300 characters that a broker takes. */
const MAX_WHAT = 100;
const EVENTS = ["broker_lost", "publisher_lost", "owner_changed"] as const;

/** A failover and who saw it. */
export interface SeenFailover extends Failover {
  subscriber: string;
}

/** Subscribers that a publisher does not wait for any more. */
export interface SlowSubscribers {
  publisher: string;
  subscribers: string[];
}

/** A peer that a client is matched with, or is to send through, and has no connection to. */
export interface UnreachedPeer {
  /** `subscriber`: one that has not joined the publisher that tells of it. */
  kind: "publisher" | "broker" | "subscriber";
  /** Its id; empty for a broker. */
  id: string;
  /** The endpoint that is connected to; empty if only brokers lead there. */
  endpoint: string;
  seconds: number;
}

/** A client's clock that is not its broker's. */
export interface OtherClock {
  client: string;
  /** By how much the broker's is ahead, and how far that may be wrong, milliseconds. */
  offset: number;
  bound: number;
}

/** What ails the clients of a zone. */
export interface ZoneHealth {
  slow: SlowSubscribers[];
  /** Who reaches whom not. */
  unreached: (UnreachedPeer & { client: string })[];
  /** Clients whose clock is not their broker's. */
  clocks: OtherClock[];
  /** The last ones, the latest first. */
  failovers: SeenFailover[];
  /** Clients that are registered and have no record in ZooKeeper: they are matched with nobody. Some of them. */
  unrecorded: string[];
}

/** A client as its broker knows it. */
interface Telling {
  readonly id: string;
  readonly stats: Readonly<Record<string, unknown>>;
}

/** One line: times, counts, and at the end what was lost. */
export function formatFailover(failover: Failover): string {
  const { time, event, what, detected_ms, data_back_ms, control_back_ms } = failover;
  const { recovered, lost, duplicates, reordered } = failover;
  const times = [time, detected_ms, data_back_ms, control_back_ms].map((ms) =>
    ms === null ? "-" : String(Math.round(ms * 10) / 10)
  );
  const counts = [recovered, lost, duplicates, reordered];
  return [event, ...times, ...counts, what.slice(0, MAX_WHAT).toWellFormed()].join(" ");
}

/** The opposite of {@link formatFailover}; undefined for any other text. */
export function parseFailover(text: string): Failover | undefined {
  const [name, ...fields] = text.split(" ", 9);
  const event = EVENTS.find((one) => one === name);
  if (event === undefined || fields.length < 8) return undefined;
  const numbers = fields.map((field) =>
    field === "-" ? null : /^-?\d+(\.\d+)?$/.test(field) ? Number(field) : NaN
  );
  const [time, detected, data, control, recovered, lost, duplicates, reordered] = numbers as [
    number | null,
    ...(number | null)[],
  ];
  const needed = [time, detected, recovered, lost, duplicates, reordered];
  if (needed.includes(null) || numbers.some((one) => one !== null && !Number.isFinite(one))) return undefined;
  const what = text.split(" ").slice(9).join(" ");
  return {
    time: time!,
    event,
    what,
    detected_ms: detected!,
    data_back_ms: data!,
    control_back_ms: control!,
    recovered: recovered!,
    lost: lost!,
    duplicates: duplicates!,
    reordered: reordered!,
  };
}

/** One line: how long, what it is, who, and where. */
export function formatUnreached({ kind, id, endpoint, seconds }: UnreachedPeer): string {
  return `${seconds} ${kind} ${id || "-"} ${endpoint || "-"}`.slice(0, MAX_TOLD);
}

/** The opposite of {@link formatUnreached}; undefined for any other text. */
export function parseUnreached(text: string): UnreachedPeer | undefined {
  const match = /^(\d{1,9}(?:\.\d)?) (publisher|broker|subscriber) (\S+) (\S+)$/.exec(text);
  if (match === null) return undefined;
  const [, seconds, kind, id, endpoint] = match as unknown as [
    string,
    string,
    UnreachedPeer["kind"],
    string,
    string,
  ];
  const given = (value: string) => value === "-" ? "" : value;
  return { kind, id: given(id), endpoint: given(endpoint), seconds: Number(seconds) };
}

/** What these clients tell. */
export function healthOf(clients: Iterable<Telling>): Omit<ZoneHealth, "unrecorded"> {
  const slow: SlowSubscribers[] = [];
  const unreached: ZoneHealth["unreached"] = [];
  const clocks: OtherClock[] = [];
  const failovers: SeenFailover[] = [];
  for (const { id, stats } of clients) {
    const ids = texts(stats.slow).slice(0, TOLD_SLOW);
    if (ids.length > 0 && slow.length < ZONE_PUBLISHERS) slow.push({ publisher: id, subscribers: ids });
    for (const text of texts(stats.unreached).slice(0, TOLD_SLOW)) {
      const peer = unreached.length < ZONE_UNREACHED ? parseUnreached(text) : undefined;
      if (peer) unreached.push({ client: id, ...peer });
    }
    const clock = clockOf(stats);
    if (clock && clocks.length < ZONE_CLOCKS) clocks.push({ client: id, ...clock });
    for (const text of texts(stats.failovers).slice(0, TOLD_FAILOVERS)) {
      const failover = parseFailover(text);
      if (failover) failovers.push({ subscriber: id, ...failover });
    }
  }
  return { slow, unreached, clocks, failovers: latest(failovers) };
}

/** What all zones tell together. */
export function joinHealth(zones: Iterable<ZoneHealth>): ZoneHealth {
  const all = [...zones];
  const unreached = all.flatMap(({ unreached }) => unreached);
  // Both ends tell of a connection that is missing: what the one knows that is to connect is enough.
  const known = new Set(unreached.map(({ kind, id, client }) => `${kind} ${id} ${client}`));
  const toldOnce = unreached.filter(({ kind, id, client }) =>
    kind !== "subscriber" || !known.has(`publisher ${client} ${id}`)
  );
  return {
    slow: all.flatMap(({ slow }) => slow).sort((a, b) => a.publisher < b.publisher ? -1 : 1),
    unreached: toldOnce.sort((a, b) => b.seconds - a.seconds),
    clocks: all.flatMap(({ clocks }) => clocks).sort((a, b) => a.client < b.client ? -1 : 1),
    failovers: latest(all.flatMap(({ failovers }) => failovers)),
    unrecorded: all.flatMap(({ unrecorded }) => unrecorded).sort(),
  };
}

function latest(failovers: SeenFailover[]): SeenFailover[] {
  return failovers.sort((a, b) => b.time - a.time).slice(0, ZONE_FAILOVERS);
}

/** What a client tells of its clock, if that is no figure that two clocks in step have. */
function clockOf(stats: Telling["stats"]): Omit<OtherClock, "client"> | undefined {
  const { clock_offset_ms: offset, clock_bound_ms: bound } = stats;
  if (typeof offset !== "number" || typeof bound !== "number") return undefined;
  return bound >= 0 && clockDiffers({ offset, bound }) ? { offset, bound } : undefined;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
