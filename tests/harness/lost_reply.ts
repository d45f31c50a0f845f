/**
 * Losing one reply of ZooKeeper on purpose, at an exact place: before the server acted, or after.
 */
import type { TcpProxy } from "./tcp_proxy.ts";

/** ZooKeeper's numbers of the operations tests lose. */
export const OPERATION = {
  create: 1,
  delete: 2,
  getData: 4,
  setData: 5,
  getChildren: 12,
  closeSession: -11,
} as const;

/** Which reply to lose. */
export interface LostReply {
  operation: keyof typeof OPERATION;
  /** `before`: the request never reaches the server. `after`: the server has acted, its reply is swallowed. */
  moment: "before" | "after";
  /** How many requests of that kind to let pass first. @default {0} */
  skip?: number;
}

/**
 * Cut the connection at the next matching request or its reply. Resolves when that has happened. Other traffic passes.
 *
 * A request is found by its frame: length, xid, type; requests of one chunk are looked at one by one.
 */
export function loseReply(proxy: TcpProxy, { operation, moment, skip = 0 }: LostReply): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = skip;
  let victim: { connection: number; xid: number } | undefined;
  proxy.intercept = (chunk, direction, connection) => {
    if (direction === "up" && victim === undefined) {
      for (const frame of frames(chunk)) {
        if (frame.type !== OPERATION[operation] || left-- > 0) continue;
        victim = { connection, xid: frame.xid };
        if (moment === "before") {
          proxy.intercept = undefined;
          resolve();
          return "cut";
        }
      }
    } else if (direction === "down" && victim?.connection === connection) {
      for (const frame of frames(chunk)) {
        if (frame.xid !== victim.xid) continue;
        proxy.intercept = undefined;
        resolve();
        return "cut";
      }
    }
    return "pass";
  };
  return promise;
}

/** The frames that begin in a chunk; our clients and servers write whole frames at a time when idle. */
function* frames(chunk: Uint8Array): Generator<{ xid: number; type: number }> {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  let offset = 0;
  while (offset + 12 <= chunk.length) {
    const size = view.getInt32(offset);
    yield { xid: view.getInt32(offset + 4), type: view.getInt32(offset + 8) };
    offset += 4 + size;
    if (size < 0) return;
  }
}
