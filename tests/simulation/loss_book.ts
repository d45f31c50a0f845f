/**
 * What subscribers say that they will never get, against what they were given and what their publishers still keep.
 *
 * A best-effort one may lose anything, at once. A reliable one only what its publisher keeps no more, as its window holds
 * later samples in its place; and of a publisher that waits for its subscribers only one that it has said not to wait for,
 * or what was published before it joined. Whatever is missing was told, and nothing that was told was given out. Whoever
 * is waited for has no more in flight to it than its publisher may have.
 */
import { Publisher } from "../../lib/client/publisher.ts";
import { Subscriber } from "../../lib/client/subscriber.ts";
import type { Missing, Place } from "../chaos/ledger.ts";
import type { Party } from "./party.ts";
import type { System } from "./system.ts";

const MIB = 1024 * 1024;
/** What windows keep for repair: of each topic so many samples, or bytes, at least. */
const KEPT_SAMPLES = 65_536;
const KEPT_BYTES = { all: 128 * MIB, least: MIB, most: 16 * MIB };
/** What a sample costs in a window besides its bytes, at most, and what may be dropped with it. */
const SAMPLE_COST = 300;
const MESSAGE_BYTES = 64 * 1024;

/** What is lost is told within this time. */
export const TOLD_WITHIN_MS = 1500;

/** Numbers that somebody says it will never get: so many of those between two. */
export interface Told {
  readonly type: "lost" | "fenced";
  readonly topic: string;
  readonly publisher: string;
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

interface Said extends Told {
  /** Whether something was wrong on the way shortly before: then more was under way. */
  readonly hindered: boolean;
}

/** What was told. */
export class LossBook {
  readonly #system: System;
  /** By subscriber, then by source. */
  readonly #told = new Map<string, Map<string, Said[]>>();
  /**
   * How many samples a subscriber has told of by topic and publisher, of one that had started several times: it may have
   * been any of those.
   */
  readonly #unclear = new Map<string, Map<string, Told[]>>();

  /** Publishers that had more in flight than they may. */
  readonly #exceeded = new Set<Party>();

  constructor(system: System) {
    this.#system = system;
  }

  /** A subscriber says so now. */
  told(subscriber: Party, told: Told): void {
    const { topic, from, to, count } = told;
    const publishers = this.#publishersOf(subscriber, told);
    const [publisher] = publishers;
    if (publisher === undefined) {
      return this.#broken(
        `${subscriber.id} says it lost ${count} samples, ${from} to ${to}, of ${told.publisher}`,
      );
    }
    if (publishers.length > 1) {
      const byPublisher = this.#unclear.getOrInsertComputed(subscriber.taker, () => new Map());
      return void byPublisher.getOrInsertComputed(`${told.publisher} ${topic}`, () => []).push(told);
    }
    const bySource = this.#told.getOrInsertComputed(subscriber.taker, () => new Map());
    const source = publisher.source(topic);
    const hindered = this.#system.isHindered(subscriber.place) || this.#system.isHindered(publisher.place);
    bySource.getOrInsertComputed(source, () => []).push({ ...told, hindered });
    if (told.type === "fenced" || subscriber.role.bestEffort) return;
    const why = this.#whyNot(subscriber, publisher, told);
    if (why !== undefined) this.#broken(`${subscriber.id} gives up ${from} to ${to} of ${source}: ${why}`);
  }

