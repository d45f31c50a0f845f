/** One subscriber as a publisher's stream knows it. Pure. */
import type { Share } from "../wire/upstream.ts";
import type { Missing } from "./debts.ts";
import type { Progress } from "./pace_rule.ts";

/** A subscriber joins, or comes back. */
export interface Arrival {
  reliable: boolean;
  /** It has everything up to this number. */
  delivered: number;
  /**
   * The number of the request by which it joins the stream, by which its lives are told apart. None when it comes back
   * where it was.
   */
  request?: number | "not yet" | undefined;
}

/** One that has joined. */
export interface Reader {
  reliable: boolean;
  /** Everything up to this number was delivered. */
  delivered: number;
  /** The last number that is history to it: it joined after that. */
  readonly base: number;
  /** The last number published when it asked to join first: what is later comes live. */
  askedAt: number;
  /** Number of the request it joined with; undefined for one that came back where it was. */
  joinedBy: number | "not yet" | undefined;
  movedAt: number;
  slow: boolean;
  /** Its record is gone, and it has not said goodbye. */
  absent: boolean;
  /** What it lets the publisher have under way. */
  credit: Share;
  /** What it is measured by while it is waited for. */
  readonly progress: Progress;
  /** Numbers that it has given up since it is known, between these two. */
  givenUp: number;
  givenUpFrom: number;
  givenUpTo: number;
  /** What it had given up before that; undefined as long as it has not said: it was forgotten, and came back. */
  givenUpBefore: number | undefined;
}

/** What one has not got up to `last`: nothing, if it asked for nothing but what comes. */
export function lackOf(
  subscriber: string,
  { reliable, delivered, givenUp, givenUpFrom, givenUpTo }: Reader,
  last: number,
): Missing {
  const open = reliable ? Math.max(0, last - delivered) : 0;
  return {
    subscriber,
    samples: open + givenUp,
    givenUp,
    from: givenUp > 0 ? givenUpFrom : delivered + 1,
    to: open > 0 ? last : givenUpTo,
  };
}
