/**
 * The children of a node with their data, parsed, as one async iterable of changes.
 *
 * Guarantees: the first item is the complete current state, even when it is empty; each later one says what changed
 * since the one before. Only new and changed children are read: each child has its own data watch. A child deleted
 * and created again between two looks is reported as changed. A child that does not parse is reported in `invalid`
 * with the reason and is in no other list; it never ends the iteration.
 *
 * Suspended and lost: nothing is given out. Attached again: the list is read again, and the children whose watches
 * have fired. New session: everything is read again, and only what differs is reported.
 */
import { pause } from "../base/pause.ts";
import { CoordinationError, reasonOf } from "../base/errors.ts";
import { Latch } from "../base/latch.ts";
import { isTransient, listChildren } from "./list_children.ts";
import type { Session, Stat, WatchReason, ZooKeeper } from "./zookeeper.ts";

/** What changed among the records of a node. */
export interface RecordChange<T> {
  added: Map<string, T>;
  changed: Map<string, T>;
  removed: string[];
  /** Name → reason, of the children that were read for this item and do not parse. */
  invalid: Map<string, string>;
  /** Every record that parses; the same map in each item, read it before the next one. */
  all: ReadonlyMap<string, T>;
}

export interface WatchRecordsOptions {
  signal: AbortSignal;
  /**
   * How long to gather changes after the first one: as a function of how many children there are, since reading the
   * list costs that much each time. @default {0}
   */
  debounceMs?: number | ((children: number) => number);
}

/** @param parse throws (FormatError) when the data is not a record. */
export function watchRecords<T>(
  zk: ZooKeeper,
  path: string,
  parse: (data: Uint8Array, name: string) => T,
  options: WatchRecordsOptions,
): AsyncIterable<RecordChange<T>> {
  return new RecordWatch(zk, path, parse, options).changes();
}

/** How many children are read at a time: enough to keep the connection busy. */
const READ_AT_ONCE = 256;

/** One child as last read. */
interface Child {
  onChange: (reason: WatchReason) => void;
  /** Undefined until it was read. */
  stat: Stat | undefined;
  dirty: boolean;
}

class RecordWatch<T> {
  readonly #zk: ZooKeeper;
  readonly #path: string;
  readonly #parse: (data: Uint8Array, name: string) => T;
  readonly #options: WatchRecordsOptions;
  readonly #latch = new Latch();
  readonly #children = new Map<string, Child>();
  readonly #all = new Map<string, T>();
  #listDirty = true;
  #session: Session | undefined;
  #change: RecordChange<T> = this.#noChange();

  constructor(
    zk: ZooKeeper,
    path: string,
    parse: (data: Uint8Array, name: string) => T,
    options: WatchRecordsOptions,
  ) {
    this.#zk = zk;
    this.#path = path;
    this.#parse = parse;
    this.#options = options;
  }

  async *changes(): AsyncGenerator<RecordChange<T>, void, void> {
    const { signal } = this.#options;
    let first = true;
    try {
      while (!signal.aborted) {
        try {
          this.#begin(await this.#zk.connected(signal));
          await this.#read();
        } catch (error) {
          if (signal.aborted || CoordinationError.is(error, "CLOSED")) return;
          if (isTransient(error)) continue;
          throw error;
        }
        const change = this.#change;
        if (
          first || change.added.size + change.changed.size + change.removed.length + change.invalid.size > 0
        ) {
          first = false;
          this.#change = this.#noChange();
          yield change;
        }
        await this.#latch.wait(signal);
        const debounceMs = this.#debounceMs();
        if (debounceMs > 0 && !signal.aborted) await pause(debounceMs, signal);
      }
    } finally {
      this.#zk.unwatch(this.#path, this.#onListChange);
      for (const [name, child] of this.#children) this.#zk.unwatch(this.#childPath(name), child.onChange);
    }
  }

  readonly #onListChange = (): void => {
    this.#listDirty = true;
    this.#latch.set();
  };

  #debounceMs(): number {
    const { debounceMs = 0 } = this.#options;
    return typeof debounceMs === "number" ? debounceMs : debounceMs(this.#children.size);
  }

  #noChange(): RecordChange<T> {
    return { added: new Map(), changed: new Map(), removed: [], invalid: new Map(), all: this.#all };
  }

  /** With a new session every watch is gone. */
  #begin(session: Session): void {
    this.#latch.clear();
    if (session === this.#session) return;
    this.#session = session;
    this.#listDirty = true;
    for (const child of this.#children.values()) child.dirty = true;
  }

  /** Read what is dirty; what fails on the way stays dirty. */
  async #read(): Promise<void> {
    if (this.#listDirty) {
      this.#listDirty = false;
      try {
        this.#merge(await listChildren(this.#zk, this.#path, this.#onListChange));
      } catch (error) {
        this.#listDirty = true;
        throw error;
      }
    }
    const dirty = [...this.#children].filter(([, child]) => child.dirty);
    for (let i = 0; i < dirty.length; i += READ_AT_ONCE) {
      const some = dirty.slice(i, i + READ_AT_ONCE);
      const results = await Promise.allSettled(some.map(([name, child]) => this.#readChild(name, child)));
      for (const result of results) if (result.status === "rejected") throw result.reason;
    }
  }

  #merge(names: string[]): void {
    const present = new Set(names);
    for (const [name, child] of this.#children) {
      if (!present.has(name)) this.#forget(name, child);
    }
    for (const name of names) {
      if (this.#children.has(name)) continue;
      const child: Child = {
        stat: undefined,
        dirty: true,
        onChange: (reason) => {
          if (reason === "reattached") return; // armed again; the list's own watch reads the list
          child.dirty = true;
          this.#latch.set();
        },
      };
      this.#children.set(name, child);
    }
  }

  async #readChild(name: string, child: Child): Promise<void> {
    child.dirty = false;
    let data: Uint8Array;
    let stat: Stat;
    try {
      ({ data, stat } = await this.#zk.getData(this.#childPath(name), child.onChange));
    } catch (error) {
      child.dirty = true;
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
      this.#forget(name, child); // the list's watch fires as well, when the name comes back
      return;
    }
    if (child.stat?.czxid === stat.czxid && child.stat.mzxid === stat.mzxid) return;
    child.stat = stat;
    this.#take(name, data);
  }

  #take(name: string, data: Uint8Array): void {
    const change = this.#change;
    const known = this.#all.has(name);
    try {
      const value = this.#parse(data, name);
      this.#all.set(name, value);
      change.invalid.delete(name);
      // Gone and back, or added and changed again, before anybody was told: one entry, seen from the last item.
      const gone = change.removed.indexOf(name);
      if (gone >= 0) change.removed.splice(gone, 1);
      if (gone >= 0 || (known && !change.added.has(name))) change.changed.set(name, value);
      else change.added.set(name, value);
    } catch (error) {
      if (known) this.#drop(name);
      change.invalid.set(name, reasonOf(error));
    }
  }

  #forget(name: string, child: Child): void {
    this.#zk.unwatch(this.#childPath(name), child.onChange);
    this.#children.delete(name);
    this.#change.invalid.delete(name);
    if (this.#all.has(name)) this.#drop(name);
  }

  /** The record is no more: removed, unless nobody was told of it. */
  #drop(name: string): void {
    const change = this.#change;
    this.#all.delete(name);
    change.changed.delete(name);
    if (!change.added.delete(name)) change.removed.push(name);
  }

  #childPath(name: string): string {
    return this.#path === "/" ? `/${name}` : `${this.#path}/${name}`;
  }
}
