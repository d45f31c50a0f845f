/**
 * Judges a run from outside, by what everybody says and does, and by the coordination server's tree.
 *
 * Twenty times a second: at most one primary a zone (but for those of pools), one owner a topic among publishers of the
 * same strength. Whenever a publisher leaves: it tells the truth of who has not got everything. At rest: nothing is amiss
 * (`at_rest.ts`), the load and the brokers' records are right, samples flow, and nobody asks for any again. At the end:
 * everybody has everything that was published by who was not killed, or may lack it (`loss_book.ts`), nobody is said to
 * lack what it has, and nothing is left.
 */
import { Broker } from "../../lib/broker/broker.ts";
import { Publisher } from "../../lib/client/publisher.ts";
import { loadOf, parseLoad } from "../../lib/model/load.ts";
import { brokerPath, LOAD } from "../../lib/model/paths.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { isPersistent } from "../chaos/leftover.ts";
import { AtRest, REST_MS } from "./at_rest.ts";
import type { Party, Program } from "./party.ts";
import type { Plan } from "./plan.ts";
import { SCRIBE } from "./scribe.ts";
import { SESSION_MS, type System } from "./system.ts";

/** Everything is as it should be for so long before it is believed. */
const STEADY_MS = 3000;
/** The judge's own look at the tree takes at most so long. */
const LOOK_MS = 20_000;

export class Judge {
  readonly #system: System;
  readonly #plan: Plan;
  readonly #atRest: AtRest;
  #settledSince = Infinity;
  /** What everybody had published by then. */
  #publishedThen = new Map<string, number>();
  /** How often subscribers had asked publishers for something by then. */
  #askedThen = new Map<Party, number>();
  /** Of whom each subscriber had been told that they were gone, before they all left. */
  readonly #wasGone = new Map<Party, ReadonlySet<string>>();
  /** Who is there after the last fault: nothing excuses what is missing of them. */
  readonly #atTheEnd = new Set<Party>();
  readonly #told = new Set<string>();

  constructor(system: System, plan: Plan) {
    this.#system = system;
    this.#plan = plan;
    this.#atRest = new AtRest(system, plan);
    system.onLeft = (party) => this.#claimsAreTrue(party);
  }

