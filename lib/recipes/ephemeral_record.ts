/**
 * A record of ours: an ephemeral node with a fixed name, kept in place across sessions.
 *
 * Guarantees: the record counts as present only when its owner is our session; a name that another live session holds
 * is waited for and said so once. A lost reply is settled by reading. The node is watched: deleted by an operator, it
 * is created again; changed by somebody else, it is put right.
 *
 * Suspended: the record is still there, nothing is done. Lost: it is gone with the session; the next one creates it
 * again with the newest content.
 */
import { CoordinationError } from "../base/errors.ts";
import { Latch } from "../base/latch.ts";
import { logger } from "../base/log.ts";
import { utf8 } from "../base/utf8.ts";
import { isTransient } from "../zk/list_children.ts";
import type { Session, ZooKeeper } from "../zk/zookeeper.ts";
import { LookAgain } from "./look_again.ts";
import { inEverySession } from "./sessions.ts";

const log = logger("record");

export interface EphemeralRecordOptions {
  /**
   * Called once for each other session that is found to hold the name (0 for a persistent node).
   *
   * @param wasOurs whether the record was in place before: then somebody has taken the name since our session ended.
   * @returns true when there is nothing more to say of it.
   */
  onTaken?: (owner: bigint, wasOurs: boolean) => unknown;
}

export class EphemeralRecord implements AsyncDisposable {
  readonly #zk: ZooKeeper;
  readonly #path: string;
  readonly #options: EphemeralRecordOptions;
  readonly #closing = new AbortController();
  readonly #changed = new Latch();
  readonly #running: Promise<void>;
  readonly #waiters = new Set<() => void>();
  /** Our own earlier sessions, whose node may still be there for a moment. */
  readonly #earlier = new Set<bigint>();
  #content: string;
  /** The content the node has, when it is there and ours. */
  #written: string | undefined;
  #session: Session | undefined;
  #takenBy: bigint | undefined;
  #wasOurs = false;
  #closed: Promise<void> | undefined;

  /** Puts the record in place in the background, parents too, until {@link close}. */
  constructor(zk: ZooKeeper, path: string, data: string, options: EphemeralRecordOptions = {}) {
    this.#zk = zk;
    this.#path = path;
    this.#content = data;
    this.#options = options;
    this.#running = inEverySession(
      zk,
      this.#closing.signal,
      `record ${path}`,
      (session) => this.#keep(session),
    )
      .finally(() => this.#notify());
  }

  /** Whether the node is there and our live session's, as last seen. */
  get isPresent(): boolean {
    return this.#written !== undefined && this.#session !== undefined && this.#zk.session === this.#session;
  }

  /**
   * Resolves when our session's node is there.
   *
   * @throws {CoordinationError} CLOSED when the record is closed before; or the signal's reason.
   */
  async present(signal?: AbortSignal): Promise<void> {
    while (!this.isPresent) {
      signal?.throwIfAborted();
      if (this.#closing.signal.aborted || this.#zk.state === "closed") {
        throw new CoordinationError("CLOSED", `The record ${this.#path} was closed`, this.#path);
      }
      await this.#change(signal);
    }
  }

  /**
   * Replace the content, in this session and in later ones. Resolves when it is written; at once when there is no
   * node of ours to write to: it is then created with the new content.
   */
  async update(data: string): Promise<void> {
    this.#content = data;
    this.#changed.set();
    while (
      this.isPresent && this.#zk.acting && this.#written !== this.#content && !this.#closing.signal.aborted
    ) {
      await this.#change();
    }
  }

  /** Remove the record if it is ours; resolves when it is gone or its session is over. Idempotent. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#zk.unwatch(this.#path, this.#changed.set);
    const session = this.#session;
    this.#absent();
    while (session !== undefined && !session.lost.aborted) {
      try {
        await this.#zk.connected(session.lost);
        if (this.#zk.session !== session) return;
        const { stat } = await this.#zk.getData(this.#path);
        if (stat.ephemeralOwner === session.id) await this.#zk.remove(this.#path, stat.version);
        return;
      } catch (error) {
        if (session.lost.aborted || CoordinationError.is(error, "CLOSED", "NO_NODE")) return;
        if (!isTransient(error) && !CoordinationError.is(error, "BAD_VERSION")) throw error;
      }
    }
  }

  async #keep(session: Session): Promise<void> {
    if (this.#session !== session) {
      if (this.#session !== undefined) this.#earlier.add(this.#session.id);
      this.#absent();
      this.#session = session;
    }
    const looks = new LookAgain();
    const lost = () => this.#absent();
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
    }
  }

  /** Look at the node and put it right. False: look again. */
  async #settle(session: Session): Promise<boolean> {
    const content = this.#content;
    try {
      const { data, stat } = await this.#zk.getData(this.#path, this.#changed.set);
      if (stat.ephemeralOwner !== session.id) {
        this.#absent();
        this.#taken(stat.ephemeralOwner);
        return true;
      }
      this.#takenBy = undefined;
      if (utf8(data) !== content) {
        await this.#zk.setData(this.#path, content, stat.version);
        return false; // our own write fires the watch as well
      }
      this.#is(content);
      return this.#content === content;
    } catch (error) {
      if (CoordinationError.is(error, "BAD_VERSION")) return false;
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
    }
    this.#absent();
    await this.#create(session, content);
    return false;
  }

  async #create(session: Session, content: string): Promise<void> {
    try {
      await this.#zk.create(this.#path, content, { ephemeral: true, session });
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) {
        await this.#zk.ensurePath(this.#path.slice(0, this.#path.lastIndexOf("/")));
      } else if (!CoordinationError.is(error, "NODE_EXISTS")) throw error;
    }
  }

  #taken(owner: bigint): void {
    if (this.#takenBy === owner) return;
    this.#takenBy = owner;
    if (this.#earlier.has(owner)) return; // our own, from before; it goes by itself
    if (this.#options.onTaken?.(owner, this.#wasOurs) === true) return;
    const holder = owner === 0n ? "is no session's" : `is held by another session, 0x${owner.toString(16)}`;
    log.warn(`${this.#path} ${holder}; waiting for it to go`);
  }

  #is(content: string): void {
    this.#written = content;
    this.#wasOurs = true;
    this.#notify();
  }

  #absent(): void {
    this.#written = undefined;
    this.#notify();
  }

  #notify(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  async #change(signal?: AbortSignal): Promise<void> {
    const latch = new Latch();
    this.#waiters.add(latch.set);
    await (signal === undefined ? latch.wait() : latch.wait(signal));
    this.#waiters.delete(latch.set);
  }
}
