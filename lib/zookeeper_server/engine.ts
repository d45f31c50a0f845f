/**
 * The server without sockets, disk or clock: sessions, the dispatch of requests, and transactions.
 *
 * Guarantees: requests of a connection are answered in order; a watch event is written to a connection before
 * the answer of any later read there, and before the answer to the write that caused it; every transaction gets
 * the next zxid; a transaction is in the log before its answer is in the output (the shell holds outputs back
 * until the log is on disk).
 *
 * A connection's end only suspends its session: its watches go, its ephemeral nodes stay. A session's end
 * (closed by the client, or its time over) deletes its ephemeral nodes in one transaction, fires their watches
 * and ends its connection.
 */
import { type Acl, isGranted } from "./acl.ts";
import { Call } from "./call.ts";
import { type JuteReader, Malformed } from "./jute.ts";
import type { Limits } from "./limits.ts";
import { run } from "./operations.ts";
import type { Peer } from "./peer.ts";
import { Err, Op, Perm, Refusal } from "./protocol.ts";
import { writeConnectResponse, writeNotification } from "./replies.ts";
import { type ConnectRequest, readConnect } from "./requests.ts";
import { samePassword, type Session, SessionTable } from "./sessions.ts";
import { announce, type Applied, apply, sessionEnd, type TreeTxn } from "./transactions.ts";
import type { DataTree, Undo } from "./tree.ts";
import { WatchRegistry } from "./watches.ts";

/** Where transactions are recorded before they are answered. */
export interface TransactionSink {
  tree(zxid: number, time: number, txns: readonly TreeTxn[]): void;
  sessionCreated(
    zxid: number,
    time: number,
    session: { id: number; timeout: number; password: Uint8Array },
  ): void;
  sessionEnded(zxid: number, time: number, session: number): void;
}

/** What an engine is made of. */
export interface EngineOptions {
  readonly limits: Limits;
  readonly minTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly tickMs: number;
  /** The last zxid already used. */
  readonly zxid: number;
  /** The state to begin with: an empty tree, or what was recovered. */
  readonly tree: DataTree;
  readonly sessions: Iterable<{ id: number; timeout: number; password: Uint8Array }>;
  readonly sink: TransactionSink | null;
  /** A fresh random session id (1 to 2^53 - 1) and a 16-byte password. */
  readonly newIdentity: () => { id: number; password: Uint8Array };
  readonly now: number;
  readonly wall: number;
}

const NO_PASSWORD = new Uint8Array(16);

export class Engine {
  readonly tree: DataTree;
  readonly watches = new WatchRegistry<Peer>();
  readonly sessions: SessionTable<Peer>;
  readonly limits: Limits;
  readonly options: EngineOptions;
  readonly #call: Call;
  readonly #single: TreeTxn[] = [];
  readonly sink: TransactionSink | null;
  zxid: number;
  /** Wall time in milliseconds, for ctime and mtime. */
  wall: number;
  packetsReceived = 0;
  packetsSent = 0;

  constructor(options: EngineOptions) {
    this.options = options;
    this.limits = options.limits;
    this.zxid = options.zxid;
    this.tree = options.tree;
    this.wall = options.wall;
    this.sink = options.sink;
    this.sessions = new SessionTable({
      bucketMs: Math.max(5, Math.min(100, options.minTimeoutMs / 20)),
      longestStepMs: Math.max(50, 2 * options.tickMs),
      now: options.now,
    });
    for (const { id, password, timeout } of options.sessions) this.sessions.add(id, password, timeout);
    this.#call = new Call(this);
  }

  /** Tell the time: `now` monotonic, `wall` since the epoch, both in milliseconds. */
  advance(now: number, wall: number): void {
    this.sessions.advance(now);
    this.wall = wall;
  }

