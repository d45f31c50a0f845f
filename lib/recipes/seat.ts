/**
 * Our one node in a queue of contenders: ephemeral, sequential, `<guid>-<seq>`.
 *
 * Guarantees: one session has one node, also when the reply to the create was lost: every session draws its own guid,
 * and after a create whose outcome is unknown the children are listed for it before creating again. A second node of
 * ours, if there ever is one, is removed when it is seen. `leave` removes what is ours and does not end before that
 * is done or the session is over.
 */
import { CoordinationError } from "../base/errors.ts";
import { isTransient } from "../zk/list_children.ts";
import type { Session, ZooKeeper } from "../zk/zookeeper.ts";
import { queueOf } from "./queue.ts";

export class Seat {
  readonly #zk: ZooKeeper;
  readonly #path: string;
  readonly #data: string;
  #session: Session | undefined;
  #guid = "";
  #name: string | undefined;
  /** A create may have left a node we have no name of. */
  #uncertain = false;

  constructor(zk: ZooKeeper, path: string, data: string) {
    this.#zk = zk;
    this.#path = path;
    this.#data = data;
  }

  /** The node's name in the session it was last taken in. */
  get name(): string | undefined {
    return this.#name;
  }

  /** Have our node in the queue in this session, and return its name. */
  async take(session: Session): Promise<string> {
    if (session !== this.#session) {
      this.#session = session;
      this.#guid = crypto.randomUUID().replaceAll("-", "");
      this.#name = undefined;
      this.#uncertain = false;
    }
    if (this.#name === undefined && this.#uncertain) {
      await this.adopt(await this.#list());
      this.#uncertain = false;
    }
    return this.#name ?? await this.#create(session);
  }

  /** Our node in a list of the children; undefined when it is not there. Removes further ones of ours. */
  async adopt(names: readonly string[]): Promise<string | undefined> {
    const [first, ...more] = queueOf(names.filter((name) => name.startsWith(`${this.#guid}-`)));
    for (const { name } of more) await this.#remove(name);
    return this.#name = first?.name;
  }

  /** Remove our node. Resolves when it is gone, or the session it lived in is. */
  async leave(): Promise<void> {
    const session = this.#session;
    while (session !== undefined && !session.lost.aborted) {
      try {
        await this.#zk.connected(session.lost);
        if (this.#zk.session !== session) return;
        if (this.#name !== undefined && !this.#uncertain) {
          await this.#remove(this.#name);
        } else {
          await this.adopt(await this.#list());
          if (this.#name !== undefined) await this.#remove(this.#name);
        }
        this.#name = undefined;
        this.#uncertain = false;
        return;
      } catch (error) {
        if (session.lost.aborted || CoordinationError.is(error, "CLOSED")) return;
        if (!isTransient(error)) throw error;
        this.#uncertain = true;
      }
    }
  }

  async #create(session: Session): Promise<string> {
    this.#uncertain = true;
    for (;;) {
      try {
        const prefix = `${this.#path}/${this.#guid}-`;
        const path = await this.#zk.create(prefix, this.#data, {
          ephemeral: true,
          sequential: true,
          session,
        });
        this.#uncertain = false;
        return this.#name = path.slice(this.#path.length + 1);
      } catch (error) {
        if (CoordinationError.is(error, "NO_NODE")) await this.#zk.ensurePath(this.#path);
        else {
          if (error instanceof CoordinationError && !error.maybeApplied) this.#uncertain = false;
          throw error;
        }
      }
    }
  }

  async #list(): Promise<string[]> {
    try {
      return (await this.#zk.getChildren(this.#path)).names;
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return [];
      throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#zk.remove(`${this.#path}/${name}`);
    } catch (error) {
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
    }
  }
}
