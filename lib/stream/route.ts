/**
 * Which broker a subscriber's samples come through: one active link, and one more that is connected and unsubscribed,
 * so that the streams can move there at once. While the active one is down, all brokers are connected, and the first
 * one that answers becomes the active one.
 */

/** What a route needs to know of a link. */
export interface RouteLink {
  readonly endpoint: string;
  /** Whether the connection stands. */
  readonly up: boolean;
  /** Whether it stood before, and does not now. */
  readonly lost: boolean;
  /** Monotonic milliseconds since when it is being connected. */
  readonly startedAt: number;
  heardAt: number;
}

/** The links that there are. */
export interface RouteLinks<L extends RouteLink> {
  /** The link to an endpoint, if there is one. */
  known(endpoint: string): L | undefined;
  /** The link to an endpoint, connected now if there is none yet. */
  get(endpoint: string): L;
}

/** Chooses among the brokers. */
export class Route<L extends RouteLink> {
  readonly #links: RouteLinks<L>;
  /** How long a connection may take to come about, milliseconds. */
  readonly #patienceMs: number;
  /** Brokers' egress endpoints, best first. */
  #endpoints: readonly string[] = [];
  #active: L | undefined;
  /** The broker of the zone that we were sent to: data moves there as soon as we are connected. */
  #destination: string | undefined;
  #spares: readonly L[] = [];

  constructor(links: RouteLinks<L>, patienceMs: number) {
    this.#links = links;
    this.#patienceMs = patienceMs;
  }

  /** Where the samples come through; undefined before the first {@link choose}. */
  get active(): L | undefined {
    return this.#active;
  }

  /** The links that are to stand: the active one first. */
  get links(): L[] {
    return this.#active === undefined ? [] : [this.#active, ...this.#spares];
  }

  /** It leads through these brokers now, best first. Takes effect with {@link choose}. */
  lead(endpoints: readonly string[]): void {
    if (this.#endpoints.length > 0 && endpoints[0] !== this.#endpoints[0]) this.#destination = endpoints[0];
    this.#endpoints = endpoints;
  }

  /** Whether to choose again because this link has come up: it is better than what we have, or what we have. */
  concerns(link: L): boolean {
    if (this.#active === undefined) return false;
    return link === this.#active || !this.#active.up || link.endpoint === this.#destination;
  }

  /** Choose the active link and the spare ones. @param now monotonic milliseconds. */
  choose(now: number): void {
    if (this.#endpoints.length === 0) return;
    const isUp = (endpoint: string) => this.#links.known(endpoint)?.up ?? false;
    const before = this.#active;
    const stays = before && this.#endpoints.includes(before.endpoint) ? before : undefined;
    if (this.#destination === before?.endpoint || !this.#endpoints.includes(this.#destination ?? "")) {
      this.#destination = undefined;
    }
    const destination = this.#destination;
    const arrived = destination !== undefined && isUp(destination);
    const active = this.#active = this.#links.get(
      arrived
        ? destination
        : stays && !this.#isDown(stays, now)
        ? stays.endpoint
        : this.#endpoints.find(isUp) ?? stays?.endpoint ?? this.#endpoints[0]!,
    );
    // Up to now its signs of life were all that came over it.
    if (active !== before && active.up) active.heardAt = now;
    const spares = this.#sparesFor(active, now);
    if (arrived) this.#destination = undefined;
    else if (destination !== undefined) spares.push(destination);
    this.#spares = spares.map((endpoint) => this.#links.get(endpoint));
  }

  /** Whether the connection was lost, or did not come about in time. */
  #isDown({ up, lost, startedAt }: L, now: number): boolean {
    return !up && (lost || now - startedAt > this.#patienceMs);
  }

  /** Where to be connected besides the active link. */
  #sparesFor(active: L, now: number): string[] {
    const others = this.#endpoints.filter((endpoint) => endpoint !== active.endpoint);
    if (this.#isDown(active, now)) return others;
    const link = (endpoint: string) => this.#links.known(endpoint);
    // One that was lost just now is the last choice: the next loss may come before it is back.
    const best = others.find((endpoint) => link(endpoint)?.up) ??
      others.find((endpoint) => !link(endpoint)?.lost) ?? others[0];
    return best === undefined ? [] : [best];
  }
}
