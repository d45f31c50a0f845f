/**
 * Judges how late samples are: what a publisher has published on a topic that it may still publish on is soon there at
 * a subscriber that has joined, whatever has become of their sessions with the coordination server, as long as nothing is
 * wrong with either of them, the server or a broker.
 */
import type { Publisher } from "../../lib/client/publisher.ts";
import type { Party } from "./party.ts";
import type { System } from "./system.ts";

/** What was published so long ago has been given out, or told of. */
const LATE_MS = 3000;
const LOOK_MS = 500;

export class Lag {
  readonly #system: System;
  /** What had been published by then, by source, the oldest first. */
  readonly #then: { readonly time: number; readonly published: ReadonlyMap<string, number> }[] = [];
  #lookedAt = -Infinity;
  readonly #told = new Set<string>();

  constructor(system: System) {
    this.#system = system;
  }

  /** Look, now and then. */
  look(): void {
    const { now } = this.#system.world;
    if (now < this.#lookedAt + LOOK_MS) return;
    this.#lookedAt = now;
    const publishers = this.#system.here("publisher").filter(({ state, started }) =>
      started && state === "there"
    );
    const published = publishers.flatMap((party) =>
      topicsOf(party).map((topic) => [party.source(topic), party.published.get(topic) ?? 0] as const)
    );
    this.#then.push({ time: now, published: new Map(published) });
    while (this.#then.length > 1 && this.#then[1]!.time <= now - LATE_MS) this.#then.shift();
    const { time, published: due } = this.#then[0]!;
    if (time > now - LATE_MS || this.#isUpset()) return;
    const subscribers = this.#system.here("subscriber").filter(({ state }) => state === "there");
    for (const publisher of publishers) {
      for (const subscriber of subscribers) this.#compare(publisher, subscriber, due);
    }
  }

  /** Whether something is wrong with what is between clients, or was shortly before. */
  #isUpset(): boolean {
    const between = this.#system.parties.filter(({ kind }) => kind === "broker" || kind === "pool");
    return ["zookeeper", ...between.map(({ place }) => place)].some((place) =>
      this.#system.isHindered(place)
    );
  }

  #compare(publisher: Party, subscriber: Party, due: ReadonlyMap<string, number>): void {
    const { ledger, losses } = this.#system;
    const both = [publisher.place, subscriber.place];
    // Only ZooKeeper tells of the broker that takes the place of one that is lost.
    if (publisher.role.centralized && both.some((place) => this.#system.isHindered(place))) return;
    for (const topic of topicsOf(publisher)) {
      // Who is gone, and is not heard for some seconds, is forgotten until its record is there again.
      const peer = `${publisher.id} ${topic}`;
      const since = subscriber.gone.get(peer);
      if (this.#system.world.now < (subscriber.back.get(peer) ?? -Infinity) + LATE_MS) continue;
      if (!both.every((place) => this.#system.isReached(place, since))) continue;
      const source = publisher.source(topic);
      if (ledger.placesOf(subscriber.taker).get(source)?.firstLive === undefined) continue;
      const { accounted } = losses.progress(subscriber, publisher, topic);
      const wanted = due.get(source) ?? 0;
      const key = `${source} ${subscriber.taker}`;
      if (accounted >= wanted || this.#told.has(key)) continue;
      this.#told.add(key);
      this.#system.broken(
        `${subscriber.id} has ${accounted} samples of ${source}, of which there were ${wanted} ${LATE_MS} ms ago`,
      );
    }
  }
}

/** Topics that it may publish on now. */
function topicsOf({ role, topics, program }: Party): readonly string[] {
  return role.shared ? topics : (program as Publisher).stats().owned;
}
