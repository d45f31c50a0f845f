/**
 * Transactions: what a write changes, after every check has passed.
 *
 * `prepare…` turns a client's request into a transaction or refuses it, with Apache's checks in Apache's order;
 * {@link apply} carries a transaction out on the tree; {@link announce} fires the watches. The log stores
 * transactions, so replaying it takes the same `apply`. Pure.
 */
import { type Acl, effectiveAcl, type Identity, isGranted } from "./acl.ts";
import { isBuiltIn, isValidPath, parentOf, sequenceSuffix } from "./paths.ts";
import { CreateFlag, Err, Op, Perm, refuse } from "./protocol.ts";
import { type DataTree, NodeKind, type Undo, type Znode } from "./tree.ts";
import type { Located, Notify, WatchRegistry } from "./watches.ts";

/** One change of the tree. */
export type TreeTxn =
  | {
    readonly type: typeof Op.create;
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly acl: Acl;
    readonly kind: number;
    readonly owner: number;
  }
  | { readonly type: typeof Op.delete; readonly path: string }
  | { readonly type: typeof Op.setData; readonly path: string; readonly data: Uint8Array | null }
  | { readonly type: typeof Op.setAcl; readonly path: string; readonly acl: Acl };

/** A request to create a node, as it came: `op` is create, create2, createContainer or createTtl. */
export interface CreateRequest {
  readonly op: number;
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly acl: Acl;
  readonly flags: number;
  /** Milliseconds, only for createTtl. */
  readonly ttl: number;
}

/** The longest time to live: 40 bits of milliseconds. */
const MAX_TTL = 2 ** 40 - 1;

/** What the flags of a create mean, or a refusal. */
function nodeKind(request: CreateRequest): { kind: number; sequential: boolean } {
  const { op, flags, ttl } = request;
  switch (op) {
    case Op.createContainer:
      if (flags === CreateFlag.container || flags === CreateFlag.persistent) {
        return { kind: NodeKind.container, sequential: false };
      }
      break;
    case Op.createTtl:
      if (flags !== CreateFlag.persistentTtl && flags !== CreateFlag.persistentSequentialTtl) break;
      if (ttl <= 0 || ttl > MAX_TTL) break;
      return { kind: NodeKind.ttl, sequential: flags === CreateFlag.persistentSequentialTtl };
    default:
      if (flags < 0 || flags > CreateFlag.ephemeralSequential) break;
      return {
        kind: (flags & CreateFlag.ephemeral) !== 0 ? NodeKind.ephemeral : NodeKind.persistent,
        sequential: (flags & CreateFlag.persistentSequential) !== 0,
      };
  }
  return refuse(Err.badArguments);
}

/** Check a create; the transaction's path has its sequence number. */
export function prepareCreate(
  tree: DataTree,
  request: CreateRequest,
  identities: readonly Identity[],
  session: number,
): TreeTxn {
  const { kind, sequential } = nodeKind(request);
  const parentPath = parentOf(request.path);
  if (parentPath === null) refuse(Err.badArguments);
  const acl = effectiveAcl(request.acl, identities);
  const parent = tree.get(parentPath) ?? refuse(Err.noNode);
  if (!isGranted(parent.acl, Perm.create, identities)) refuse(Err.noAuth);
  const path = sequential ? request.path + sequenceSuffix(parent.created) : request.path;
  if (!isValidPath(path)) refuse(Err.badArguments);
  if (tree.get(path) !== undefined) refuse(Err.nodeExists);
  if (parent.kind === NodeKind.ephemeral) refuse(Err.noChildrenForEphemerals);
  const owner = kind === NodeKind.ephemeral ? session : kind === NodeKind.ttl ? request.ttl : 0;
  return { type: Op.create, path, data: request.data, acl, kind, owner };
}

/** Check a delete. `version` -1 is any. */
export function prepareDelete(
  tree: DataTree,
  path: string,
  version: number,
  identities: readonly Identity[],
): TreeTxn {
  const parentPath = parentOf(path);
  if (parentPath === null || isBuiltIn(path)) refuse(Err.badArguments);
  const parent = tree.get(parentPath) ?? refuse(Err.noNode);
  if (!isGranted(parent.acl, Perm.delete, identities)) refuse(Err.noAuth);
  const node = tree.get(path) ?? refuse(Err.noNode);
  checkVersion(node.version, version);
  if (node.children !== null) refuse(Err.notEmpty);
  return { type: Op.delete, path };
}

