/**
 * Ownership of one topic among its publishers: the strongest owns it, of equals the one that came first.
 *
 *     /topics/<topic>               who owns it; its mzxid after the owner's write is the epoch
 *     /topics/<topic>/<guid>-<seq>  ephemeral sequential, data: publisher id and strength
 *
 * Guarantees: `owner` is true only when we are first, our node is our session's, the owner record is written by us,
 * and the session is connected by the clock now. The record is written on the condition that nobody wrote it since
 * it was read, and it was read before we were found to be first; so a write that comes late fails, and epochs only
 * grow. A contender that waits watches its own node and the one just before it, and does no operation. The owner
 * watches the list, so that a stronger one takes over at once; only the data of unknown contenders is read.
 *
 * Suspended: not the owner, at once; the `lease` lasts until the session's time-out by our own clock. The same session
 * attached again: verified, then owner with the same epoch when the record is still ours. Lost: neither; a new session
 * contends anew.
 */
import { Conflated } from "../base/conflated.ts";
import { CoordinationError } from "../base/errors.ts";
import { Latch } from "../base/latch.ts";
import { logger } from "../base/log.ts";
import { topicPath } from "../model/paths.ts";
import type { Session, Stat, ZooKeeper } from "../zk/zookeeper.ts";
import {
  type ContenderRecord,
  formatContender,
  formatOwner,
  parseContender,
  writerOf,
} from "./owner_record.ts";
import { LookAgain } from "./look_again.ts";
import { type Contender, Impostors, placeOf, queueOf } from "./queue.ts";
import { Seat } from "./seat.ts";
import { inEverySession } from "./sessions.ts";

export { type OwnerRecord, parseOwner } from "./owner_record.ts";

const log = logger("ownership");

/** What we are for the topic. */
export type Ownership = { owner: true; epoch: bigint } | { owner: false; epoch: 0n };

/** The epoch of our write, with our node first and the record ours, as verified at this attachment of the session. */
interface Held {
  session: Session;
  attachment: number;
  epoch: bigint;
}

const NOT_OWNER: Ownership = Object.freeze({ owner: false, epoch: 0n });

export class TopicOwnership implements AsyncDisposable {
  readonly #zk: ZooKeeper;
  readonly #topic: string;
  readonly #path: string;
  readonly #contender: ContenderRecord;
  readonly #seat: Seat;
  readonly #closing = new AbortController();
  readonly #changed = new Latch();
  readonly #states = new Conflated<Ownership>();
  readonly #running: Promise<void>;
  readonly #following: Promise<void>;
  /** Strengths by node name; undefined for a node that is no contender's. A node's data never changes. */
  #strengths = new Map<string, number | undefined>();
  readonly #impostors: Impostors;
  #watched: string | undefined;
  #held: Held | undefined;
  #closed: Promise<void> | undefined;

