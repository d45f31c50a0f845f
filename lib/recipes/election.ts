/**
 * Leadership of one path: of all contenders the one that came first leads.
 *
 *     <path>/<guid>-<seq>   ephemeral sequential, data: who we are
 *
 * Guarantees: a contender that waits watches its own node and the one just before it, and does nothing else: no
 * operation, no herd. Leadership is claimed only when our node is first *and* its owner is our session. `active` is
 * computed from the clock: never two at the same moment, as far as clocks run equally fast; the epoch (our node's
 * czxid) only grows from leader to leader, for receivers to check.
 *
 * Suspended: `active` is false, the node and the term are kept; when the same session is attached again, the node is
 * looked for before anything else. Lost: the term's signal is aborted at once, and a new session enters the queue
 * at its end. An operator who deletes our node ends the term; we enter again. A persistent node among the contenders
 * is nobody's, and would be waited for for ever: it is named once and passed over.
 */
import { CoordinationError } from "../base/errors.ts";
import { Conflated } from "../base/conflated.ts";
import { Latch } from "../base/latch.ts";
import { logger } from "../base/log.ts";
import type { Session, ZooKeeper } from "../zk/zookeeper.ts";
import { LookAgain } from "./look_again.ts";
import { Impostors, placeOf, queueOf } from "./queue.ts";
import { Seat } from "./seat.ts";
import { inEverySession } from "./sessions.ts";

const log = logger("election");

/** One period of leadership. */
export interface Term {
  /** Fencing token: the czxid of our node. */
  readonly epoch: bigint;
  /** Aborted when the term is over: session lost, node deleted, or withdrawn. */
  readonly signal: AbortSignal;
  /** Whether we may act as leader now: the term is not over and the session is connected, by the clock. */
  readonly active: boolean;
}

class LeaderTerm implements Term {
  readonly #zk: ZooKeeper;
  readonly #session: Session;
  readonly #controller = new AbortController();
  #verifiedAt: number;

  constructor(zk: ZooKeeper, session: Session, readonly epoch: bigint, attachment: number) {
    this.#zk = zk;
    this.#session = session;
    this.#verifiedAt = attachment;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get active(): boolean {
    const zk = this.#zk;
    return !this.#controller.signal.aborted && zk.acting && zk.session === this.#session &&
      zk.attachment === this.#verifiedAt;
  }

  /** Our node was seen to be first at this attachment of the session. */
  verified(attachment: number): void {
    this.#verifiedAt = attachment;
  }

  end(): void {
    this.#controller.abort();
  }
}

export class Election implements AsyncDisposable {
  readonly #zk: ZooKeeper;
  readonly #path: string;
  readonly #seat: Seat;
  readonly #closing = new AbortController();
  readonly #changed = new Latch();
  readonly #terms = new Conflated<Term>();
  readonly #running: Promise<void>;
  readonly #impostors: Impostors;
  #watched: string | undefined;
  #term: LeaderTerm | undefined;
  #contenders = 0;
  #closed: Promise<void> | undefined;

  /** Enters the queue in the background, and stays in it until {@link close}. `data` says who we are. */
  constructor(zk: ZooKeeper, path: string, data: string) {
    this.#zk = zk;
    this.#path = path;
    this.#seat = new Seat(zk, path, data);
    this.#impostors = new Impostors(path, (text) => log.warn(text));
    this.#running = inEverySession(
      zk,
      this.#closing.signal,
      `election ${path}`,
      (session) => this.#contend(session),
    )
      .finally(() => {
        this.#endTerm();
        this.#terms.end();
      });
  }

  /**
   * One item each time we become leader; a term nobody looked at before the next one is skipped. Ends after close, of
   * the client too.
   */
  terms(): AsyncIterable<Term> {
    return this.#terms.values();
  }

  /** The current term, undefined while we do not lead. Look at its `active` before acting. */
  get term(): Term | undefined {
    return this.#term;
  }

  /** How many contend, we included, as last seen. */
  get contenders(): number {
    return this.#contenders;
  }

  /** Withdraw: ends the term, then removes our node; resolves when it is gone or its session is over. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#endTerm();
    this.#closing.abort();
    await this.#running; // a create that is under way is awaited with it
    this.#watch(undefined);
    await this.#seat.leave();
  }

  /** One session: be in the queue, find our place, wait for what concerns it. */
  async #contend(session: Session): Promise<void> {
    const looks = new LookAgain();
    const lost = () => this.#endTerm();
    session.lost.addEventListener("abort", lost);
    try {
      while (!this.#closing.signal.aborted && this.#zk.session === session) {
        this.#changed.clear();
        if (await this.#settle(session)) {
          looks.settled();
          await this.#changed.wait(this.#closing.signal, session.lost);
        } else await looks.again(this.#closing.signal);
      }
    } finally {
      session.lost.removeEventListener("abort", lost);
      if (session.lost.aborted) this.#endTerm();
    }
  }

  /** Look at the queue and act on our place in it. False when the queue has changed meanwhile: look again. */
  async #settle(session: Session): Promise<boolean> {
    const { attachment } = this.#zk;
    await this.#seat.take(session);
    const names = await this.#list();
    const own = await this.#seat.adopt(names);
    const queue = queueOf(this.#impostors.without(names));
    this.#contenders = queue.length;
    const place = own === undefined ? { kind: "absent" as const } : placeOf(own, queue);
    if (place.kind !== "first") this.#endTerm();
    if (own === undefined || place.kind === "absent") return false;
    try {
      const { stat } = await this.#zk.getData(`${this.#path}/${own}`, this.#changed.set);
      if (stat.ephemeralOwner !== session.id) return false;
      if (place.kind === "first") this.#lead(session, stat.czxid, attachment);
      else {
        const before = await this.#zk.getData(
          this.#watch(`${this.#path}/${place.predecessor}`)!,
          this.#changed.set,
        );
        if (before.stat.ephemeralOwner === 0n) {
          this.#impostors.found(place.predecessor);
          return false;
        }
      }
      return true;
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return false;
      throw error;
    }
  }

  async #list(): Promise<string[]> {
    try {
      return (await this.#zk.getChildren(this.#path)).names;
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return []; // removed under us, with everything in it
      throw error;
    }
  }

  #lead(session: Session, epoch: bigint, attachment: number): void {
    this.#watch(undefined);
    if (this.#closing.signal.aborted || session.lost.aborted) return;
    if (this.#term?.epoch === epoch) return this.#term.verified(attachment);
    this.#endTerm();
    this.#term = new LeaderTerm(this.#zk, session, epoch, attachment);
    log.debug(`leading ${this.#path}, epoch ${epoch}`);
    this.#terms.publish(this.#term);
  }

  #endTerm(): void {
    const term = this.#term;
    if (term === undefined) return;
    this.#term = undefined;
    term.end();
    log.debug(`no longer leading ${this.#path}, epoch ${term.epoch}`);
  }

  /** The one predecessor that is watched. */
  #watch(path: string | undefined): string | undefined {
    if (this.#watched !== undefined && this.#watched !== path) {
      this.#zk.unwatch(this.#watched, this.#changed.set);
    }
    return this.#watched = path;
  }
}
