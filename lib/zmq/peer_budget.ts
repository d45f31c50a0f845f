/**
 * What the connections to our ports may cost, and which one is to end when they cost more. Pure: time is a parameter,
 * monotonic milliseconds.
 *
 * The library keeps whatever peers send it: a byte of a subscription costs it 50 bytes and more, at every publisher
 * too, and a message whose last part never comes is kept without any limit. So what a peer may send to a port where
 * little is to be said is bounded by a budget, and when memory is short all the same, the one that is most likely to
 * blame goes.
 */
import { sourceOf } from "./barred.ts";
import type { Connection } from "./connections.ts";

/** What a peer may send to a port. */
export interface Allowance {
  /** Bytes at once. */
  readonly burst: number;
  /** Bytes a second in the long run. */
  readonly rate: number;
}

/** One that sends samples may send as many as it likes. */
export const UNLIMITED: Allowance = { burst: Infinity, rate: Infinity };

/** A peer that has sent less than this to a port with an allowance is not to blame for a lack of memory. */
const LITTLE_BYTES = 64 * 1024;
/**
 * Who lately sends this share of what it may at once is a likely cause while memory is short. Acknowledgements at full
 * speed were 20 KB a second; only who joins with thousands of streams in that moment says as much.
 */
const FLOOD_SHARE = 1 / 8;
/** What was sent since a look longer ago than this counts as if it were sent evenly. */
const SECOND_MS = 1000;
/** The library has little for a peer while the kernel has less than this for it. */
const WAITING_BYTES = 4096;
/** An honest one sends less than this a second over all of its time. */
const TALKATIVE_RATE = 32 * 1024;
/** A peer that takes nothing for so long, though something waits for it, is stuck. */
const STUCK_MS = 250;
/** After so long what a peer has sent counts half. */
const HALF_LIFE_MS = 250;

interface Account {
  left: number;
  received: number;
  acknowledged: number;
  /** Received, the longer ago the less. */
  lately: number;
  waiting: boolean;
  /** When it has last taken something, or next to nothing waited for it. */
  tookAt: number;
  /** When it was first seen. */
  since: number;
  at: number;
}

/** Keeps the accounts of all connections to some ports. */
export class PeerBudget {
  readonly #allowances: ReadonlyMap<number, Allowance>;
  #accounts = new Map<string, Account>();
  #lookedAt: number | undefined;

  /** @param allowances by port. */
  constructor(allowances: ReadonlyMap<number, Allowance>) {
    this.#allowances = allowances;
  }

  /** Take note of what the connections have done. @returns those that have used up what they may send. */
  look(connections: readonly Connection[], now: number): Connection[] {
    const accounts = new Map<string, Account>();
    for (const connection of connections) {
      const name = nameOf(connection);
      accounts.set(name, this.#settle(this.#accounts.get(name), connection, now));
    }
    this.#accounts = accounts;
    this.#lookedAt = now;
    return connections.filter((connection) => accounts.get(nameOf(connection))!.left < 0);
  }

  #settle(before: Account | undefined, connection: Connection, now: number): Account {
    const { burst, rate } = this.#allowances.get(connection.port) ?? UNLIMITED;
    const { received, acknowledged, unsent } = connection;
    const waiting = unsent >= WAITING_BYTES;
    const more = received - (before?.received ?? 0);
    const faded = before === undefined ? 0 : before.lately * 0.5 ** ((now - before.at) / HALF_LIFE_MS);
    const earned = before === undefined || burst === Infinity
      ? burst
      : before.left + (now - before.at) / 1000 * rate;
    return {
      left: Math.min(burst, earned) - more,
      received,
      acknowledged,
      lately: faded + more * Math.min(1, SECOND_MS / (now - (this.#lookedAt ?? now))),
      waiting,
      tookAt: before?.waiting && waiting && acknowledged === before.acknowledged ? before.tookAt : now,
      since: before?.since ?? now,
      at: now,
    };
  }

  /** Those of the connections just looked at that take nothing of what waits for them. */
  stuck(connections: readonly Connection[]): Connection[] {
    return connections.filter((connection) => {
      const { tookAt, at } = this.#account(connection);
      return at - tookAt >= STUCK_MS;
    });
  }

  /**
   * Whom to end first, memory being short, of those that were just looked at: who lately sends much to a port with an
   * allowance, and who has done so from the same address for all of its time.
   */
  flooders(connections: readonly Connection[]): Connection[] {
    const limited = this.#limited(connections);
    const much = ({ port }: Connection) => this.#allowances.get(port)!.burst * FLOOD_SHARE;
    const now = limited.filter((one) => this.#account(one).lately >= much(one));
    const sources = new Set(now.map(({ peer }) => sourceOf(peer)));
    const before = limited.filter((one) =>
      sources.has(sourceOf(one.peer)) && one.received >= much(one) && this.#rate(one) >= TALKATIVE_RATE
    );
    return [...new Set([...now, ...before])];
  }

  /**
   * Whom to end if there are none: the slowest one that something waits for; else the one that has sent most to a port
   * with an allowance for the time that it has been there; else the one that lately sends most; else the one that has
   * sent most. Nobody who has hardly sent and left anything: each that connects again costs the library more, and brings
   * nothing back.
   */
  toBlame(connections: readonly Connection[]): Connection | undefined {
    const received = (connection: Connection) => connection.received;
    const lately = (connection: Connection) => this.#account(connection).lately;
    const waitedFor = connections.filter(({ unsent }) => unsent >= WAITING_BYTES);
    const talkative = this.#limited(connections).filter((connection) => received(connection) >= LITTLE_BYTES);
    return most(waitedFor, ({ acknowledged }) => -acknowledged) ??
      most(talkative, (connection) => this.#rate(connection), TALKATIVE_RATE) ??
      most(connections, lately, LITTLE_BYTES) ??
      most(connections, received, LITTLE_BYTES);
  }

  /** Bytes a second over all of its time. */
  #rate(connection: Connection): number {
    const { at, since } = this.#account(connection);
    return connection.received / Math.max(1, (at - since) / 1000);
  }

  #limited(connections: readonly Connection[]): Connection[] {
    return connections.filter(({ port }) => this.#allowances.get(port)?.burst !== Infinity);
  }

  #account(connection: Connection): Account {
    return this.#accounts.get(nameOf(connection))!;
  }
}

function nameOf({ descriptor, peer }: Connection): string {
  return `${descriptor} ${peer}`;
}

/** The one with the highest value, if that is `least` or more. */
function most<T>(items: readonly T[], value: (item: T) => number, least = -Infinity): T | undefined {
  const best = items.reduce<T | undefined>((best, item) => {
    return best === undefined || value(item) > value(best) ? item : best;
  }, undefined);
  return best !== undefined && value(best) >= least ? best : undefined;
}