  /** Contends in the background until {@link close}. */
  constructor(zk: ZooKeeper, topic: string, contender: { publisher: string; strength: number }) {
    this.#zk = zk;
    this.#topic = topic;
    this.#path = topicPath(topic);
    this.#contender = contender;
    this.#seat = new Seat(zk, this.#path, formatContender(contender));
    this.#impostors = new Impostors(this.#path, (text) => log.warn(text));
    this.#following = this.#followState();
    this.#running = inEverySession(
      zk,
      this.#closing.signal,
      `ownership of ${topic}`,
      (session) => this.#contend(session),
    ).finally(() => {
      this.#yield();
      this.#states.end();
    });
  }

  /** Whether we may act as the owner now, by the clock. */
  get owner(): boolean {
    const held = this.#held;
    return held !== undefined && this.#zk.acting && this.#zk.session === held.session &&
      this.#zk.attachment === held.attachment;
  }

  /** The fencing token of our ownership; 0 when not the owner. */
  get epoch(): bigint {
    return this.owner ? this.#held!.epoch : 0n;
  }

  /**
   * The epoch under which samples may still be published, undefined when they may not.
   *
   * The same as for the `owner`, but it lasts while the session is merely out of touch: until its lease ends by our
   * own clock nobody can have inherited our place. Only a stronger contender can have come meanwhile; its higher
   * epoch fences us off at every receiver.
   */
  get lease(): bigint | undefined {
    const held = this.#held;
    return held !== undefined && this.#zk.session === held.session ? held.epoch : undefined;
  }

  /** The current ownership once it is decided, then each change, conflated. Ends after {@link close}. */
  changes(): AsyncIterable<Ownership> {
    return this.#states.values();
  }

  /**
   * Resolves when the first decision is known.
   *
   * @throws {CoordinationError} CLOSED when closed before; or the signal's reason.
   */
  async decided(signal?: AbortSignal): Promise<Ownership> {
    for await (const ownership of this.#states.values(signal)) return ownership;
    signal?.throwIfAborted();
    throw new CoordinationError("CLOSED", `The ownership of ${this.#topic} was closed`, this.#path);
  }

  /** Give it up: not the owner at once, then our node is removed. Idempotent. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#yield();
    this.#closing.abort();
    await Promise.all([this.#running, this.#following]);
    this.#watch(undefined);
    this.#zk.unwatch(this.#path, this.#changed.set);
    await this.#seat.leave();
  }

  /** Tell of suspensions and of the clock's verdicts as they happen. */
  async #followState(): Promise<void> {
    for await (const _state of this.#zk.changes(this.#closing.signal)) this.#publish();
  }

  async #contend(session: Session): Promise<void> {
    this.#strengths.clear();
    const looks = new LookAgain();
    while (!this.#closing.signal.aborted && this.#zk.session === session) {
      this.#changed.clear();
      if (await this.#settle(session)) {
        looks.settled();
        await this.#changed.wait(this.#closing.signal, session.lost);
      } else await looks.again(this.#closing.signal);
    }
  }

  /** Look at the queue and act on our place in it. False: look again. */
  async #settle(session: Session): Promise<boolean> {
    const { attachment } = this.#zk;
    const own = await this.#seat.take(session);
    this.#strengths.set(own, this.#contender.strength);
    try {
      // Read before the list: a write on this version cannot overtake anybody who was first after us.
      const record = await this.#zk.getData(this.#path);
      // The list is watched by the owner only; who seems to be first lists once more, with the watch.
      let place = placeOf(own, await this.#queue(this.#held !== undefined));
      if (place.kind === "first" && this.#held === undefined) place = placeOf(own, await this.#queue(true));
      if (place.kind !== "first") this.#yield();
      if (place.kind === "absent") return false;
      const { stat } = await this.#zk.getData(`${this.#path}/${own}`, this.#changed.set);
      if (stat.ephemeralOwner !== session.id) return false;
      if (place.kind === "first") {
        return await this.#takeOver({ session, attachment, epoch: 0n }, own, record);
      }
      await this.#zk.getData(this.#watch(`${this.#path}/${place.predecessor}`)!, this.#changed.set);
      this.#decide(undefined);
      return true;
    } catch (error) {
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
      // A contender that has just left; or the topic was removed, with our node in it: then take a new one.
      if (await this.#zk.exists(`${this.#path}/${own}`) === undefined) await this.#seat.adopt([]);
      return false;
    }
  }

  /** The contenders in order. */
  async #queue(watch: boolean): Promise<Contender[]> {
    const { names } = await this.#zk.getChildren(this.#path, watch ? this.#changed.set : undefined);
    const known = this.#strengths;
    this.#strengths = new Map(names.filter((name) => known.has(name)).map((name) => [name, known.get(name)]));
    const unknown = names.filter((name) => !known.has(name));
    await Promise.all(unknown.map(async (name) => {
      try {
        const { data, stat } = await this.#zk.getData(`${this.#path}/${name}`);
        // A persistent node is nobody's, and would be waited for for ever.
        if (stat.ephemeralOwner === 0n) this.#impostors.found(name);
        this.#strengths.set(
          name,
          stat.ephemeralOwner === 0n ? undefined : parseContender(data)?.strength,
        );
      } catch (error) {
        if (!CoordinationError.is(error, "NO_NODE")) throw error; // gone already: not in the queue
      }
    }));
    await this.#seat.adopt(names);
    return queueOf(names, (name) => this.#strengths.get(name));
  }

  /** We are first: be the owner once the record is our write. */
  async #takeOver(held: Held, own: string, record: { data: Uint8Array; stat: Stat }): Promise<boolean> {
    this.#watch(undefined);
    if (writerOf(record.data) === own) {
      this.#decide({ ...held, epoch: record.stat.mzxid });
      return true;
    }
    if (this.#closing.signal.aborted || this.#zk.session !== held.session) return false;
    try {
      const data = formatOwner(this.#contender, own);
      const stat = await this.#zk.setData(this.#path, data, record.stat.version);
      this.#decide({ ...held, epoch: stat.mzxid });
      return true;
    } catch (error) {
      if (CoordinationError.is(error, "BAD_VERSION")) return false;
      throw error;
    }
  }

  /** The one predecessor that is watched. */
  #watch(path: string | undefined): string | undefined {
    if (this.#watched !== undefined && this.#watched !== path) {
      this.#zk.unwatch(this.#watched, this.#changed.set);
    }
    return this.#watched = path;
  }

  #decide(held: Held | undefined): void {
    if (held !== undefined && this.#closing.signal.aborted) return;
    if (held?.epoch !== this.#held?.epoch) {
      if (held !== undefined) log.debug(`owner of ${this.#topic}, epoch ${held.epoch}`);
      else log.debug(`no longer owner of ${this.#topic}`);
    }
    this.#held = held;
    this.#publish(true);
  }

  #yield(): void {
    if (this.#held !== undefined) this.#decide(undefined);
  }

  /** @param first whether a decision is known from now on, if it was not. */
  #publish(first = false): void {
    const now: Ownership = this.owner ? { owner: true, epoch: this.epoch } : NOT_OWNER;
    const last = this.#states.value;
    if (last === undefined ? !first : last.owner === now.owner && last.epoch === now.epoch) return;
    this.#states.publish(now);
  }
}