  #broken(what: string): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#system.broken(what);
  }

  /** A look in between: who is stopped cannot act, whatever it believes. */
  look(): void {
    // A server without its data gives away what others have still leased from the one before.
    if (this.#system.world.now < this.#system.coordination.wipedAt + SESSION_MS) return;
    const acting = new Map<string, string>();
    for (const { id, role, process, program } of this.#system.here()) {
      if (process.stopped || program === undefined) continue;
      for (const place of placesOf(program, role.strength ?? 0)) {
        const other = acting.get(place);
        if (other !== undefined) this.#broken(`${other} and ${id} both act for ${place}`);
        acting.set(place, id);
      }
    }
  }

  /** Whether everything has been as it should be for a while. */
  settled(): boolean {
    const { now } = this.#system.world;
    if (now < this.#plan.quietAt + REST_MS) return false;
    if (this.#atRest.amiss().length > 0) this.#settledSince = Infinity;
    else if (this.#settledSince === Infinity) {
      this.#settledSince = now;
      this.#publishedThen = this.#published();
      this.#askedThen = this.#asked();
    }
    return now - this.#settledSince >= STEADY_MS;
  }

  /** How many samples have been published, source by source of those who may. */
  #published(): Map<string, number> {
    const published = new Map<string, number>();
    for (const party of this.#system.here("publisher")) {
      if (party.role.until !== undefined) continue;
      const topics = party.role.shared ? party.topics : (party.program as Publisher).stats().owned;
      for (const topic of topics) published.set(party.source(topic), party.published.get(topic) ?? 0);
    }
    return published;
  }

  /** How often subscribers have asked for something. */
  #asked(): Map<Party, number> {
    const { requests } = this.#system;
    return new Map(this.#system.here("subscriber").map((party) => [party, requests.of(party.process)]));
  }

  /** Nothing goes wrong any more, and everybody has had the time that they need. */
  atRest(): void {
    for (const party of this.#system.here()) {
      this.#atTheEnd.add(party);
      this.#wasGone.set(party, new Set(party.wasGone));
    }
    for (const what of this.#atRest.amiss()) this.#broken(`at rest ${what}`);
    if (!this.settled()) return this.#broken("there is no rest");
    for (const [source, count] of this.#published()) {
      if (count === this.#publishedThen.get(source) && !this.#waitsForTheDead(source)) {
        this.#broken(`at rest ${source} stands still at ${count}`);
      }
    }
    for (const [party, count] of this.#asked()) {
      const more = count - this.#askedThen.get(party)!;
      if (more > 0) this.#broken(`at rest ${party.id} asks for something ${more} times`);
    }
  }

  /** Whether its publisher waits for one that was killed, and has not given it up yet: it may for some seconds. */
  #waitsForTheDead(source: string): boolean {
    const { parties } = this.#system;
    const dead = parties.filter(({ kind, state }) => kind === "subscriber" && state === "killed");
    return this.#system.here("publisher").some((publisher) =>
      publisher.topics.some((topic) =>
        publisher.source(topic) === source &&
        dead.some(({ id, topics }) => topics.includes(topic) && !publisher.wasSlow.has(`${topic} ${id}`))
      )
    );
  }

  /** At rest the load is that of those who are there, and the brokers' records tell who leads. */
  treeIsRight(): void {
    this.#tree(async (paths, read) => {
      const zones = new Set(this.#atRest.primaries()).size;
      const [publishers, subscribers] = [this.#system.here("publisher"), this.#system.here("subscriber")];
      const truth = loadOf(publishers.length, subscribers.length, zones);
      const load = paths.includes(LOAD) ? parseLoad(await read(LOAD)) : undefined;
      // When nobody has ever been there to write it, there is none.
      const isRight = load === truth || (zones === 0 && load === undefined);
      if (!isRight) this.#broken(`at rest the load is ${load}, and should be ${truth}`);
      for (const { id, program } of this.#system.here("broker")) {
        const { role, epoch } = (program as Broker).stats();
        const record = JSON.parse(await read(brokerPath(id)));
        const [leads, says] = [role === "primary" ? epoch : null, record.standby ? null : record.epoch];
        if (leads !== says) this.#broken(`at rest the record of ${id} has epoch ${says}, and it is ${leads}`);
      }
    });
  }

  /** A publisher that has left says who has not got everything: everybody else who had joined has. */
  #claimsAreTrue(publisher: Party): void {
    if (publisher.kind !== "publisher") return;
    for (const subscriber of this.#system.here("subscriber")) {
      for (const topic of publisher.topics) {
        const { reached, accounted, published } = this.#system.losses.progress(subscriber, publisher, topic);
        const says = publisher.says(topic, subscriber.id);
        if (subscriber.role.bestEffort) {
          // What one before it under its id lacks is said, too.
          if (says && subscriber.start === 1) {
            this.#broken(`${publisher.id} owes ${subscriber.id} samples of ${topic}: it is best effort`);
          }
          continue;
        }
        const lost = this.#system.losses.owed(subscriber, publisher, topic);
        if (lost > 0 && subscriber.start === 1 && !says) {
          this.#broken(`${publisher.id} does not know that ${subscriber.id} has lost ${lost} of ${topic}`);
        }
        if (reached === 0 || accounted >= published || says) continue;
        this.#broken(
          `${publisher.id} has left as if ${subscriber.id} had ${published} samples of ${topic}: it has ${reached}`,
        );
      }
    }
  }

  /**
   * After the publishers have left: what they have published has been given out to everybody who was there; of a topic
   * with owners it has, or was fenced; and of one that left while something was wrong it has, or that was said.
   */
  everybodyHasEverything(): void {
    const { losses } = this.#system;
    const left = this.#system.parties.filter(({ state }) => state === "left");
    const publishers = left.filter(({ kind }) => kind === "publisher");
    for (const subscriber of this.#atTheEnd) {
      if (subscriber.kind !== "subscriber") continue;
      if (subscriber.state === "left") losses.judge(subscriber);
      for (const publisher of publishers) {
        if ((publisher.role.shared ?? false) !== (subscriber.role.shared ?? false)) continue;
        for (const topic of publisher.topics) {
          if (subscriber.topics.includes(topic)) this.#hasAll(subscriber, publisher, topic);
        }
      }
    }
  }

  #hasAll(subscriber: Party, publisher: Party, topic: string): void {
    const { reached, accounted, published } = this.#system.losses.progress(subscriber, publisher, topic);
    const lost = this.#system.losses.count(subscriber.taker, publisher.source(topic));
    if (accounted >= published) {
      const isAccused = publisher.says(topic, subscriber.id) && this.#atTheEnd.has(publisher);
      // Not acknowledged is what was fenced for it; what one before it under its id had not got; and what came for it
      // when it had given up a publisher that is back now.
      const mayBe = !publisher.role.shared || subscriber.start > 1 || lost > 0 ||
        this.#wasGone.get(subscriber)!.has(`${publisher.id} ${topic}`);
      if (!isAccused || mayBe) return;
      return this.#broken(
        `${publisher.id} says that ${subscriber.id} has not got all of ${topic}, which it has`,
      );
    }
    // Who had not joined before it left has nothing of it.
    const mayLack = reached === 0 || subscriber.role.bestEffort || publisher.says(topic, subscriber.id);
    if (mayLack && !this.#atTheEnd.has(publisher)) return;
    if (reached === 0 && this.#cameAfter(subscriber, publisher, topic)) return;
    const fenced = subscriber.fenced.get(`${publisher.id} ${topic}`) ?? 0;
    if (!publisher.role.shared && fenced >= published - accounted) return;
    this.#broken(`${subscriber.id} has ${reached} of ${published} samples of ${publisher.source(topic)}`);
  }

  /** Whether all was published before it was there: then it gets the history that it asks for, of an owner. */
  #cameAfter(subscriber: Party, publisher: Party, topic: string): boolean {
    const isLate = subscriber.process.number > publisher.process.number;
    const isOver = (publisher.publishedAt.get(topic) ?? 0) < this.#settledSince;
    return isLate && isOver && (subscriber.role.history === 0 || !publisher.role.shared);
  }

  /** Everybody has left. */
  nothingIsLeft(): void {
    const { world } = this.#system;
    world.runUntil(world.now + SESSION_MS + 2000);
    if (this.#system.scribe?.hasLeft === false) this.#broken("the scribe has not left");
    this.#tree((paths) => {
      const left = paths.filter((path) => !isPersistent(path));
      if (left.length > 0) this.#broken(`znodes left behind: ${left.slice(0, 5).join(", ")}`);
    });
  }

  /** Looks at the coordination server's tree with a client of its own. */
  #tree(look: (paths: string[], read: (path: string) => Promise<string>) => void | Promise<void>): void {
    const { world, coordination } = this.#system;
    let done = false;
    const process = world.spawn("judge", async () => {
      const zk = new ZooKeeper({ servers: coordination.address });
      await zk.connected();
      const paths: string[] = [];
      await walk(zk, "/", paths);
      await look(paths, async (path) => new TextDecoder().decode((await zk.getData(path)).data));
      await zk.close();
      done = true;
    });
    world.runUntil(world.now + LOOK_MS, () => done);
    if (!done) this.#broken("the coordination server does not answer");
    world.kill(process);
  }
}

async function walk(zk: ZooKeeper, path: string, into: string[]): Promise<void> {
  for (const name of (await zk.getChildren(path)).names) {
    const child = `${path === "/" ? "" : path}/${name}`;
    if (child === "/zookeeper" || child === SCRIBE) continue;
    into.push(child);
    await walk(zk, child, into);
  }
}

/**
 * What it acts for now, of which there may be one only. Of publishers of other strengths a weaker one may believe for the
 * rest of its lease that it owns a topic: what it sends is fenced.
 */
function placesOf(program: Program, strength: number): string[] {
  if (program instanceof Broker) return program.role === "primary" ? [`zone ${program.zone}`] : [];
  if (!(program instanceof Publisher)) return [];
  return program.stats().owned.map((topic) => `topic ${topic} with strength ${strength}`);
}
