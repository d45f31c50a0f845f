/**
 * Watches as async iterables, for one node: its data, or its children.
 *
 * Guarantees: the current state first, then the newest after each change (changes that come faster than they are
 * consumed are conflated, the last one is never missed). They stay valid across reconnects and new sessions: after
 * each the state is read again. They end when the signal aborts or the client is closed; only an error that trying
 * again cannot heal (not permitted, an invalid path) is thrown.
 *
 * Suspended and lost: nothing is given out; the last value given is then out of date, which `zk.state` tells.
 */
import { CoordinationError } from "../base/errors.ts";
import { Latch } from "../base/latch.ts";
import { isTransient, listChildren } from "./list_children.ts";
import type { Stat, ZooKeeper } from "./zookeeper.ts";

export { isTransient } from "./list_children.ts";
export { type RecordChange, watchRecords, type WatchRecordsOptions } from "./watch_records.ts";

/** A node's content. */
export interface NodeData {
  data: Uint8Array;
  stat: Stat;
}

/** The node's data; undefined while there is no such node. */
export function watchData(
  zk: ZooKeeper,
  path: string,
  signal: AbortSignal,
): AsyncIterable<NodeData | undefined> {
  return observe(zk, path, signal, async (onChange) => {
    for (;;) {
      try {
        return await zk.getData(path, onChange);
      } catch (error) {
        if (!CoordinationError.is(error, "NO_NODE")) throw error;
      }
      if (await zk.exists(path, onChange) === undefined) return undefined;
    }
  });
}

/** The names of the node's children; none while there is no such node. */
export function watchChildren(zk: ZooKeeper, path: string, signal: AbortSignal): AsyncIterable<string[]> {
  return observe(zk, path, signal, (onChange) => listChildren(zk, path, onChange));
}

async function* observe<T>(
  zk: ZooKeeper,
  path: string,
  signal: AbortSignal,
  read: (onChange: () => void) => Promise<T>,
): AsyncGenerator<T, void, void> {
  const changed = new Latch();
  try {
    while (!signal.aborted) {
      let value: T;
      try {
        await zk.connected(signal);
        changed.clear();
        value = await read(changed.set);
      } catch (error) {
        if (signal.aborted || CoordinationError.is(error, "CLOSED")) return;
        if (isTransient(error)) continue;
        throw error;
      }
      if (signal.aborted) return;
      yield value;
      await changed.wait(signal);
    }
  } finally {
    zk.unwatch(path, changed.set);
  }
}
