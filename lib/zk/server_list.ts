/**
 * Which server to try next, and how long to pause before it. Pure but for chance.
 *
 * The servers are tried in turn, in an order of our own so that clients spread; after a round in vain there is a
 * pause that grows with the rounds, with jitter.
 */

/** A host and a port. */
export interface Server {
  host: string;
  port: number;
}

const FIRST_PAUSE_MS = 25;
const MAX_PAUSE_MS = 1_000;

export class ServerList {
  readonly #servers: Server[];
  readonly #random: () => number;
  #next = 0;
  #tried = 0;

  /** @param random gives numbers from 0 to below 1. */
  constructor(servers: readonly Server[], random: () => number = Math.random) {
    this.#servers = [...servers];
    this.#random = random;
    for (let i = this.#servers.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [this.#servers[i], this.#servers[j]] = [this.#servers[j]!, this.#servers[i]!];
    }
  }

  get size(): number {
    return this.#servers.length;
  }

  /** The server for the next attempt. */
  next(): Server {
    const server = this.#servers[this.#next]!;
    this.#next = (this.#next + 1) % this.#servers.length;
    this.#tried += 1;
    return server;
  }

  /** A connection has stood: the next attempt need not wait. */
  worked(): void {
    this.#tried = 0;
  }

  /** Milliseconds before the next attempt: 0 within a round, else at most an eighth of the session timeout. */
  pauseMs(sessionTimeoutMs: number): number {
    if (this.#tried === 0 || this.#tried % this.#servers.length !== 0) return 0;
    const round = this.#tried / this.#servers.length - 1;
    const most = Math.max(FIRST_PAUSE_MS, Math.min(MAX_PAUSE_MS, sessionTimeoutMs / 8));
    return Math.min(most, FIRST_PAUSE_MS * 2 ** Math.min(round, 10)) * (0.5 + this.#random() / 2);
  }
}

/** `host:port`, an IPv6 address in brackets. */
export function formatServer({ host, port }: Server): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
