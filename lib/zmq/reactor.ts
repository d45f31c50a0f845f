/**
 * One reactor for all ZeroMQ sockets of the process: one thread waits on all their descriptors. While messages come
 * fast, this thread itself waits, half a millisecond at a time, for them or for whatever else Deno's event loop has
 * to do; so a message finds its reader without a change of thread.
 *
 * A ZMQ descriptor is edge-triggered: it says "something changed", not "there is a message". So a member that is
 * told to look must look until nothing is left, and must ask to be looked at again (`soon`) whenever one of its own
 * calls may have swallowed a change. As a net, every member looks every 250 ms.
 *
 * Guarantee: a member that changed looks at the latest after 250 ms, normally at once; no member is starved, as each
 * does a bounded amount of work in one turn. The reactor starts with the first member and stops with the last; while
 * it runs it keeps the process alive and holds its members (so open sockets are not garbage-collected).
 */
import { setImmediate } from "node:timers";
import { reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { DescriptorSet, Poller } from "./poll.ts";
import { Rhythm } from "./rhythm.ts";

/** How long a member may go unlooked at. */
const NET_MS = 250;

const log = logger("zmq");

/** Something with a ZMQ descriptor. */
export interface Member {
  readonly descriptor: number;
  /**
   * Look and do a bounded amount of work. Must not throw and must not wait.
   *
   * @returns true when it found something, and more is to be expected soon if that comes often.
   */
  look(): boolean;
}

class Reactor {
  readonly #members = new Set<Member>();
  #soon = new Set<Member>();
  /** The members in the order of `#set`, which is made again when members come and go. */
  #order: Member[] = [];
  #set: DescriptorSet | undefined;
  #poller: Poller | undefined;
  #woken = false;
  #running: Promise<void> | undefined;

  /** Watch a member from now on. */
  add(member: Member): void {
    this.#poller ??= new Poller();
    this.#members.add(member);
    this.#set = undefined;
    this.#wake();
    this.#running ??= this.#run(this.#poller);
  }

  /** Stop watching. Idempotent. */
  remove(member: Member): void {
    if (!this.#members.delete(member)) return;
    this.#soon.delete(member);
    this.#set = undefined;
    this.#wake();
  }

  /** Let the member look in the next turn, whatever its descriptor says. */
  soon(member: Member): void {
    if (!this.#members.has(member)) return;
    this.#soon.add(member);
    this.#wake();
  }

  /** Resolves when the reactor has stopped, or at once if members keep it running. */
  async settled(): Promise<void> {
    while (this.#members.size === 0 && this.#running !== undefined) await this.#running;
  }

  #wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.#poller?.wake();
  }

  async #run(poller: Poller): Promise<void> {
    const rhythm = new Rhythm();
    let now = performance.now();
    let netAt = now + NET_MS;
    while (this.#members.size > 0) {
      const set = this.#set ??= this.#arrange(poller);
      const order = this.#order;
      if (poller.canWaitHere && rhythm.fast(now)) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        poller.waitHere(set, rhythm.wait(performance.now() - now));
      } else {
        await poller.wait(set, NET_MS);
      }
      if (set.fired(0)) {
        poller.clear();
        this.#woken = false;
      }
      const soon = this.#soon;
      this.#soon = new Set();
      let found = false;
      for (const member of soon) found = this.#look(member) || found;
      now = performance.now();
      const everybody = now >= netAt;
      if (everybody) netAt = now + NET_MS;
      for (let index = 0; index < order.length; index++) {
        const member = order[index] as Member;
        if ((everybody || set.fired(index + 1)) && !soon.has(member)) found = this.#look(member) || found;
      }
      if (found) rhythm.beat(now);
    }
    this.#running = undefined;
    this.#poller = undefined;
    this.#set = undefined;
    this.#order = [];
    this.#woken = false;
    poller.close();
  }

  #arrange(poller: Poller): DescriptorSet {
    this.#order = [...this.#members];
    return new DescriptorSet([poller.wakeDescriptor, ...this.#order.map((member) => member.descriptor)]);
  }

  #look(member: Member): boolean {
    if (!this.#members.has(member)) return false;
    try {
      return member.look();
    } catch (error) {
      log.error(`A socket failed when it was looked at: ${reasonOf(error)}`);
      return false;
    }
  }
}

/** The reactor of this process. */
export const reactor: Pick<Reactor, "add" | "remove" | "soon" | "settled"> = new Reactor();
