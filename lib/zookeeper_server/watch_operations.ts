/**
 * Operations on watches: setting them again after a new connection, persistent ones, looking, removing.
 *
 * A client that attaches again says which watches it had and what it has seen (a zxid): what happened since is
 * told at once instead of watched, so nothing is missed.
 */
import type { Call } from "./call.ts";
import { Malformed } from "./jute.ts";
import { Err, EventType, Op, refuse, WatcherType } from "./protocol.ts";
import { readPath, readSetWatches } from "./requests.ts";

/** setWatches, and setWatches2 with persistent watches. */
export function setWatches(call: Call): void {
  const { engine, peer, tree } = call;
  const wanted = readSetWatches(call.reader, call.type === Op.setWatches2);
  const { data, exist, child, persistent, recursive, relativeZxid } = wanted;
  call.roomForWatches(data.length + exist.length + child.length + persistent.length + recursive.length);
  for (const path of data) {
    const node = tree.get(path);
    if (node === undefined) engine.notify(peer, EventType.deleted, path);
    else if (node.mzxid > relativeZxid) engine.notify(peer, EventType.dataChanged, path);
    else engine.watches.addData(path, peer);
  }
  for (const path of exist) {
    if (tree.get(path) !== undefined) engine.notify(peer, EventType.created, path);
    else engine.watches.addData(path, peer);
  }
  for (const path of child) {
    const node = tree.get(path);
    if (node === undefined) engine.notify(peer, EventType.deleted, path);
    else if (node.pzxid > relativeZxid) engine.notify(peer, EventType.childrenChanged, path);
    else engine.watches.addChild(path, peer);
  }
  for (const path of persistent) engine.watches.addPersistent(path, peer, false);
  for (const path of recursive) engine.watches.addPersistent(path, peer, true);
  call.answer();
}

/** Mode 0 is persistent, 1 persistent and recursive. The answer's body is an error code of its own. */
export function addWatch(call: Call): void {
  const path = readPath(call.reader);
  const mode = call.reader.int();
  if (mode !== 0 && mode !== 1) throw new Malformed(`watch mode ${mode}`);
  call.roomForWatches(2);
  call.engine.watches.addPersistent(path, call.peer, mode === 1);
  const at = call.begin();
  call.peer.out.int(Err.ok);
  call.finish(at);
}

/** removeWatches, and checkWatches, which only looks. */
export function removeWatches(call: Call): void {
  const path = readPath(call.reader);
  const kind = call.reader.int();
  if (kind < WatcherType.children || kind > WatcherType.any) throw new Malformed(`watcher type ${kind}`);
  const { watches } = call.engine;
  const had = call.type === Op.checkWatches
    ? watches.has(path, kind, call.peer)
    : watches.remove(path, kind, call.peer);
  if (!had) refuse(Err.noWatcher);
  call.answer();
}
