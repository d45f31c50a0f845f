/**
 * The network of a world: connections between processes that carry items in order, each with a delay; cuts of one
 * direction or both; ends that are told of at once, later, or never, as of TCP.
 *
 * What is sent while the way is cut, or to a process that is stopped, is held and arrives when that is over, as the
 * system's retransmissions do; whoever wants to know of silence watches for it ({@link Network.silent}).
 */
import type { Random } from "../../lib/base/random.ts";
import { seeded } from "../../lib/base/random.ts";
import type { Happening } from "./agenda.ts";
import type { Process, World } from "./world.ts";

/** Milliseconds that a connection takes for an item, at least; each has one of its own. */
const DELAY_MS = [0.05, 0.6] as const;
/** One item in so many is late. */
const LATE_ONE_IN = 400;
const LATE_MS = [2, 40] as const;
/** A connection that is asked for over a way that is cut is asked for again after this. */
const AGAIN_MS = 1000;
const FIRST_PORT = 40_000;

/** What an end of a connection is told. */
export interface Receiver<T> {
  received(item: T): void;
  /** The other end has closed it, or is gone. */
  ended(): void;
}

/** One end of a connection. */
export class End<T> {
  peer!: End<T>;
  receiver: Receiver<T> | undefined;
  open = true;
  /** Items under way to the peer, in order; the end of the connection is undefined. */
  readonly #under: { item: T | undefined; at: number }[] = [];
  /** Items that cannot leave. */
  readonly #held: (T | undefined)[] = [];
  #arriving: Happening | undefined;
  #lastAt = 0;
  readonly #delayMs: number;

  constructor(readonly network: Network, readonly process: Process, readonly to: Process) {
    const [low, high] = DELAY_MS;
    this.#delayMs = low + network.random() * (high - low);
  }

  /** Items that have not arrived. */
  get waiting(): number {
    return this.#under.length + this.#held.length;
  }

  /** Items that cannot leave at present. */
  get held(): number {
    return this.#held.length;
  }

  /** Nothing arrives before that moment. */
  notBefore(time: number): void {
    this.#lastAt = time;
  }

  send(item: T): void {
    if (!this.open) return;
    this.#put(item);
    this.network.wear(this.process, this.to);
  }

  /** Close it: what was sent before arrives, then the peer is told. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.#put(undefined);
    this.network.forget(this);
  }

  /** It ends with its process: the last items may be lost. @param silent its host is gone, too: nobody is told. */
  reset(silent: boolean): void {
    if (!this.open) return;
    this.open = false;
    if (silent) this.#under.length = this.#held.length = 0;
    else {
      if (this.network.random() < 0.5) this.#under.length = this.#held.length = 0;
      this.#put(undefined);
    }
    this.network.forget(this);
  }

  #put(item: T | undefined): void {
    if (this.#held.length > 0 || !this.network.flows(this.process, this.to)) this.#held.push(item);
    else this.#send(item);
  }