/** Check a setData. `version` -1 is any. */
export function prepareSetData(
  tree: DataTree,
  path: string,
  data: Uint8Array | null,
  version: number,
  identities: readonly Identity[],
): TreeTxn {
  const node = existing(tree, path);
  if (!isGranted(node.acl, Perm.write, identities)) refuse(Err.noAuth);
  checkVersion(node.version, version);
  return { type: Op.setData, path, data };
}

/** Check a setACL. `version` is that of the list (aversion), -1 is any. */
export function prepareSetAcl(
  tree: DataTree,
  path: string,
  wanted: Acl,
  version: number,
  identities: readonly Identity[],
): TreeTxn {
  if (!isValidPath(path)) refuse(Err.badArguments);
  const acl = effectiveAcl(wanted, identities);
  const node = existing(tree, path);
  if (!isGranted(node.acl, Perm.admin, identities)) refuse(Err.noAuth);
  checkVersion(node.aversion, version);
  return { type: Op.setAcl, path, acl };
}

/** The check of a multi: the node is readable and has this version. */
export function checkNode(
  tree: DataTree,
  path: string,
  version: number,
  identities: readonly Identity[],
): void {
  const node = existing(tree, path);
  if (!isGranted(node.acl, Perm.read, identities)) refuse(Err.noAuth);
  checkVersion(node.version, version);
}

function existing(tree: DataTree, path: string): Znode {
  const node = tree.get(path);
  if (node !== undefined) return node;
  return refuse(isValidPath(path) ? Err.noNode : Err.badArguments);
}

function checkVersion(current: number, expected: number): void {
  if (expected !== -1 && expected !== current) refuse(Err.badVersion);
}

/** What was done: the transaction, and whose watches it concerns, as they were then. */
export interface Applied {
  readonly txn: TreeTxn;
  readonly node: Located;
  /** The parent, when its list of children changed. */
  readonly parent: Located | null;
}

/**
 * Carry `txn` out. With `undo`, how to take it back is pushed there. Throws only when the tree does not hold
 * what the transaction needs, which can happen only with a log that is not this tree's.
 */
export function apply(
  tree: DataTree,
  txn: TreeTxn,
  zxid: number,
  time: number,
  undo: Undo[] | null,
): Applied {
  const { path } = txn;
  if (txn.type === Op.create) {
    const parent = needed(tree, parentOf(path)!);
    undo?.push(tree.undoCreate(parent, path));
    tree.create(parent, txn, zxid, time);
    return { txn, node: txn, parent };
  }
  const node = needed(tree, path);
  if (txn.type === Op.delete) {
    const parent = needed(tree, parentOf(path)!);
    undo?.push(tree.undoDelete(parent, node));
    tree.delete(parent, node, zxid);
    return { txn, node, parent };
  }
  if (txn.type === Op.setData) {
    undo?.push(tree.undoSetData(node));
    tree.setData(node, txn.data, zxid, time);
  } else tree.setAcl(node, txn.acl);
  return { txn, node, parent: null };
}

function needed(tree: DataTree, path: string): Znode {
  const node = tree.get(path);
  if (node === undefined) throw new Error(`a transaction needs ${path}, which is not there`);
  return node;
}

/** Fire the watches that what was done concerns. */
export function announce<W>(watches: WatchRegistry<W>, applied: Applied, notify: Notify<W>): void {
  const { txn, node, parent } = applied;
  switch (txn.type) {
    case Op.create:
      return watches.created(node, parent!, notify);
    case Op.delete:
      return watches.deleted(node, parent!, notify);
    case Op.setData:
      return watches.changed(node, notify);
    case Op.setAcl:
      return;
  }
}

/** What the end of a session changes: every ephemeral node of it goes. */
export function sessionEnd(tree: DataTree, session: number): TreeTxn[] {
  return Array.from(tree.ephemeralsOf(session), (path) => ({ type: Op.delete, path }));
}
