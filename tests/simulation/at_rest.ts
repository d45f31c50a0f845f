/**
 * What is not as it should be in a system in which nothing goes wrong any more, by what everybody says: everybody has
 * started and is registered, no zone has far more clients than another one, each zone that has a broker has a primary, pools
 * have the zones that they need, each topic has an owner and the strongest, and of what has ended everybody has the end.
 */
import { Broker } from "../../lib/broker/broker.ts";
import type { Publisher } from "../../lib/client/publisher.ts";
import type { Subscriber } from "../../lib/client/subscriber.ts";
import { BackupPool } from "../../lib/pool/backup_pool.ts";
import type { Plan } from "./plan.ts";
import { LOAD_THRESHOLD, SESSION_MS, type System } from "./system.ts";

/** Sessions of those who were killed last are over, and who has to be noticed is. */
export const REST_MS = 3 * SESSION_MS;
/** So many clients more than another zone may one have: somebody who was not served there once stays elsewhere. */
const MOST_APART = 3;

type Client = Publisher | Subscriber;

export class AtRest {
  readonly #system: System;
  readonly #exclusive: ReadonlySet<string>;
  /** Those who cannot reach some broker. */
  readonly #severed: ReadonlySet<string>;

  constructor(system: System, { roles, faults }: Plan) {
    this.#system = system;
    const owners = roles.filter(({ kind, shared }) => kind === "publisher" && !shared);
    this.#exclusive = new Set(owners.flatMap(({ topics = [] }) => topics));
    this.#severed = new Set(faults.filter(({ what }) => what === "sever").map(({ who }) => who));
  }

  /** What is amiss now. */
  amiss(): string[] {
    const primaries = this.primaries();
    const amiss: string[] = [...this.#zonesAmiss(primaries)];
    for (const { id, program, started } of this.#system.here()) {
      if (!started) amiss.push(`${id} has not started`);
      else if (program instanceof Broker) {
        if (!primaries.includes(program.zone)) amiss.push(`zone ${program.zone} has no primary`);
      } else if (!(program instanceof BackupPool) && !primaries.includes(program!.zone)) {
        amiss.push(`${id} is registered in zone ${program!.zone}, and there is none`);
      }
    }
    amiss.push(...this.#unregistered(), ...this.#undelivered(), ...this.#ownersAmiss());
    return amiss;
  }

  /** Zones that have a primary, as those say who run them. */
  primaries(): number[] {
    const zones: number[] = [];
    for (const { program } of this.#system.here()) {
      if (program instanceof Broker && program.role === "primary") zones.push(program.zone);
      if (!(program instanceof BackupPool)) continue;
      for (const { zone, state } of program.stats().zones) if (state === "serving") zones.push(zone);
    }
    return zones;
  }

  /** Pools have started as many zones as the load asks for, or all that they may. */
  *#zonesAmiss(primaries: readonly number[]): Generator<string> {
    const pools = this.#system.here("pool");
    if (pools.length === 0) return;
    const acting = pools.filter(({ program }) => (program as BackupPool).stats().acting).length;
    if (acting !== 1) yield `${acting} pools act`;
    const zones = new Set(primaries).size;
    const clients = this.#system.here("publisher").length + this.#system.here("subscriber").length;
    const most = pools.reduce((sum, { role }) => sum + role.zones!, 0);
    if (zones < most && clients > zones * LOAD_THRESHOLD) yield `${clients} clients have ${zones} zones`;
  }

  /** What was published last, and nothing after it, has been given out to everybody who has joined. */
  *#undelivered(): Generator<string> {
    const { world } = this.#system;
    for (const publisher of this.#system.here("publisher")) {
      if (!publisher.role.shared) continue;
      for (const topic of publisher.topics) {
        if (world.now - (publisher.publishedAt.get(topic) ?? world.now) < REST_MS) continue;
        for (const subscriber of this.#system.here("subscriber")) {
          const { reached, accounted, published } = this.#system.losses.progress(
            subscriber,
            publisher,
            topic,
          );
          if (reached === 0 || accounted >= published) continue;
          yield `${subscriber.id} has ${reached} of the ${published} samples of ${publisher.source(topic)}`;
        }
      }
    }
  }

  /** Primaries have as many clients as there are. */
  *#unregistered(): Generator<string> {
    const brokers = this.#system.here("broker").map(({ program }) => program as Broker);
    if (brokers.length === 0 || this.#system.here("pool").length > 0) return;
    const clients = [...this.#system.here("publisher"), ...this.#system.here("subscriber")];
    const primaries = brokers.filter(({ role }) => role === "primary");
    const counts = primaries.map((broker) => broker.stats().clients);
    const registered = counts.reduce((sum, count) => sum + count, 0);
    if (registered !== clients.length) yield `${registered} of ${clients.length} clients are registered`;
    // Who cannot reach another one stays where it is.
    const free = clients.filter(({ place }) => !this.#severed.has(place));
    const zones = free.map(({ program }) => (program as Client).zone);
    const movable = primaries.map((broker) => zones.filter((zone) => zone === broker.zone).length);
    const [least, most] = [Math.min(...counts), Math.max(...movable)];
    if (most - least > MOST_APART) yield `one zone has ${least} clients, and another one ${most}`;
  }

  /** Each topic that is contended for has one owner, one of the strongest. */
  *#ownersAmiss(): Generator<string> {
    const publishers = this.#system.here("publisher");
    for (const topic of this.#exclusive) {
      const contenders = publishers.filter(({ role }) => !role.shared && role.topics!.includes(topic));
      if (contenders.length === 0 || contenders.some(({ started }) => !started)) continue;
      const owners = contenders.filter(({ program }) => (program as Publisher).stats().owned.includes(topic));
      if (owners.length !== 1) yield `topic ${topic} has ${owners.length} owners`;
      const strongest = Math.max(...contenders.map(({ role }) => role.strength ?? 0));
      for (const { id, role } of owners) {
        if ((role.strength ?? 0) < strongest) {
          yield `topic ${topic} is ${id}'s, and there are stronger ones`;
        }
      }
    }
  }
}
