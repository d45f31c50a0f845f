/**
 * What a client is matched with and has no connection to: said once when that has lasted a while, and once more when
 * the connection is there after all. Pure: time is a parameter.
 *
 * Guarantee: however many there are, one line a look, and it names a few.
 */
import type { ClientEvent } from "../model/client_options.ts";
import type { StreamMatch } from "../wire/control.ts";
import type { UnreachedPeer } from "../model/zone_health.ts";

/** So long a connection may take; it is said at the next look. */
const PATIENCE_MS = 1500;
/** Peers and topics that a line names. */
const NAMED = 5;
/** Peers that the broker is told of. */
export const TOLD_UNREACHED = 20;

/** Somebody who is to be reached and is not. */
export interface Unreached {
  /** What it is to us: whom we connect to, or a subscriber that was to join us. */
  readonly kind: UnreachedPeer["kind"];
  /** Its name; empty for a broker, of which only the endpoint is known. */
  readonly id: string;
  /** What is connected to: its endpoint, or our own that it is to use; empty if only brokers lead there. */
  readonly endpoint: string;
  /** Milliseconds (monotonic). */
  readonly since: number;
  readonly topics: readonly string[];
  /** Why, if that is known. */
  readonly problem?: string | undefined;
}

/** What is to be said now. */
export interface UnreachedNews {
  readonly warning: string | undefined;
  readonly relief: string | undefined;
  readonly events: ClientEvent[];
}

/** Those of one client. */
export class UnreachedWatch {
  readonly #late = new Map<string, Unreached>();

  /**
   * @param current all who are not reached at this moment.
   * @param reached whether one who was not, and is not among them any more, is reached: he may not be wanted any more.
   */
  look(now: number, current: readonly Unreached[], reached: (one: Unreached) => boolean): UnreachedNews {
    const present = new Set<string>();
    const late: Unreached[] = [];
    for (const one of current) {
      const key = keyOf(one);
      present.add(key);
      if (this.#late.has(key)) this.#late.set(key, one);
      else if (now - one.since >= PATIENCE_MS) {
        this.#late.set(key, one);
        late.push(one);
      }
    }
    const back: Unreached[] = [];
    for (const [key, one] of this.#late) {
      if (present.has(key)) continue;
      this.#late.delete(key);
      if (reached(one)) back.push(one);
    }
    const events = [
      ...late.map((one) => event("unreachable", one, now)),
      ...back.map((one) => event("reached", one, now)),
    ];
    return {
      warning: line("no connection with", late, now),
      relief: line("connected with", back, now),
      events,
    };
  }

  /** For the broker: those who are late now, the first few. */
  told(now: number): UnreachedPeer[] {
    return [...this.#late.values()].slice(0, TOLD_UNREACHED).map(({ kind, id, endpoint, since }) => ({
      kind,
      id,
      endpoint,
      seconds: Math.round((now - since) / 100) / 10,
    }));
  }
}

/** Say it in the log, and as events. */
export function announce(
  { warning, relief, events }: UnreachedNews,
  id: string,
  log: { warn(text: string): void; info(text: string): void },
  queue: { push(event: ClientEvent): void },
): void {
  if (warning !== undefined) log.warn(`${id}: ${warning}`);
  if (relief !== undefined) log.info(`${id}: ${relief}`);
  for (const event of events) queue.push(event);
}

/** A stream that a subscriber follows, and the link that it is to come over. */
interface Followed {
  readonly match: Pick<StreamMatch, "topic" | "publisher" | "through">;
  readonly removedAt: number | undefined;
  readonly link: FollowedLink | undefined;
}
interface FollowedLink {
  readonly endpoint: string;
  readonly up: boolean;
  readonly downSince: number;
  readonly problem: string | undefined;
}

/** Whom a subscriber does not reach, link by link. */
export function linksDown(streams: Iterable<Followed>): Unreached[] {
  const down = new Map<FollowedLink, { match: Followed["match"]; topics: Set<string> }>();
  for (const { link, match, removedAt } of streams) {
    if (link === undefined || link.up || removedAt !== undefined) continue;
    down.getOrInsertComputed(link, () => ({ match, topics: new Set() })).topics.add(match.topic);
  }
  return [...down].map(([{ endpoint, downSince, problem }, { match: { through, publisher }, topics }]) => (
    {
      kind: through,
      id: through === "broker" ? "" : publisher,
      endpoint,
      since: downSince,
      topics: [...topics],
      problem,
    }
  ));
}

function keyOf({ kind, id, endpoint }: Unreached): string {
  return `${kind} ${id} ${endpoint}`;
}

function event(type: "unreachable" | "reached", one: Unreached, now: number): ClientEvent {
  const { kind, id, endpoint, topics, since } = one;
  return { type, kind, peer: id, endpoint, topics: [...topics], ms: now - since };
}

function line(what: string, peers: readonly Unreached[], now: number): string | undefined {
  if (peers.length === 0) return undefined;
  const known = peers.slice(0, NAMED).map((one) => describe(one, now));
  return `${what} ${known.join("; ")}${more(peers.length)}`;
}

function describe({ kind, id, endpoint, since, topics, problem }: Unreached, now: number): string {
  const where = kind === "subscriber"
    ? endpoint === "" ? "who has not joined through the brokers" : `who has not joined at ${endpoint}`
    : `at ${endpoint}`;
  const about = topics.length === 0
    ? ""
    : ` (topic ${topics.slice(0, NAMED).join(", ")}${more(topics.length)})`;
  const why = problem === undefined ? "" : `: ${problem}`;
  return `${[kind, id, where].filter(Boolean).join(" ")} after ${
    ((now - since) / 1000).toFixed(1)
  } s${about}${why}`;
}

function more(count: number): string {
  return count > NAMED ? ` and ${count - NAMED} more` : "";
}
