/**
 * Who watches what: one-shot, persistent and recursive watches, kept per connection.
 *
 * Guarantee: a watch belongs to a connection and ends with it ({@link WatchRegistry.removeWatcher} leaves no
 * entry behind); a one-shot watch fires at most once; a deletion is told once to a connection that watches both
 * the node's data and its children. Whether a watcher may know is for `notify` to decide. Pure: events are returned by calling `notify`, in order.
 *
 * When a session is suspended or lost nothing here changes: the connection's end removes its watches, and the
 * client sets them again after it has attached.
 */
import type { Acl } from "./acl.ts";
import { EventType, WatcherType } from "./protocol.ts";

/** How a path is watched; a watcher may have several at once. */
export const WatchMode = { standard: 1, persistent: 2, recursive: 4 } as const;

/** Tells `watcher` that `type` happened to `path`, a node with the list `acl`. */
export type Notify<W> = (watcher: W, type: number, path: string, acl: Acl) => void;

/** A node's path and access control list. */
export interface Located {
  readonly path: string;
  readonly acl: Acl;
}

/** What happens to a node: the type of the event, its path, its access control list. */
interface Happening extends Located {
  readonly type: number;
}

function happened(type: number, { path, acl }: Located): Happening {
  return { type, path, acl };
}

/** One table: paths to watchers, and back. */
class WatchTable<W> {
  readonly #byPath = new Map<string, Map<W, number>>();
  readonly #byWatcher = new Map<W, Set<string>>();
  #recursive = 0;
  size = 0;

  add(path: string, watcher: W, mode: number): void {
    let watchers = this.#byPath.get(path);
    if (watchers === undefined) this.#byPath.set(path, watchers = new Map());
    const before = watchers.get(watcher) ?? 0;
    if ((before & mode) === mode) return;
    watchers.set(watcher, before | mode);
    if ((mode & WatchMode.recursive) !== 0) this.#recursive++;
    if (before !== 0) return;
    this.size++;
    const paths = this.#byWatcher.get(watcher);
    if (paths === undefined) this.#byWatcher.set(watcher, new Set([path]));
    else paths.add(path);
  }

  /** Take the modes in `mask` away; true if there was one. */
  remove(path: string, watcher: W, mask: number): boolean {
    const watchers = this.#byPath.get(path);
    const before = watchers?.get(watcher) ?? 0;
    if (watchers === undefined || (before & mask) === 0) return false;
    if ((before & mask & WatchMode.recursive) !== 0) this.#recursive--;
    if ((before & ~mask) !== 0) watchers.set(watcher, before & ~mask);
    else {
      watchers.delete(watcher);
      if (watchers.size === 0) this.#byPath.delete(path);
      this.#forget(watcher, path);
    }
    return true;
  }

  #forget(watcher: W, path: string): void {
    this.size--;
    const paths = this.#byWatcher.get(watcher)!;
    paths.delete(path);
    if (paths.size === 0) this.#byWatcher.delete(watcher);
  }

  has(path: string, watcher: W): boolean {
    return this.#byPath.get(path)?.has(watcher) ?? false;
  }

  removeWatcher(watcher: W): void {
    const paths = this.#byWatcher.get(watcher);
    if (paths === undefined) return;
    for (const path of paths) {
      const watchers = this.#byPath.get(path)!;
      if ((watchers.get(watcher)! & WatchMode.recursive) !== 0) this.#recursive--;
      watchers.delete(watcher);
      if (watchers.size === 0) this.#byPath.delete(path);
    }
    this.size -= paths.size;
    this.#byWatcher.delete(watcher);
  }

  countOf(watcher: W): number {
    return this.#byWatcher.get(watcher)?.size ?? 0;
  }

  /** Tell every watcher of the path, and recursive watchers above it, but those in `told`; add them to it. */
  trigger(happening: Happening, told: Set<W> | null, notify: Notify<W>): void {
    const { type, path } = happening;
    const climbs = this.#recursive > 0 && type !== EventType.childrenChanged;
    const heard = told ?? (climbs ? new Set<W>() : null);
    const watchers = this.#byPath.get(path);
    if (watchers !== undefined) {
      for (const [watcher, modes] of watchers) {
        if ((modes & WatchMode.standard) !== 0) this.remove(path, watcher, WatchMode.standard);
        const hears = (modes & ~WatchMode.recursive) !== 0 || type !== EventType.childrenChanged;
        if (hears) tell(watcher, happening, heard, notify);
      }
    }
    if (!climbs) return;
    for (let at = path; at !== "/";) {
      at = at.substring(0, Math.max(1, at.lastIndexOf("/")));
      for (const [watcher, modes] of this.#byPath.get(at) ?? []) {
        if ((modes & WatchMode.recursive) !== 0) tell(watcher, happening, heard, notify);
      }
    }
  }

  byPath(): Iterable<[string, Iterable<W>]> {
    return [...this.#byPath].map(([path, watchers]) => [path, watchers.keys()] as [string, Iterable<W>]);
  }

  byWatcher(): Iterable<[W, Iterable<string>]> {
    return this.#byWatcher;
  }
}

