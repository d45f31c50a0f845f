/**
 * What the connections to our ports may cost, and which one is to end when they cost more. Pure: time is a parameter,
 * monotonic milliseconds.
 *
 * The library keeps whatever peers send it: a byte of a subscription costs it 50 bytes and more, at every publisher
 * too, and a message whose last part never comes is kept without any limit. So what a peer may send to a port where
 * little is to be said is bounded by a budget, and when memory is short all the same, the one that is most likely to
 * blame goes.
 */
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
/** The library has little for a peer while the kernel has less than this for it. */
const WAITING_BYTES = 4096;
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
  /** When it has last taken something, or next to nothing waited for it. */
  tookAt: number;
  at: number;
}

/** Keeps the accounts of all connections to some ports. */
export class PeerBudget {
  readonly #allowances: ReadonlyMap<number, Allowance>;
  #accounts = new Map<string, Account>();

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
    return connections.filter((connection) => accounts.get(nameOf(connection))!.left < 0);
  }

  #settle(before: Account | undefined, connection: Connection, now: number): Account {
    const { burst, rate } = this.#allowances.get(connection.port) ?? UNLIMITED;
    const { received, acknowledged, unsent } = connection;
    const more = received - (before?.received ?? 0);
    const faded = before === undefined ? 0 : before.lately * 0.5 ** ((now - before.at) / HALF_LIFE_MS);
    const earned = before === undefined || burst === Infinity
      ? burst
      : before.left + (now - before.at) / 1000 * rate;
    return {
      left: Math.min(burst, earned) - more,
      received,
      acknowledged,
      lately: faded + more,
      tookAt: before !== undefined && unsent >= WAITING_BYTES && acknowledged === before.acknowledged
        ? before.tookAt
        : now,
      at: now,
    };
  }

  /**
   * Whom to end, memory being short, of those that were just looked at: all that take nothing of what waits for them;
   * else the one that has sent most to a port with an allowance; else the slowest one that something waits for; else
   * the one that has lately sent most; else the one that has sent most. Nobody who has hardly said and left anything:
   * each that connects again costs the library more, and brings nothing back.
   */
  toBlame(connections: readonly Connection[]): Connection[] {
    const account = (connection: Connection) => this.#accounts.get(nameOf(connection))!;
    const stuck = connections.filter((connection) => {
      const { tookAt, at } = account(connection);
      return at - tookAt >= STUCK_MS;
    });
    if (stuck.length > 0) return stuck;
    const much = (value: (connection: Connection) => number) => (connection: Connection) =>
      value(connection) >= LITTLE_BYTES;
    const received = (connection: Connection) => connection.received;
    const lately = (connection: Connection) => account(connection).lately;
    const limited = connections.filter(({ port }) => this.#allowances.get(port)?.burst !== Infinity);
    const waiting = connections.filter(({ unsent }) => unsent >= WAITING_BYTES);
    const blamed = most(limited.filter(much(received)), received) ??
      most(waiting, ({ acknowledged }) => -acknowledged) ??
      most(connections.filter(much(lately)), lately) ??
      most(connections.filter(much(received)), received);
    return blamed === undefined ? [] : [blamed];
  }
}

function nameOf({ descriptor, peer }: Connection): string {
  return `${descriptor} ${peer}`;
}

function most<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>((best, item) => {
    return best === undefined || value(item) > value(best) ? item : best;
  }, undefined);
}