  #send(item: T | undefined): void {
    const { network } = this;
    let delay = this.#delayMs * (0.8 + 0.4 * network.random());
    if (network.random() * LATE_ONE_IN < 1) delay += network.between(...LATE_MS);
    this.#lastAt = Math.max(this.#lastAt, network.world.now + delay);
    this.#under.push({ item, at: this.#lastAt });
    this.#arrive();
  }

  #arrive(): void {
    if (this.#arriving !== undefined || this.#under.length === 0) return;
    this.#arriving = this.network.world.at(this.#under[0]!.at, this.to, this.#arrived);
  }

  readonly #arrived = (): void => {
    this.#arriving = undefined;
    const { now } = this.network.world;
    const { peer } = this;
    while (this.#under.length > 0 && this.#under[0]!.at <= now) {
      const { item } = this.#under.shift()!;
      if (!peer.open) continue;
      if (item !== undefined) peer.receiver?.received(item);
      else {
        peer.close();
        peer.receiver?.ended();
      }
    }
    this.#arrive();
  };

  /** The way is free again, perhaps. */
  retry(): void {
    if (this.#held.length === 0 || !this.network.flows(this.process, this.to)) return;
    for (const item of this.#held.splice(0)) this.#send(item);
  }
}

/** Takes connections: what becomes of an end that was made. */
export interface Listening<T = unknown> {
  readonly process: Process;
  accept(end: End<T>): Receiver<T> | undefined;
}

/** An attempt to connect. */
export interface Attempt {
  /** No more of it. */
  cancel(): void;
}

/** The network. */
export class Network {
  readonly world: World;
  readonly random: Random;
  readonly #listening = new Map<string, Listening>();
  readonly #cuts = new Map<string, number>();
  /** Of ways whose connections break again and again: after how many items, on average. */
  readonly #worn = new Map<string, number>();
  // deno-lint-ignore no-explicit-any
  readonly #ends = new Set<End<any>>();
  readonly #watchers = new Set<() => void>();
  #port = FIRST_PORT;

  constructor(world: World) {
    this.world = world;
    this.random = seeded(world.seed ^ 0x5bd1e995);
    world.onKilled.push((process, silent) => this.#drop(process, silent));
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  /** Whether what `from` sends gets to `to`. */
  flows(from: Process, to: Process): boolean {
    return !to.stopped && (this.#cuts.size === 0 || !this.#cuts.has(`${from.name}>${to.name}`));
  }

  /** Cut the way from one process to another one, one direction of it. Healed as often as it was cut it is free again. */
  cut(from: Process, to: Process): void {
    const way = `${from.name}>${to.name}`;
    this.#cuts.set(way, (this.#cuts.get(way) ?? 0) + 1);
    this.changed();
  }

  heal(from: Process, to: Process): void {
    const way = `${from.name}>${to.name}`;
    const cuts = (this.#cuts.get(way) ?? 0) - 1;
    if (cuts > 0) this.#cuts.set(way, cuts);
    else this.#cuts.delete(way);
    this.changed();
  }

  /** Have the connections between two break after so many items on average; undefined: no more. */
  wearOut(one: Process, other: Process, items: number | undefined): void {
    for (const way of [`${one.name}>${other.name}`, `${other.name}>${one.name}`]) {
      if (items === undefined) this.#worn.delete(way);
      else this.#worn.set(way, items);
    }
  }

  /** An item goes that way, which may break its connection. */
  wear(from: Process, to: Process): void {
    if (this.#worn.size === 0) return;
    const items = this.#worn.get(`${from.name}>${to.name}`);
    if (items === undefined || this.random() * items >= 1) return;
    this.world.after(0, undefined, () => this.breakBetween(from, to));
  }

  /** Ways are cut or free again, processes stopped or going on. */
  changed(): void {
    for (const end of [...this.#ends]) end.retry();
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Be told of every change until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Whether nothing of `from` comes to `to` at present: it is cut off, or stopped, or gone. */
  silent(from: Process, to: Process): boolean {
    return !from.alive || from.stopped || !this.flows(from, to);
  }

  // deno-lint-ignore no-explicit-any
  forget(end: End<any>): void {
    if (!end.peer.open) {
      this.#ends.delete(end);
      this.#ends.delete(end.peer);
    }
  }

  /** Close every connection of a process that is killed, and its ports. */
  #drop(process: Process, silent: boolean): void {
    for (const [address, { process: listener }] of this.#listening) {
      if (listener === process) this.#listening.delete(address);
    }
    for (const end of [...this.#ends]) if (end.process === process) end.reset(silent);
    this.changed();
  }

  /** Ports that a process listens on, and ends of connections that it has open. */
  openOf(process: Process): number {
    let count = 0;
    for (const listening of this.#listening.values()) if (listening.process === process) count++;
    for (const end of this.#ends) if (end.process === process && end.open) count++;
    return count;
  }

  /** Break the connections between two processes; both are told. */
  breakBetween(one: Process, other: Process): void {
    for (const end of [...this.#ends]) {
      const between = (end.process === one && end.to === other) || (end.process === other && end.to === one);
      if (!between || !end.open) continue;
      end.reset(false);
      this.world.after(0, end.process, () => end.receiver?.ended());
    }
  }

  /** Listen on a port, any free one for 0. @returns the port */
  listen<T>(port: number, listening: Listening<T>): number {
    const real = port === 0 ? ++this.#port : port;
    const address = `${listening.process.host}:${real}`;
    if (this.#listening.has(address)) throw new Error(`Address already in use: ${address}`);
    this.#listening.set(address, listening as Listening);
    return real;
  }

  unlisten(process: Process, port: number): void {
    this.#listening.delete(`${process.host}:${port}`);
  }

  /**
   * Connect. `made` gets our end, or undefined when nobody listens there. While the way is cut nothing happens.
   */
  connect<T>(from: Process, address: string, made: (end: End<T> | undefined) => void): Attempt {
    let over = false;
    const { world } = this;
    const arrive = () => {
      if (over || !from.alive) return;
      const listening = this.#listening.get(address) as Listening<T> | undefined;
      if (listening === undefined) {
        world.after(this.between(...DELAY_MS), from, () => over || made(undefined));
        return;
      }
      const to = listening.process;
      if (!this.flows(from, to) || !this.flows(to, from)) {
        world.after(AGAIN_MS, undefined, arrive);
        return;
      }
      const [ours, theirs] = [new End<T>(this, from, to), new End<T>(this, to, from)];
      ours.peer = theirs;
      theirs.peer = ours;
      this.#ends.add(ours).add(theirs);
      // We hear that it stands before we hear anything else.
      const back = this.between(...DELAY_MS);
      theirs.notBefore(world.now + back);
      world.after(back, from, () => {
        // Broken meanwhile it is as if it had been refused.
        if (over) ours.close();
        else made(ours.open ? ours : undefined);
      });
      world.after(0, to, () => {
        // Who stopped listening meanwhile refuses it.
        if (this.#listening.get(address) !== listening) return theirs.close();
        theirs.receiver = listening.accept(theirs);
        if (theirs.receiver === undefined) theirs.close();
      });
    };
    world.after(this.between(...DELAY_MS), undefined, arrive);
    return { cancel: () => void (over = true) };
  }
}
