/**
 * The links of a subscriber: to publishers, and by a route to brokers; and which of its streams is on which. No clock:
 * time is a parameter.
 *
 * Guarantee: there is one link an endpoint, and none that no stream and no route uses.
 */
import { Route } from "../stream/route.ts";
import type { Following } from "./following.ts";
import type { Link } from "./link.ts";

/** How links begin and end. */
export interface LinkMaker {
  open(endpoint: string): Link;
  /** It is not used any more. */
  retire(link: Link): void;
}

export class Links {
  /** Through the brokers. */
  readonly route: Route<Link>;
  readonly #streams: Iterable<Following>;
  readonly #maker: LinkMaker;
  readonly #links = new Map<string, Link>();

  /** @param connectMs a broker that does not take our connection within this time is taken for dead. */
  constructor(streams: Iterable<Following>, connectMs: number, maker: LinkMaker) {
    this.#streams = streams;
    this.#maker = maker;
    const links = {
      known: (endpoint: string) => this.#links.get(endpoint),
      get: (endpoint: string) => this.#get(endpoint),
    };
    this.route = new Route(links, connectMs);
  }

  #get(endpoint: string): Link {
    return this.#links.getOrInsertComputed(endpoint, () => this.#maker.open(endpoint));
  }

  /** Whether there is a connection to an endpoint. */
  up(endpoint: string): boolean {
    return this.#links.get(endpoint)?.up ?? false;
  }

  /** Those that are on a link. */
  on(link: Link): Following[] {
    return [...this.#streams].filter((following) => following.link === link);
  }

  /** Choose the links again and put every stream on the right one. */
  choose(now: number): void {
    this.route.choose(now);
    for (const following of this.#streams) {
      const { match } = following;
      const direct = match.endpoints[0];
      const link = match.through === "broker"
        ? this.route.active
        : direct === undefined
        ? undefined
        : this.#get(direct);
      following.attach(link, now);
    }
    this.closeUnused();
  }

  closeUnused(): void {
    const used = new Set(this.route.links);
    for (const { link } of this.#streams) if (link) used.add(link);
    for (const [endpoint, link] of this.#links) {
      if (used.has(link)) continue;
      this.#links.delete(endpoint);
      this.#maker.retire(link);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#links.values()].map((link) => link[Symbol.asyncDispose]()));
  }
}