  #broken(what: string): void {
    this.#system.broken(what);
  }

  /** Whose samples they may be, of all that had this id: so many of those numbers were published, and not given out. */
  #publishersOf({ taker }: Party, { publisher, topic, from, to, count }: Told): Party[] {
    const { parties, ledger } = this.#system;
    if (count < 1 || count > to + 1 - from) return [];
    return parties.filter((party) => {
      if (party.kind !== "publisher" || party.id !== publisher) return false;
      const source = party.source(topic);
      const place = ledger.placesOf(taker).get(source);
      const open = place === undefined ? to + 1 - from : openIn(place, from, to);
      return to <= ledger.given(source) && open >= count;
    });
  }

  /** Whether a publisher does not wait for a subscriber at present. */
  #isSlow({ slow, knownSince, program }: Party, topic: string, { id }: Party): boolean {
    const key = `${topic} ${id}`;
    if (!slow.has(key)) return false;
    // A new life of it is waited for again, which nobody is told.
    return !(program instanceof Publisher) || !knownSince.has(key) || program.stats().slow.includes(id);
  }

  /** Why a reliable subscriber was not to lose it. */
  #whyNot(subscriber: Party, publisher: Party, { topic, to }: Told): string | undefined {
    // Who leaves takes nothing more.
    if (subscriber.state !== "there") return undefined;
    if (publisher.state === "killed" || publisher.state === "left") return undefined;
    const { ledger } = this.#system;
    // It is taken for dead.
    if (subscriber.gone.has(`${publisher.id} ${topic}`) && this.#isSilent(subscriber, publisher)) {
      return undefined;
    }
    // Whom no broker has ever named to it, it does not answer.
    const known = this.#knownSince(subscriber, publisher, topic);
    if (known === Infinity) return undefined;
    const source = publisher.source(topic);
    if (ledger.given(source) - to < keptBy(publisher)) return "it is still there";
    const key = `${topic} ${subscriber.id}`;
    if (publisher.role.flow === "drop" || this.#isSlow(publisher, topic, subscriber)) return undefined;
    if (to <= (publisher.notAwaited.get(key) ?? 0)) return undefined;
    if (to <= known) return undefined;
    const first = ledger.placesOf(subscriber.taker).get(source)?.firstLive ?? Infinity;
    return to >= first ? "it is waited for" : undefined;
  }

  /** Whether nothing may come from a publisher at present, directly or through some broker. */
  #isSilent(subscriber: Party, { process }: Party): boolean {
    const ways = [subscriber, ...this.#system.here("broker")];
    return ways.some((way) => this.#system.network.silent(process, way.process));
  }

  /**
   * After which number a publisher knew of a subscriber, and waits for it, whatever becomes of its record; Infinity when it
   * did not. Of one that has started several times it is the last time.
   */
  #knownSince({ id }: Party, publisher: Party, topic: string): number {
    const starts = this.#system.parties.filter((party) => party.id === id).length;
    const known = starts === 1 ? publisher.knownFirst : publisher.knownSince;
    return known.get(`${topic} ${id}`) ?? Infinity;
  }

  /** A publisher says that a sample is on its way. */
  published(publisher: Party, topic: string): void {
    const { flow, maxInFlight } = publisher.role;
    if (flow === "drop" || maxInFlight === undefined) return;
    const source = publisher.source(topic);
    for (const subscriber of this.#system.here("subscriber")) {
      // Who leaves says goodbye.
      if (subscriber.role.bestEffort || subscriber.state !== "there") continue;
      if (this.#isSlow(publisher, topic, subscriber)) continue;
      const place = this.#system.ledger.placesOf(subscriber.taker).get(source);
      if (place?.firstLive === undefined) continue;
      const known = this.#knownSince(subscriber, publisher, topic);
      const done = Math.max(place.last, this.reached(subscriber.taker, source), known);
      if (publisher.published.get(topic)! - done <= maxInFlight || this.#exceeded.has(publisher)) continue;
      // That it is not waited for any more is told in the same moment.
      this.#system.world.after(0, undefined, () => {
        if (!this.#isSlow(publisher, topic, subscriber)) this.#exceeds(publisher, subscriber);
      });
    }
  }

  #exceeds(publisher: Party, subscriber: Party): void {
    if (this.#exceeded.has(publisher)) return;
    this.#exceeded.add(publisher);
    const { maxInFlight } = publisher.role;
    this.#broken(`${publisher.id} has more than ${maxInFlight} samples in flight to ${subscriber.id}`);
  }

  #of(taker: string, source: string): readonly Said[] {
    return this.#told.get(taker)?.get(source) ?? [];
  }

  /** How many of a source's numbers a subscriber has said that it has lost. */
  count(taker: string, source: string, type: Told["type"] = "lost"): number {
    return this.#of(taker, source).reduce((sum, told) => sum + (told.type === type ? told.count : 0), 0);
  }

  /** How many of its numbers it has said to have lost that were published when the publisher knew of it. */
  owed(subscriber: Party, publisher: Party, topic: string): number {
    const known = this.#knownSince(subscriber, publisher, topic);
    const told = this.#of(subscriber.taker, publisher.source(topic));
    return told.reduce((sum, { type, to, count }) => sum + (type === "lost" && to > known ? count : 0), 0);
  }

  /** The last number of a source that it has said it has lost; 0 when none. */
  reached(taker: string, source: string): number {
    return Math.max(0, ...this.#of(taker, source).map(({ type, to }) => type === "lost" ? to : 0));
  }

  /** How far a subscriber has given out, or accounted for, what was published of a topic: last numbers, 0 for none. */
  progress(
    { taker }: Party,
    publisher: Party,
    topic: string,
  ): { reached: number; accounted: number; published: number } {
    const source = publisher.source(topic);
    const reached = this.#system.ledger.reached(taker, source);
    const accounted = Math.max(reached, this.reached(taker, source));
    return { reached, accounted, published: publisher.published.get(topic) ?? 0 };
  }

  /** Whether what it has not given out it has told of. Who was killed right after it may not have come to it. */
  excuses({ subscriber, source, from, to, count, time, isFenced = false }: Missing): boolean {
    const party = this.#system.parties.find(({ taker }) => taker === subscriber);
    if (party !== undefined && time > party.killedAt - TOLD_WITHIN_MS) {
      const publisher = this.#system.parties.find((one) => source.startsWith(`${one.taker}/`));
      const isKept = this.#system.ledger.given(source) - to < keptBy(publisher!);
      if (party.role.bestEffort || !isKept) return true;
    }
    const open = this.#of(subscriber, source)
      .filter(({ type, hindered }) => type === "lost" || (isFenced && hindered));
    const told = open.map((one) => Math.min(one.count, Math.min(to, one.to) + 1 - Math.max(from, one.from)));
    return told.reduce((sum, numbers) => sum + Math.max(0, numbers), 0) >= count;
  }

  /** A subscriber has left, and nothing hindered it: it has told of all that it had not given out, and of nothing else. */
  judge(party: Party): void {
    const { program, taker, id } = party;
    if (!(program instanceof Subscriber)) return;
    const { ledger } = this.#system;
    const places = ledger.placesOf(taker);
    for (const [source, place] of places) this.#judgeSource(party, source, place);
    const sum = (of: (place: Place) => number) =>
      [...places.values()].reduce((sum, place) => sum + of(place), 0);
    const stats = program.stats();
    const truth = {
      received: sum(({ taken }) => taken),
      historical: sum(({ history }) => history),
      duplicates: 0,
      reordered: 0,
      lost: this.#sum(taker),
    };
    for (const [name, value] of Object.entries(truth)) {
      const said = stats[name as keyof typeof truth];
      if (said !== value) this.#broken(`${id} counts ${said} samples as ${name}: it should be ${value}`);
    }
  }

  #sum(taker: string): number {
    const books = [this.#told, this.#unclear].flatMap((book) => [...book.get(taker)?.values() ?? []]);
    return books.flat().reduce((sum, { type, count }) => sum + (type === "lost" ? count : 0), 0);
  }

  /** How many samples it has told of that may have been of this source. */
  #unclearOf(taker: string, source: string): number {
    let sum = 0;
    for (const [key, told] of this.#unclear.get(taker) ?? []) {
      const [publisher, topic] = key.split(" ");
      if (!source.startsWith(`${publisher}#`) || !source.endsWith(`/${topic}`)) continue;
      for (const { count } of told) sum += count;
    }
    return sum;
  }

  #judgeSource({ id, taker }: Party, source: string, place: Place): void {
    const { gaps } = place;
    const told = this.#of(taker, source);
    for (const { type, from, to, count } of told) {
      if (openIn(place, from, to) < count) {
        this.#broken(
          `${id} says that ${count} samples, ${from} to ${to}, of ${source} are ${type}: it has given some out`,
        );
      }
    }
    const open = gaps.reduce((sum, { from, to }) => sum + to + 1 - from, 0);
    const said = told.reduce((sum, { count }) => sum + count, this.#unclearOf(taker, source));
    if (said < open) {
      this.#broken(`${id} has given out neither nor told of ${open - said} samples of ${source}`);
    }
  }
}

/** How many of these numbers were not given out. */
function openIn({ first, last, gaps }: Place, from: number, to: number): number {
  let open = Math.max(0, Math.min(to, first - 1) + 1 - from) +
    Math.max(0, to + 1 - Math.max(from, last + 1));
  for (const gap of gaps) open += Math.max(0, Math.min(to, gap.to) + 1 - Math.max(from, gap.from));
  return open;
}

/** How many samples of a topic a publisher keeps for repair, at least. */
function keptBy({ topics, role: { bytes = 0 } }: Party): number {
  const { all, least, most } = KEPT_BYTES;
  const kept = Math.min(most, Math.max(least, Math.floor(all / topics.length)));
  return Math.min(KEPT_SAMPLES, Math.floor((kept - MESSAGE_BYTES) / (bytes + SAMPLE_COST)));
}
