/**
 * Operations on one node: read the body, check, do, answer.
 *
 * Each either writes one complete reply, or throws a refusal or `Malformed` having written nothing of its reply
 * (watch events of what it did may precede it). Checks and their order are Apache's.
 */
import { isGranted, withoutHashes } from "./acl.ts";
import type { Call } from "./call.ts";
import { Err, Op, Perm, refuse } from "./protocol.ts";
import { writeAcl, writeChildren, writeStat } from "./replies.ts";
import { keep, readAcl, readCreate, readPath } from "./requests.ts";
import { prepareCreate, prepareDelete, prepareSetAcl, prepareSetData } from "./transactions.ts";

export function getData(call: Call): void {
  const path = readPath(call.reader);
  const watch = call.reader.bool();
  const node = call.readable(path);
  if (watch) call.watchData(path);
  const at = call.begin();
  call.peer.out.buffer(node.data);
  writeStat(call.peer.out, node);
  call.finish(at);
}

/** Needs no permission, and watches a node that is not there as well. */
export function exists(call: Call): void {
  const path = readPath(call.reader);
  const watch = call.reader.bool();
  if (path.includes("\0")) refuse(Err.badArguments);
  if (watch) call.watchData(path);
  const node = call.existing(path);
  const at = call.begin();
  writeStat(call.peer.out, node);
  call.finish(at);
}

/** getChildren, and getChildren2 with the node's statistics. */
export function getChildren(call: Call): void {
  const path = readPath(call.reader);
  const watch = call.reader.bool();
  const node = call.readable(path);
  if (watch) call.watchChildren(path);
  const at = call.begin();
  writeChildren(call.peer.out, node);
  if (call.type === Op.getChildren2) writeStat(call.peer.out, node);
  call.finish(at);
}

/** create, and with the node's statistics create2, createContainer and createTtl. */
export function create(call: Call): void {
  const { peer, tree, engine, type } = call;
  const txn = prepareCreate(tree, readCreate(call.reader, type), peer.identities, call.session.id);
  engine.commit(txn);
  const at = call.begin();
  peer.out.string(txn.path);
  if (type !== Op.create) writeStat(peer.out, tree.get(txn.path)!);
  call.finish(at);
}

/** Called `remove` because `delete` is a word of the language. */
export function remove(call: Call): void {
  const path = readPath(call.reader);
  const version = call.reader.int();
  call.engine.commit(prepareDelete(call.tree, path, version, call.peer.identities));
  call.answer();
}

export function setData(call: Call): void {
  const path = readPath(call.reader);
  const view = call.reader.view();
  const version = call.reader.int();
  call.engine.commit(prepareSetData(call.tree, path, keep(view), version, call.peer.identities));
  answerWithStat(call, path);
}

function answerWithStat(call: Call, path: string): void {
  const at = call.begin();
  writeStat(call.peer.out, call.tree.get(path)!);
  call.finish(at);
}

/** Password hashes are shown only to who may administer the node. */
export function getAcl(call: Call): void {
  const node = call.existing(readPath(call.reader));
  const { identities, out } = call.peer;
  if (!isGranted(node.acl, Perm.read | Perm.admin, identities)) refuse(Err.noAuth);
  const at = call.begin();
  writeAcl(out, isGranted(node.acl, Perm.admin, identities) ? node.acl : withoutHashes(node.acl));
  writeStat(out, node);
  call.finish(at);
}

export function setAcl(call: Call): void {
  const path = readPath(call.reader);
  const acl = readAcl(call.reader);
  const version = call.reader.int();
  call.engine.commit(prepareSetAcl(call.tree, path, acl, version, call.peer.identities));
  answerWithStat(call, path);
}

/** There is one server, so everybody has seen everything: the path is the answer. */
export function sync(call: Call): void {
  const path = readPath(call.reader);
  const at = call.begin();
  call.peer.out.string(path);
  call.finish(at);
}

/** The ephemeral nodes of this session whose path begins with a prefix. */
export function getEphemerals(call: Call): void {
  const prefix = call.reader.string() ?? "";
  const every = prefix.trim() === "" || prefix.trim() === "/";
  const mine = [...call.tree.ephemeralsOf(call.session.id)];
  const at = call.begin();
  call.peer.out.strings(every ? mine : mine.filter((path) => path.startsWith(prefix)));
  call.finish(at);
}

/** How many nodes there are below a node. */
export function getAllChildrenNumber(call: Call): void {
  const path = readPath(call.reader);
  call.readable(path);
  const prefix = path === "/" ? "/" : `${path}/`;
  let count = path === "/" ? -1 : 0; // The root's own path begins with its prefix.
  for (const node of call.tree.nodes()) if (node.path.startsWith(prefix)) count++;
  const at = call.begin();
  call.peer.out.int(count);
  call.finish(at);
}
