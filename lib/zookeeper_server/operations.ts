/**
 * One method an operation: read the body, check, do, answer.
 *
 * A method either writes one complete reply, or throws a {@link Refusal} or {@link Malformed} having written
 * nothing of its reply (watch events of what it did may precede it). Checks and their order are Apache's.
 */
import { digestOf, isGranted, withoutHashes } from "./acl.ts";
import type { Engine } from "./engine.ts";
import { type JuteReader, JuteWriter, Malformed } from "./jute.ts";
import type { Peer } from "./peer.ts";
import { Err, EventType, Op, Perm, Refusal, refuse, WatcherType } from "./protocol.ts";
import {
  beginReply,
  finishFrame,
  writeAcl,
  writeChildren,
  writeHeader,
  writeMultiHeader,
  writeStat,
} from "./replies.ts";
import {
  keep,
  type MultiOperation,
  readAcl,
  readCreate,
  readMulti,
  readMultiRead,
  readPath,
  readSetWatches,
} from "./requests.ts";
import type { Session } from "./sessions.ts";
import {
  checkNode,
  prepareCreate,
  prepareDelete,
  prepareSetAcl,
  prepareSetData,
  type TreeTxn,
} from "./transactions.ts";
import type { DataTree, Znode } from "./tree.ts";

export class Operations {
  readonly #engine: Engine;
  readonly #tree: DataTree;
  readonly #scratch = new JuteWriter(0);

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#tree = engine.tree;
  }

  /** Answer one request. An operation that is not known is answered with -6, and ends the connection. */
  run(peer: Peer, session: Session<Peer>, type: number, xid: number, reader: JuteReader): void {
    switch (type) {
      case Op.getData:
        return this.#getData(peer, xid, reader);
      case Op.exists:
        return this.#exists(peer, xid, reader);
      case Op.getChildren:
      case Op.getChildren2:
        return this.#getChildren(peer, type, xid, reader);
      case Op.setData:
        return this.#setData(peer, xid, reader);
      case Op.create:
      case Op.create2:
      case Op.createContainer:
      case Op.createTtl:
        return this.#create(peer, session, type, xid, reader);
      case Op.delete:
        return this.#delete(peer, xid, reader);
      case Op.multi:
        return this.#multi(peer, session, xid, reader);
      case Op.multiRead:
        return this.#multiRead(peer, xid, reader);
      case Op.getAcl:
        return this.#getAcl(peer, xid, reader);
      case Op.setAcl:
        return this.#setAcl(peer, xid, reader);
      case Op.sync:
        return this.#sync(peer, xid, reader);
      case Op.setWatches:
      case Op.setWatches2:
        return this.#setWatches(peer, xid, reader, type === Op.setWatches2);
      case Op.addWatch:
        return this.#addWatch(peer, xid, reader);
      case Op.checkWatches:
      case Op.removeWatches:
        return this.#removeWatches(peer, type, xid, reader);
      case Op.auth:
        return this.#auth(peer, xid, reader);
      case Op.getEphemerals:
        return this.#getEphemerals(peer, session, xid, reader);
      case Op.getAllChildrenNumber:
        return this.#countAll(peer, xid, reader);
      case Op.whoAmI:
        return this.#whoAmI(peer, xid);
      case Op.reconfig:
        return refuse(Err.reconfigDisabled);
      default:
        writeHeader(peer.out, xid, this.#engine.zxid, Err.unimplemented);
        return peer.end("sent");
    }
  }

  #begin(peer: Peer, xid: number): number {
    return beginReply(peer.out, xid, this.#engine.zxid, Err.ok);
  }

  #readable(peer: Peer, path: string): Znode {
    const node = this.#tree.get(path) ?? refuse(Err.noNode);
    if (!isGranted(node.acl, Perm.read, peer.identities)) refuse(Err.noAuth);
    return node;
  }

  /** Refuse when `more` watches would be too many. */
  #roomForWatches(peer: Peer, more: number): void {
    const { watches, limits } = this.#engine;
    if (watches.size + more > limits.watches) refuse(Err.systemError);
    if (watches.countOf(peer) + more > limits.watchesPerConnection) refuse(Err.systemError);
  }

  #getData(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const watch = reader.bool();
    const node = this.#readable(peer, path);
    if (watch) this.#watchData(peer, path);
    const at = this.#begin(peer, xid);
    peer.out.buffer(node.data);
    writeStat(peer.out, node);
    finishFrame(peer.out, at);
  }

  #watchData(peer: Peer, path: string): void {
    this.#roomForWatches(peer, 1);
    this.#engine.watches.addData(path, peer);
  }

  #exists(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const watch = reader.bool();
    if (path.includes("\0")) refuse(Err.badArguments);
    if (watch) this.#watchData(peer, path);
    const node = this.#tree.get(path) ?? refuse(Err.noNode);
    const at = this.#begin(peer, xid);
    writeStat(peer.out, node);
    finishFrame(peer.out, at);
  }

  #getChildren(peer: Peer, type: number, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const watch = reader.bool();
    const node = this.#readable(peer, path);
    if (watch) {
      this.#roomForWatches(peer, 1);
      this.#engine.watches.addChild(path, peer);
    }
    const at = this.#begin(peer, xid);
    writeChildren(peer.out, node);
    if (type === Op.getChildren2) writeStat(peer.out, node);
    finishFrame(peer.out, at);
  }

  #setData(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const view = reader.view();
    const version = reader.int();
    this.#engine.commit(prepareSetData(this.#tree, path, keep(view), version, peer.identities));
    const at = this.#begin(peer, xid);
    writeStat(peer.out, this.#tree.get(path)!);
    finishFrame(peer.out, at);
  }

  #create(peer: Peer, session: Session<Peer>, type: number, xid: number, reader: JuteReader): void {
    const txn = prepareCreate(this.#tree, readCreate(reader, type), peer.identities, session.id);
    this.#engine.commit(txn);
    const at = this.#begin(peer, xid);
    peer.out.string(txn.path);
    if (type !== Op.create) writeStat(peer.out, this.#tree.get(txn.path)!);
    finishFrame(peer.out, at);
  }

  #delete(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const version = reader.int();
    this.#engine.commit(prepareDelete(this.#tree, path, version, peer.identities));
    writeHeader(peer.out, xid, this.#engine.zxid, Err.ok);
  }

  #multi(peer: Peer, session: Session<Peer>, xid: number, reader: JuteReader): void {
    const operations = readMulti(reader);
    const results = this.#scratch;
    results.length = 0;
    let index = 0;
    let txn: TreeTxn | "nothing" = "nothing";
    try {
      this.#engine.commitAll(
        () => {
          const operation = operations[index];
          if (operation === undefined) return null;
          return txn = this.#prepare(operation, peer, session);
        },
        () => this.#result(operations[index++]!, txn),
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      results.length = 0;
      for (let i = 0; i < operations.length; i++) {
        const err = i < index ? Err.ok : i === index ? error.code : Err.runtimeInconsistency;
        writeMultiHeader(results, Op.error, false, err);
        results.int(err);
      }
    }
    writeMultiHeader(results, -1, true, -1);
    const at = this.#begin(peer, xid);
    peer.out.raw(results.bytes.subarray(0, results.length));
    finishFrame(peer.out, at);
    if (results.bytes.length > 1 << 16) results.take();
  }

  #prepare(operation: MultiOperation, peer: Peer, session: Session<Peer>): TreeTxn | "nothing" {
    switch (operation.op) {
      case "create":
        return prepareCreate(this.#tree, operation.request, peer.identities, session.id);
      case "delete":
        return prepareDelete(this.#tree, operation.path, operation.version, peer.identities);
      case "setData":
        return prepareSetData(
          this.#tree,
          operation.path,
          operation.data,
          operation.version,
          peer.identities,
        );
      case "check":
        checkNode(this.#tree, operation.path, operation.version, peer.identities);
        return "nothing";
    }
  }

  /** One result of a multi, with the node as it is right after its operation. */
  #result(operation: MultiOperation, txn: TreeTxn | "nothing"): void {
    const results = this.#scratch;
    switch (operation.op) {
      case "create": {
        const { op } = operation.request;
        const withStat = op === Op.createContainer || op === Op.createTtl;
        const { path } = txn as TreeTxn;
        writeMultiHeader(results, withStat ? Op.create2 : Op.create, false, Err.ok);
        results.string(path);
        if (withStat) writeStat(results, this.#tree.get(path)!);
        break;
      }
      case "delete":
        return writeMultiHeader(results, Op.delete, false, Err.ok);
      case "check":
        return writeMultiHeader(results, Op.check, false, Err.ok);
      case "setData":
        writeMultiHeader(results, Op.setData, false, Err.ok);
        writeStat(results, this.#tree.get(operation.path)!);
    }
  }

  #multiRead(peer: Peer, xid: number, reader: JuteReader): void {
    const reads = readMultiRead(reader);
    this.#roomForWatches(peer, reads.filter((read) => read.watch).length);
    const at = this.#begin(peer, xid);
    const { out } = peer;
    for (const { op, path, watch } of reads) {
      const node = this.#tree.get(path);
      const readable = node !== undefined && isGranted(node.acl, Perm.read, peer.identities);
      if (!readable) {
        const err = node === undefined ? Err.noNode : Err.noAuth;
        writeMultiHeader(out, Op.error, false, err);
        out.int(err);
        continue;
      }
      writeMultiHeader(out, op, false, Err.ok);
      if (op === Op.getData) {
        if (watch) this.#engine.watches.addData(path, peer);
        out.buffer(node.data);
        writeStat(out, node);
      } else {
        if (watch) this.#engine.watches.addChild(path, peer);
        writeChildren(out, node);
      }
      if (out.length - at > this.#engine.limits.unsentBytes) {
        out.length = at;
        refuse(Err.systemError);
      }
    }
    writeMultiHeader(out, -1, true, -1);
    finishFrame(out, at);
  }

  #getAcl(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const node = this.#tree.get(path) ?? refuse(Err.noNode);
    if (!isGranted(node.acl, Perm.read | Perm.admin, peer.identities)) refuse(Err.noAuth);
    const admin = isGranted(node.acl, Perm.admin, peer.identities);
    const at = this.#begin(peer, xid);
    writeAcl(peer.out, admin ? node.acl : withoutHashes(node.acl));
    writeStat(peer.out, node);
    finishFrame(peer.out, at);
  }

  #setAcl(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const acl = readAcl(reader);
    const version = reader.int();
    this.#engine.commit(prepareSetAcl(this.#tree, path, acl, version, peer.identities));
    const at = this.#begin(peer, xid);
    writeStat(peer.out, this.#tree.get(path)!);
    finishFrame(peer.out, at);
  }

  #sync(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const at = this.#begin(peer, xid);
    peer.out.string(path);
    finishFrame(peer.out, at);
  }

  #setWatches(peer: Peer, xid: number, reader: JuteReader, second: boolean): void {
    const wanted = readSetWatches(reader, second);
    const { data, exist, child, persistent, recursive, relativeZxid } = wanted;
    this.#roomForWatches(
      peer,
      data.length + exist.length + child.length + persistent.length + recursive.length,
    );
    const { watches } = this.#engine;
    for (const path of data) {
      const node = this.#tree.get(path);
      if (node === undefined) this.#engine.notify(peer, EventType.deleted, path);
      else if (node.mzxid > relativeZxid) this.#engine.notify(peer, EventType.dataChanged, path);
      else watches.addData(path, peer);
    }
    for (const path of exist) {
      if (this.#tree.get(path) !== undefined) this.#engine.notify(peer, EventType.created, path);
      else watches.addData(path, peer);
    }
    for (const path of child) {
      const node = this.#tree.get(path);
      if (node === undefined) this.#engine.notify(peer, EventType.deleted, path);
      else if (node.pzxid > relativeZxid) this.#engine.notify(peer, EventType.childrenChanged, path);
      else watches.addChild(path, peer);
    }
    for (const path of persistent) watches.addPersistent(path, peer, false);
    for (const path of recursive) watches.addPersistent(path, peer, true);
    writeHeader(peer.out, xid, this.#engine.zxid, Err.ok);
  }

  #addWatch(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const mode = reader.int();
    if (mode !== 0 && mode !== 1) throw new Malformed(`watch mode ${mode}`);
    this.#roomForWatches(peer, 2);
    this.#engine.watches.addPersistent(path, peer, mode === 1);
    const at = this.#begin(peer, xid);
    peer.out.int(0);
    finishFrame(peer.out, at);
  }

  #removeWatches(peer: Peer, type: number, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    const kind = reader.int();
    if (kind < WatcherType.children || kind > WatcherType.any) throw new Malformed(`watcher type ${kind}`);
    const { watches } = this.#engine;
    const had = type === Op.checkWatches ? watches.has(path, kind, peer) : watches.remove(path, kind, peer);
    if (!had) refuse(Err.noWatcher);
    writeHeader(peer.out, xid, this.#engine.zxid, Err.ok);
  }

  /** `ip` adds nothing new: the address is an identity from the start. */
  #auth(peer: Peer, xid: number, reader: JuteReader): void {
    reader.int();
    const scheme = reader.string();
    const credentials = reader.view() ?? new Uint8Array(0);
    if (scheme === "digest") {
      const id = digestOf(credentials.slice());
      if (!peer.identities.some((identity) => identity.scheme === "digest" && identity.id === id)) {
        peer.identities.push({ scheme: "digest", id });
      }
    } else if (scheme !== "ip") {
      writeHeader(peer.out, xid, this.#engine.zxid, Err.authFailed);
      return peer.end("sent");
    }
    writeHeader(peer.out, xid, this.#engine.zxid, Err.ok);
  }

  #getEphemerals(peer: Peer, session: Session<Peer>, xid: number, reader: JuteReader): void {
    const prefix = reader.string() ?? "";
    const every = prefix.trim() === "" || prefix.trim() === "/";
    const mine = [...this.#tree.ephemeralsOf(session.id)];
    const at = this.#begin(peer, xid);
    peer.out.strings(every ? mine : mine.filter((path) => path.startsWith(prefix)));
    finishFrame(peer.out, at);
  }

  #countAll(peer: Peer, xid: number, reader: JuteReader): void {
    const path = readPath(reader);
    this.#readable(peer, path);
    const prefix = path === "/" ? "/" : `${path}/`;
    let count = path === "/" ? -1 : 0;
    for (const node of this.#tree.nodes()) if (node.path.startsWith(prefix)) count++;
    const at = this.#begin(peer, xid);
    peer.out.int(count);
    finishFrame(peer.out, at);
  }

  #whoAmI(peer: Peer, xid: number): void {
    const at = this.#begin(peer, xid);
    peer.out.int(peer.identities.length);
    for (const { scheme, id } of peer.identities) {
      peer.out.string(scheme);
      peer.out.string(scheme === "digest" ? id.split(":", 1)[0]! : id);
    }
    finishFrame(peer.out, at);
  }
}
