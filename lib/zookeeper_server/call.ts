/**
 * One request while it is being answered: who asks, what is left to read, and where the reply goes.
 *
 * An engine has one of these and fills it anew for every request, because requests are handled one at a time and
 * an allocation each would cost more than many of them.
 */
import { isGranted } from "./acl.ts";
import type { Engine } from "./engine.ts";
import { JuteReader } from "./jute.ts";
import type { Peer } from "./peer.ts";
import { Err, Perm, refuse } from "./protocol.ts";
import { beginReply, finishFrame, writeHeader } from "./replies.ts";
import type { Session } from "./sessions.ts";
import type { DataTree, Znode } from "./tree.ts";

export class Call {
  readonly engine: Engine;
  readonly tree: DataTree;
  peer!: Peer;
  session!: Session<Peer>;
  type = 0;
  xid = 0;
  reader = new JuteReader();

  constructor(engine: Engine) {
    this.engine = engine;
    this.tree = engine.tree;
  }

  /** Begin a successful reply; returns what {@link finish} needs. Its zxid is that of everything done so far. */
  begin(): number {
    return beginReply(this.peer.out, this.xid, this.engine.zxid, Err.ok);
  }

  /** End the reply that began at `at`. */
  finish(at: number): void {
    finishFrame(this.peer.out, at);
  }

  /** A reply that is only a header. */
  answer(err: number = Err.ok): void {
    writeHeader(this.peer.out, this.xid, this.engine.zxid, err);
  }

  /** The node at `path`, if it is there. */
  existing(path: string): Znode {
    return this.tree.get(path) ?? refuse(Err.noNode);
  }

  /** The node at `path`, if it is there and this connection may read it. */
  readable(path: string): Znode {
    const node = this.existing(path);
    if (!isGranted(node.acl, Perm.read, this.peer.identities)) refuse(Err.noAuth);
    return node;
  }

  /** Refuse when `more` watches would be too many. */
  roomForWatches(more: number): void {
    const { watches, limits } = this.engine;
    if (watches.size + more > limits.watches) refuse(Err.systemError);
    if (watches.countOf(this.peer) + more > limits.watchesPerConnection) refuse(Err.systemError);
  }

  watchData(path: string): void {
    this.roomForWatches(1);
    this.engine.watches.addData(path, this.peer);
  }

  watchChildren(path: string): void {
    this.roomForWatches(1);
    this.engine.watches.addChild(path, this.peer);
  }
}