  /** A watcher that may not read the node is not told: its watch is spent all the same, as in Apache. */
  readonly #notify = (peer: Peer, type: number, path: string, acl: Acl): void => {
    if (isGranted(acl, Perm.read, peer.identities)) this.notify(peer, type, path);
  };

  /** Write a watch event to `peer`. */
  notify(peer: Peer, type: number, path: string): void {
    writeNotification(peer.out, type, path);
    this.packetsSent++;
    peer.sent++;
    peer.wake();
  }

  /**
   * The first frame of a connection: a new session, or one attached again. Writes the answer. A session that
   * is gone, or a wrong password, is refused with session 0, never replaced by a fresh one.
   *
   * @throws Malformed when the frame is no connect request: the connection must be closed
   */
  connect(peer: Peer, reader: JuteReader): void {
    const request = readConnect(reader);
    this.packetsReceived++;
    peer.received++;
    if (request.lastZxidSeen > this.zxid) return peer.end("now"); // It has seen a later state than this one.
    const session = request.session === 0 ? this.#newSession(request) : this.#attach(request);
    this.packetsSent++;
    peer.sent++;
    if (session === null) {
      const { knowsReadOnly } = request;
      writeConnectResponse(peer.out, { timeout: 0, session: 0, password: NO_PASSWORD, knowsReadOnly });
      peer.wake();
      return peer.end("sent");
    }
    session.peer = peer;
    peer.session = session;
    peer.identities = [{ scheme: "ip", id: peer.address }];
    writeConnectResponse(peer.out, {
      timeout: session.timeout,
      session: session.id,
      password: session.password,
      knowsReadOnly: request.knowsReadOnly,
    });
    peer.wake();
  }

  #timeout(wanted: number): number {
    return Math.min(this.options.maxTimeoutMs, Math.max(this.options.minTimeoutMs, wanted));
  }

  #newSession(request: ConnectRequest): Session<Peer> {
    let identity = this.options.newIdentity();
    while (this.sessions.get(identity.id) !== undefined) identity = this.options.newIdentity();
    const timeout = this.#timeout(request.timeout);
    const zxid = ++this.zxid;
    this.sink?.sessionCreated(zxid, this.wall, { ...identity, timeout });
    return this.sessions.add(identity.id, identity.password, timeout);
  }

  #attach(request: ConnectRequest): Session<Peer> | null {
    const session = this.sessions.get(request.session);
    if (session === undefined || !samePassword(session.password, request.password)) return null;
    const previous = session.peer;
    if (previous !== null) {
      this.disconnected(previous);
      previous.end("now");
    }
    session.timeout = this.#timeout(request.timeout);
    this.sessions.touch(session);
    return session;
  }

  /** A frame after the handshake. Answers it; a body that cannot be read is answered with -5. */
  request(peer: Peer, reader: JuteReader): void {
    if (reader.remaining < 8) return peer.end("now");
    const session = peer.session!;
    this.sessions.touch(session);
    this.packetsReceived++;
    peer.received++;
    const call = this.#call;
    call.peer = peer;
    call.session = session;
    call.reader = reader;
    call.xid = reader.int();
    call.type = reader.int();
    try {
      run(call);
    } catch (error) {
      if (error instanceof Refusal) call.answer(error.code);
      else if (error instanceof Malformed) call.answer(Err.marshalling);
      else throw error;
    }
    this.packetsSent++;
    peer.sent++;
    peer.wake();
  }

  /** The connection is gone. Its session lives on until its time is over. */
  disconnected(peer: Peer): void {
    this.watches.removeWatcher(peer);
    if (peer.session?.peer === peer) peer.session.peer = null;
  }

  /** Carry out one transaction: log, tree, watches. */
  commit(txn: TreeTxn): void {
    const zxid = ++this.zxid;
    if (this.sink !== null) {
      this.#single[0] = txn;
      this.sink.tree(zxid, this.wall, this.#single);
    }
    announce(this.watches, apply(this.tree, txn, zxid, this.wall, null), this.#notify);
  }

  /**
   * Carry out several transactions as one: all or nothing, under one zxid. `step` is called for each until it
   * returns null; what it throws takes everything back.
   */
  commitAll(step: () => TreeTxn | "nothing" | null, applied: () => void): void {
    const zxid = this.zxid + 1;
    const done: Applied[] = [];
    const undo: Undo[] = [];
    try {
      for (let txn = step(); txn !== null; txn = step()) {
        if (txn !== "nothing") done.push(apply(this.tree, txn, zxid, this.wall, undo));
        applied();
      }
    } catch (error) {
      for (const back of undo.reverse()) back();
      throw error;
    }
    if (done.length === 0) return;
    this.zxid = zxid;
    this.sink?.tree(zxid, this.wall, done.map((each) => each.txn));
    for (const each of done) announce(this.watches, each, this.#notify);
  }

  /** End a session: its ephemeral nodes go, under one zxid, and it is forgotten. */
  endSession(session: Session<Peer>): void {
    const zxid = ++this.zxid;
    this.sink?.sessionEnded(zxid, this.wall, session.id);
    const txns = sessionEnd(this.tree, session.id);
    const done = txns.map((txn) => apply(this.tree, txn, zxid, this.wall, null));
    this.sessions.remove(session);
    for (const each of done) announce(this.watches, each, this.#notify);
  }

  /** End the sessions whose time is over, and their connections. Returns their ids. */
  sweep(): number[] {
    const over = this.sessions.sweep();
    for (const session of over) {
      const peer = session.peer;
      if (peer !== null) {
        this.disconnected(peer);
        peer.end("now");
      }
      this.endSession(session);
    }
    return over.map((session) => session.id);
  }

  /** Delete containers that are empty and TTL nodes that are over; each deletion is a transaction. */
  sweepNodes(): void {
    for (const path of this.tree.overdue(this.wall)) this.commit({ type: Op.delete, path });
  }
}
