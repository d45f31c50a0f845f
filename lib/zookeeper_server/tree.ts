/**
 * The tree of znodes and its statistics rules.
 *
 * A mutation here is unconditional: whether it is allowed was decided before ({@link ./prepare.ts}), so that the
 * same code applies a client's request, a transaction read back from the log, and the end of a session. Each
 * mutation can be undone exactly, which is how a failed multi leaves no trace.
 *
 * Statistics: a child's creation or deletion sets the parent's pzxid and nothing else of the parent's; `created`
 * counts children ever created and is what sequence numbers come from; the wire's cversion is
 * `2 * created - children`. Pure: zxid and time are parameters.
 */
import { type Acl, OPEN_ACL } from "./acl.ts";
import { BUILT_IN_PATHS, nameOf, parentOf } from "./paths.ts";
import { Perm } from "./protocol.ts";

/** What keeps a node alive. */
export const NodeKind = { persistent: 0, ephemeral: 1, container: 2, ttl: 3 } as const;

/** One node. `owner` is the session of an ephemeral node, the time to live (ms) of a TTL node, else 0. */
export interface Znode {
  readonly path: string;
  data: Uint8Array | null;
  acl: Acl;
  readonly kind: number;
  readonly owner: number;
  readonly czxid: number;
  readonly ctime: number;
  mzxid: number;
  mtime: number;
  pzxid: number;
  version: number;
  aversion: number;
  /** How many children were ever created: the next sequence number. */
  created: number;
  children: Set<string> | null;
  /** The snapshot that has this node already: see {@link DataTree.beforeChange}. */
  snapshot: number;
}

/** What a new node is made of. */
export interface NewNode {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly acl: Acl;
  readonly kind: number;
  readonly owner: number;
}

/** Takes one mutation back. Valid only in reverse order, before any other mutation. */
export type Undo = () => void;

/** Where a cluster's configuration would be: everybody may only read it. */
const CONFIG_PATH = "/zookeeper/config";
const READ_ONLY_ACL: Acl = [{ perms: Perm.read, scheme: "world", id: "anyone" }];
const NO_PATHS: ReadonlySet<string> = new Set();

/** All nodes by path, ephemeral nodes by session, and the nodes that end by themselves. */
export class DataTree {
  readonly #nodes = new Map<string, Znode>();
  readonly #ephemerals = new Map<number, Set<string>>();
  readonly #mortal = new Set<string>();
  #ephemeralCount = 0;
  #bytes = 0;

  /** While a snapshot is being taken: called with a node just before it changes for the first time since. */
  beforeChange: ((node: Znode) => void) | null = null;
  /** The number of the running or last snapshot; nodes created since it began carry it. */
  snapshotNumber = 0;

  constructor() {
    for (const path of BUILT_IN_PATHS) {
      this.restore({
        path,
        data: new Uint8Array(0),
        acl: path === CONFIG_PATH ? READ_ONLY_ACL : OPEN_ACL,
        kind: NodeKind.persistent,
        owner: 0,
        czxid: 0,
        ctime: 0,
        mzxid: 0,
        mtime: 0,
        pzxid: 0,
        version: 0,
        aversion: path === CONFIG_PATH ? -1 : 0, // As in Apache.
        created: 0,
        children: null,
        snapshot: 0,
      });
    }
    this.link(); // Built-in nodes are not counted as created: a fresh "/" has cversion -1, as in Apache.
  }

  get(path: string): Znode | undefined {
    return this.#nodes.get(path);
  }

  /** How many nodes there are, the built-in ones included. */
  get size(): number {
    return this.#nodes.size;
  }

  get ephemeralCount(): number {
    return this.#ephemeralCount;
  }

  /** The bytes of all paths and data, roughly what the tree takes. */
  get approximateBytes(): number {
    return this.#bytes;
  }

  /** Every node. Safe while the tree changes: what is deleted is skipped. */
  nodes(): IterableIterator<Znode> {
    return this.#nodes.values();
  }

  ephemeralsOf(session: number): ReadonlySet<string> {
    return this.#ephemerals.get(session) ?? NO_PATHS;
  }

  /** The sessions that own an ephemeral node, with their nodes. */
  ephemerals(): ReadonlyMap<number, ReadonlySet<string>> {
    return this.#ephemerals;
  }

