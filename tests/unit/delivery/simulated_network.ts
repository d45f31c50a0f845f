/**
 * A network in simulated time: connections between subscribers and the far side (a broker that reaches every
 * publisher, or a publisher), each first-in first-out while it stands, that lose, repeat, delay and get cut.
 *
 * Messages in flight are lost with a cut. Subscriptions are filtered at the far end, by prefix, and are never lost
 * while a connection stands, as with ZeroMQ; other messages are, in both directions, at the chance given.
 */
import { seeded } from "../../../lib/base/random.ts";
import { hasKey } from "../../../lib/wire/key.ts";

/** Simulated time: what is to happen when, in order. */
export class Simulation {
  now = 0;
  readonly random: () => number;
  #events: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  /** Let `run` happen `delay` milliseconds from now. */
  after(delay: number, run: () => void): void {
    const event = { at: this.now + delay, order: this.#order++, run };
    let at = this.#events.length;
    while (at > 0 && this.#events[at - 1]!.at < event.at) at--;
    // Latest first, so that the next one is at the end; of equal times the older one goes first.
    while (at > 0 && this.#events[at - 1]!.at === event.at && this.#events[at - 1]!.order < event.order) at--;
    this.#events.splice(at, 0, event);
  }

  /** Let time pass. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#events.at(-1);
      if (!next || next.at > end) break;
      this.#events.pop();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  /** A whole number from `min` to `max`. */
  between(min: number, max: number): number {
    return min + Math.floor(this.random() * (max - min + 1));
  }
}

/** How bad the network is: chances 0 to 1, times in milliseconds. */
export interface Weather {
  lossDown: number;
  lossUp: number;
  repeat: number;
  latency: number;
  /** Whether messages overtake each other on one connection too; subscriptions never do. */
  overtaking: boolean;
}

export const QUIET: Weather = { lossDown: 0, lossUp: 0, repeat: 0, latency: 2, overtaking: false };

/** What hangs at the ends of a connection. */
export interface Ends {
  /** A message from a subscriber came to the far side. */
  up(bytes: Uint8Array): void;
  /** A message from a publisher came to the subscriber. */
  down(connection: Connection, bytes: Uint8Array): void;
  onUp(connection: Connection): void;
  onDown(connection: Connection): void;
}

/** A subscriber's connection; it looks like a `Link` to those who use it. */
export class Connection {
  /** Whether the subscriber believes that it stands. */
  up = false;
  readonly #wanted = new Map<string, Uint8Array>();
  /** Subscriptions as the far side has them. */
  readonly #active = new Map<string, Uint8Array>();
  #stands = false;
  #generation = 0;
  #lastUp = 0;
  #lastDown = 0;

  constructor(readonly simulation: Simulation, readonly weather: () => Weather, readonly ends: Ends) {}

  /** As a subscriber calls it. */
  subscribe(key: Uint8Array, wanted: boolean): void {
    const name = key.toHex();
    if (wanted) this.#wanted.set(name, key);
    else this.#wanted.delete(name);
    if (this.#stands) this.#travelUp(() => this.#activate(name, key, wanted), false);
  }

  #activate(name: string, key: Uint8Array, wanted: boolean): void {
    if (wanted) this.#active.set(name, key);
    else this.#active.delete(name);
  }

  /** As a subscriber calls it. */
  send(bytes: Uint8Array): void {
    if (!this.up || !this.#stands) return;
    const { lossUp, repeat } = this.weather();
    if (this.simulation.random() < lossUp) return;
    this.#travelUp(() => this.ends.up(bytes));
    if (this.simulation.random() < repeat) this.#travelUp(() => this.ends.up(bytes));
  }

  /** A publisher sends: goes to those who have subscribed. */
  publish(bytes: Uint8Array): void {
    if (!this.#stands || !this.#active.values().some((key) => hasKey(bytes, key))) return;
    const { lossDown, repeat } = this.weather();
    if (this.simulation.random() < lossDown) return;
    this.#travelDown(bytes);
    if (this.simulation.random() < repeat) this.#travelDown(bytes);
  }

  #travelUp(run: () => void, overtaking = this.weather().overtaking): void {
    const generation = this.#generation;
    const at = this.#arrival(this.#lastUp, overtaking);
    this.#lastUp = Math.max(at, this.#lastUp);
    this.simulation.after(at - this.simulation.now, () => {
      if (generation === this.#generation) run();
    });
  }

  #travelDown(bytes: Uint8Array): void {
    const generation = this.#generation;
    const at = this.#arrival(this.#lastDown, this.weather().overtaking);
    this.#lastDown = Math.max(at, this.#lastDown);
    this.simulation.after(at - this.simulation.now, () => {
      if (generation === this.#generation) this.ends.down(this, bytes);
    });
  }

  #arrival(previous: number, overtaking: boolean): number {
    const at = this.simulation.now + this.simulation.between(0, this.weather().latency);
    return overtaking ? at : Math.max(previous, at);
  }

  /** The connection breaks: what is under way is lost. The subscriber notices after `noticed` milliseconds. */
  cut(noticed: number): void {
    if (!this.#stands) return;
    this.#stands = false;
    this.#generation++;
    this.#active.clear();
    const generation = this.#generation;
    this.simulation.after(noticed, () => {
      if (generation !== this.#generation || !this.up) return;
      this.up = false;
      this.ends.onDown(this);
    });
  }

  /** It stands (again): subscriptions are repeated first. */
  restore(): void {
    if (this.#stands) return;
    this.#stands = true;
    this.#generation++;
    this.#lastUp = this.#lastDown = this.simulation.now;
    const wasUp = this.up;
    this.up = false;
    if (wasUp) this.ends.onDown(this);
    for (const [name, key] of this.#wanted) this.#travelUp(() => this.#activate(name, key, true), false);
    this.up = true;
    this.ends.onUp(this);
  }

  get stands(): boolean {
    return this.#stands;
  }
}
