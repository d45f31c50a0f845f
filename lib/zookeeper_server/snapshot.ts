/**
 * Snapshots: the whole state as of one zxid, taken piece by piece while the server goes on.
 *
 * {@link SnapshotWriter} walks the tree a slice at a time; a node that is about to change and was not visited
 * yet is written first, as it is ({@link DataTree.beforeChange}). So the snapshot is exactly the state at the
 * moment it began, nobody waits for it, and it costs no copy of the tree.
 *
 * File: magic, then blocks: a head (zxid, time), the sessions, batches of nodes, an end with the counts. Without
 * the end it is not a snapshot. Pure.
 */
import { beginBlock, CorruptFile, finishBlock, readBlocks } from "./block.ts";
import { JuteReader, JuteWriter, Malformed } from "./jute.ts";
import { decodeAcl, encodeAcl } from "./log_record.ts";
import { keep, readPath } from "./requests.ts";
import type { Session } from "./sessions.ts";
import type { DataTree, Znode } from "./tree.ts";

const MAGIC = new TextEncoder().encode("PSZKSNP1");
const Kind = { head: 1, session: 2, node: 3, end: 4 } as const;

/** Takes one snapshot. One at a time per tree. */
export class SnapshotWriter {
  readonly zxid: number;
  readonly #tree: DataTree;
  readonly #nodes: Iterator<Znode>;
  readonly #out = new JuteWriter(1 << 16);
  #nodeCount = 0;
  #sessionCount = 0;
  #ended = false;

  /** Begin: the state from now on is what it will hold. */
  constructor(tree: DataTree, sessions: Iterable<Session<unknown>>, zxid: number, time: number) {
    this.zxid = zxid;
    this.#tree = tree;
    this.#out.raw(MAGIC);
    this.#block(Kind.head, () => {
      this.#out.long(zxid);
      this.#out.long(time);
    });
    for (const session of sessions) {
      this.#sessionCount++;
      this.#block(Kind.session, () => {
        this.#out.long(session.id);
        this.#out.int(session.timeout);
        this.#out.buffer(session.password);
      });
    }
    tree.snapshotNumber++;
    tree.beforeChange = (node) => this.#node(node);
    this.#nodes = tree.nodes();
  }

  #block(kind: number, write: () => void): void {
    const at = beginBlock(this.#out);
    this.#out.byte(kind);
    write();
    finishBlock(this.#out, at);
  }

  #node(node: Znode): void {
    const out = this.#out;
    const at = beginBlock(out);
    this.#nodeCount++;
    out.byte(Kind.node);
    out.string(node.path);
    out.buffer(node.data);
    encodeAcl(out, node.acl);
    out.byte(node.kind);
    out.long(node.owner);
    out.long(node.czxid);
    out.long(node.ctime);
    out.long(node.mzxid);
    out.long(node.mtime);
    out.long(node.pzxid);
    out.int(node.version);
    out.int(node.aversion);
    out.int(node.created);
    finishBlock(out, at);
  }

  /** The next piece, of about `bytes` bytes; null when all was given. */
  next(bytes: number): Uint8Array<ArrayBuffer> | null {
    if (this.#ended) return null;
    while (this.#out.length < bytes) {
      const { value: node, done } = this.#nodes.next();
      if (done) {
        this.#tree.beforeChange = null;
        this.#ended = true;
        this.#block(Kind.end, () => {
          this.#out.int(this.#nodeCount);
          this.#out.int(this.#sessionCount);
        });
        break;
      }
      if (node.snapshot === this.#tree.snapshotNumber) continue;
      this.#node(node);
      node.snapshot = this.#tree.snapshotNumber;
    }
    return this.#out.take();
  }

  /** Give up: the tree is no longer watched. */
  abandon(): void {
    if (!this.#ended) this.#tree.beforeChange = null;
    this.#ended = true;
  }
}

/** A session as a snapshot has it. */
export interface StoredSession {
  readonly id: number;
  readonly timeout: number;
  readonly password: Uint8Array;
}

/**
 * Put the state of a snapshot into a fresh tree; returns its zxid and sessions.
 *
 * @throws CorruptFile naming `file` when it is not a complete, undamaged snapshot
 */
export function loadSnapshot(
  bytes: Uint8Array,
  file: string,
  tree: DataTree,
  remedy?: string,
): { zxid: number; sessions: StoredSession[] } {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw new CorruptFile(file, 0, "not a snapshot", remedy);
  const reader = new JuteReader();
  const sessions: StoredSession[] = [];
  let zxid = -1;
  let nodes = 0;
  let complete = false;
  const blocks = readBlocks(bytes, MAGIC.length, file, remedy);
  for (let step = blocks.next();; step = blocks.next()) {
    if (step.done) {
      if (step.value.kind === "torn") throw new CorruptFile(file, step.value.offset, "it is cut off", remedy);
      break;
    }
    const { offset, start, end } = step.value;
    reader.reset(bytes, start, end);
    try {
      const kind = reader.byte();
      if (kind === Kind.head) zxid = reader.long();
      else if (kind === Kind.session) sessions.push(readSession(reader));
      else if (kind === Kind.node) {
        tree.restore(readNode(reader));
        nodes++;
      } else if (kind === Kind.end) complete = reader.int() === nodes && reader.int() === sessions.length;
      else throw new Malformed(`a block of kind ${kind}`);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new CorruptFile(file, offset, error.message, remedy);
    }
  }
  const orphan = tree.link();
  if (orphan !== null) throw new CorruptFile(file, 0, `the parent of ${orphan} is missing`, remedy);
  if (!complete || zxid < 0) throw new CorruptFile(file, bytes.length, "it is not complete", remedy);
  return { zxid, sessions };
}

function readSession(reader: JuteReader): StoredSession {
  const id = reader.long();
  const timeout = reader.int();
  const password = reader.view()?.slice();
  if (password === undefined) throw new Malformed("a session without a password");
  return { id, timeout, password };
}

function readNode(reader: JuteReader): Znode {
  return {
    path: readPath(reader),
    data: keep(reader.view()),
    acl: decodeAcl(reader),
    kind: reader.byte(),
    owner: reader.long(),
    czxid: reader.long(),
    ctime: reader.long(),
    mzxid: reader.long(),
    mtime: reader.long(),
    pzxid: reader.long(),
    version: reader.int(),
    aversion: reader.int(),
    created: reader.int(),
    children: null,
    snapshot: 0,
  };
}