function tell<W>(watcher: W, { type, path, acl }: Happening, told: Set<W> | null, notify: Notify<W>): void {
  if (told !== null) {
    if (told.has(watcher)) return;
    told.add(watcher);
  }
  notify(watcher, type, path, acl);
}

/** All watches of a server: those on a node (its data, its existence) and those on its list of children. */
export class WatchRegistry<W> {
  readonly #data = new WatchTable<W>();
  readonly #child = new WatchTable<W>();

  /** How many (connection, path) entries there are. */
  get size(): number {
    return this.#data.size + this.#child.size;
  }

  /** How many entries `watcher` holds. */
  countOf(watcher: W): number {
    return this.#data.countOf(watcher) + this.#child.countOf(watcher);
  }

  addData(path: string, watcher: W): void {
    this.#data.add(path, watcher, WatchMode.standard);
  }

  addChild(path: string, watcher: W): void {
    this.#child.add(path, watcher, WatchMode.standard);
  }

  /** A watch that stays until it is removed: on the node and its children, or (recursive) on all below it. */
  addPersistent(path: string, watcher: W, recursive: boolean): void {
    const mode = recursive ? WatchMode.recursive : WatchMode.persistent;
    this.#data.add(path, watcher, mode);
    this.#child.add(path, watcher, mode);
  }

  /** Whether `watcher` watches `path` in the way of `type` ({@link WatcherType}). */
  has(path: string, type: number, watcher: W): boolean {
    return (type !== WatcherType.data && this.#child.has(path, watcher)) ||
      (type !== WatcherType.children && this.#data.has(path, watcher));
  }

  /** Remove `watcher`'s watches of `type` on `path`; false when there was none. */
  remove(path: string, type: number, watcher: W): boolean {
    const every = WatchMode.standard | WatchMode.persistent | WatchMode.recursive;
    const child = type !== WatcherType.data && this.#child.remove(path, watcher, every);
    const data = type !== WatcherType.children && this.#data.remove(path, watcher, every);
    return child || data;
  }

  /** The connection is gone: so are all its watches. */
  removeWatcher(watcher: W): void {
    this.#data.removeWatcher(watcher);
    this.#child.removeWatcher(watcher);
  }

  /** A node was created: tell who watches it, then who watches its parent's children. */
  created(node: Located, parent: Located, notify: Notify<W>): void {
    this.#data.trigger(happened(EventType.created, node), null, notify);
    this.#child.trigger(happened(EventType.childrenChanged, parent), null, notify);
  }

  /** A node was deleted: tell who watches it in any way, once, then who watches its parent's children. */
  deleted(node: Located, parent: Located, notify: Notify<W>): void {
    const told = new Set<W>();
    const deleted = happened(EventType.deleted, node);
    this.#data.trigger(deleted, told, notify);
    this.#child.trigger(deleted, told, notify);
    this.#child.trigger(happened(EventType.childrenChanged, parent), null, notify);
  }

  /** A node's data was set. */
  changed(node: Located, notify: Notify<W>): void {
    this.#data.trigger(happened(EventType.dataChanged, node), null, notify);
  }

  /** Watched paths and who watches them, as `wchp` lists them. */
  byPath(): Map<string, Set<W>> {
    const all = new Map<string, Set<W>>();
    for (const table of [this.#data, this.#child]) {
      for (const [path, watchers] of table.byPath()) {
        all.set(path, new Set([...all.get(path) ?? [], ...watchers]));
      }
    }
    return all;
  }

  /** Watchers and what they watch, as `wchc` lists them. */
  byWatcher(): Map<W, Set<string>> {
    const all = new Map<W, Set<string>>();
    for (const table of [this.#data, this.#child]) {
      for (const [watcher, paths] of table.byWatcher()) {
        all.set(watcher, new Set([...all.get(watcher) ?? [], ...paths]));
      }
    }
    return all;
  }

  /** How many connections watch how many paths, as `wchs` prints it. */
  summary(): { watchers: number; paths: number; watches: number } {
    return { watchers: this.byWatcher().size, paths: this.byPath().size, watches: this.size };
  }
}
