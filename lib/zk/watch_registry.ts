/**
 * The watches of one session: which functions to call when the server says that a node has changed.
 *
 * A function is called once with `changed` and is then gone, as ZooKeeper's watches are one-shot. It may be called
 * before that with `reattached`: the watch is armed again on the new connection, and the state should be read again.
 * At the session's end every function is called with `ended`. The same function on the same node is kept once.
 */
import { logger } from "../base/log.ts";
import { reasonOf } from "../base/errors.ts";

const log = logger("zk");

/** Why a watch function is called. */
export type WatchReason = "changed" | "reattached" | "ended";

/** Called when a watched node may have changed: read it again. */
export type OnChange = (reason: WatchReason) => void;

/** `data`: set by getData and by exists on a node that is there; `exist`: on one that is not; `child`: getChildren. */
export type WatchKind = "data" | "exist" | "child";

const KINDS: readonly WatchKind[] = ["data", "exist", "child"];

/** Which kinds an event of the server ends, by its number. */
const ENDED_BY: Record<number, readonly WatchKind[]> = {
  1: ["data", "exist"], // created
  2: KINDS, // deleted
  3: ["data", "exist"], // data changed
  4: ["child"], // children changed
};

export class WatchRegistry {
  readonly #paths: Record<WatchKind, Map<string, Set<OnChange>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
  };

  /** How many watches are armed: one a path and kind. */
  get size(): number {
    return KINDS.reduce((sum, kind) => sum + this.#paths[kind].size, 0);
  }

  add(kind: WatchKind, path: string, onChange: OnChange): void {
    const functions = this.#paths[kind].get(path);
    if (functions === undefined) this.#paths[kind].set(path, new Set([onChange]));
    else functions.add(onChange);
  }

  /** Forget a function. The server may still send one event for the path, which then meets nobody. */
  remove(path: string, onChange: OnChange): void {
    for (const kind of KINDS) {
      const functions = this.#paths[kind].get(path);
      if (functions?.delete(onChange) && functions.size === 0) this.#paths[kind].delete(path);
    }
  }

  /** The paths to re-arm on a new connection. */
  paths(kind: WatchKind): string[] {
    return [...this.#paths[kind].keys()];
  }

  /** The server's event `type` for `path`. */
  fire(type: number, path: string): void {
    const called = new Set<OnChange>();
    for (const kind of ENDED_BY[type] ?? []) {
      for (const onChange of this.#paths[kind].get(path) ?? []) called.add(onChange);
      this.#paths[kind].delete(path);
    }
    callAll(called, "changed");
  }

  reattached(): void {
    callAll(this.#all(), "reattached");
  }

  ended(): void {
    const all = this.#all();
    for (const kind of KINDS) this.#paths[kind].clear();
    callAll(all, "ended");
  }

  #all(): Set<OnChange> {
    const all = new Set<OnChange>();
    for (const kind of KINDS) {
      for (const functions of this.#paths[kind].values()) functions.forEach((onChange) => all.add(onChange));
    }
    return all;
  }
}

function callAll(functions: Set<OnChange>, reason: WatchReason): void {
  for (const onChange of functions) {
    try {
      onChange(reason);
    } catch (error) {
      log.error(`a watch function failed: ${reasonOf(error)}`);
    }
  }
}