  #touch(node: Znode): void {
    if (this.beforeChange !== null && node.snapshot !== this.snapshotNumber) {
      this.beforeChange(node);
      node.snapshot = this.snapshotNumber;
    }
  }

  #insert(node: Znode): void {
    this.#nodes.set(node.path, node);
    this.#bytes += node.path.length + (node.data?.length ?? 0);
    if (node.kind === NodeKind.ephemeral) {
      const paths = this.#ephemerals.get(node.owner);
      if (paths === undefined) this.#ephemerals.set(node.owner, new Set([node.path]));
      else paths.add(node.path);
      this.#ephemeralCount++;
    } else if (node.kind !== NodeKind.persistent) this.#mortal.add(node.path);
  }

  #remove(node: Znode): void {
    this.#nodes.delete(node.path);
    this.#bytes -= node.path.length + (node.data?.length ?? 0);
    if (node.kind === NodeKind.ephemeral) {
      const paths = this.#ephemerals.get(node.owner)!;
      paths.delete(node.path);
      if (paths.size === 0) this.#ephemerals.delete(node.owner);
      this.#ephemeralCount--;
    } else if (node.kind !== NodeKind.persistent) this.#mortal.delete(node.path);
  }

  /** Put a node back as a snapshot has it. Its parent must be there, or come before the tree is used. */
  restore(node: Znode): void {
    const before = this.#nodes.get(node.path);
    if (before !== undefined) {
      node.children = before.children;
      this.#remove(before);
    }
    this.#insert(node);
  }

  /** After every node was restored: link children to parents. Returns a path whose parent is missing, if any. */
  link(): string | null {
    for (const node of this.#nodes.values()) node.children = null;
    for (const node of this.#nodes.values()) {
      if (node.path === "/") continue;
      const parent = this.#nodes.get(parentOf(node.path) ?? "");
      if (parent === undefined) return node.path;
      (parent.children ??= new Set()).add(nameOf(node.path));
    }
    return null;
  }

  /** Create a node below an existing parent. */
  create(parent: Znode, made: NewNode, zxid: number, time: number): Znode {
    this.#touch(parent);
    const node: Znode = {
      path: made.path,
      data: made.data,
      acl: made.acl,
      kind: made.kind,
      owner: made.owner,
      czxid: zxid,
      ctime: time,
      mzxid: zxid,
      mtime: time,
      pzxid: zxid,
      version: 0,
      aversion: 0,
      created: 0,
      children: null,
      snapshot: this.snapshotNumber,
    };
    this.#insert(node);
    (parent.children ??= new Set()).add(nameOf(made.path));
    parent.created++;
    parent.pzxid = zxid;
    return node;
  }

  /** Delete a node without children. */
  delete(parent: Znode, node: Znode, zxid: number): void {
    this.#touch(parent);
    this.#touch(node);
    this.#remove(node);
    const children = parent.children!;
    children.delete(nameOf(node.path));
    if (children.size === 0) parent.children = null;
    parent.pzxid = zxid;
  }

  setData(node: Znode, data: Uint8Array | null, zxid: number, time: number): void {
    this.#touch(node);
    this.#bytes += (data?.length ?? 0) - (node.data?.length ?? 0);
    node.data = data;
    node.version = nextVersion(node.version);
    node.mzxid = zxid;
    node.mtime = time;
  }

  setAcl(node: Znode, acl: Acl): void {
    this.#touch(node);
    node.acl = acl;
    node.aversion = nextVersion(node.aversion);
  }

  /** How to take back a creation that is about to happen. Made before it, used after it. */
  undoCreate(parent: Znode, path: string): Undo {
    const { created, pzxid } = parent;
    return () => {
      this.#remove(this.#nodes.get(path)!);
      parent.children!.delete(nameOf(path));
      if (parent.children!.size === 0) parent.children = null;
      parent.created = created;
      parent.pzxid = pzxid;
    };
  }

  /** How to take back a deletion that is about to happen. */
  undoDelete(parent: Znode, node: Znode): Undo {
    const { pzxid } = parent;
    return () => {
      this.#insert(node);
      (parent.children ??= new Set()).add(nameOf(node.path));
      parent.pzxid = pzxid;
    };
  }

  /** How to take back a setData that is about to happen. */
  undoSetData(node: Znode): Undo {
    const { data, version, mzxid, mtime } = node;
    return () => {
      this.#bytes += (data?.length ?? 0) - (node.data?.length ?? 0);
      node.data = data;
      node.version = version;
      node.mzxid = mzxid;
      node.mtime = mtime;
    };
  }

  /** Container nodes that have lost their last child and TTL nodes that are over, at wall time `time`. */
  overdue(time: number): string[] {
    const paths: string[] = [];
    for (const path of this.#mortal) {
      const node = this.#nodes.get(path)!;
      if (node.children !== null) continue;
      const over = node.kind === NodeKind.container ? node.created > 0 : time - node.mtime > node.owner;
      if (over) paths.push(path);
    }
    return paths;
  }
}

/** Versions skip -1, which means "any" in a request. */
function nextVersion(version: number): number {
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}

/** The child version on the wire: creations and deletions of children. */
export function wireChildVersion(node: Znode): number {
  return (2 * node.created - (node.children?.size ?? 0)) | 0;
}
