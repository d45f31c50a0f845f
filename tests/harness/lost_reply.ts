/**
 * Losing one reply of ZooKeeper on purpose, at an exact place: before the server acted, or after.
 */
import { Buffer } from "node:buffer";
import { FrameCutter } from "../../lib/zk/frames.ts";
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
 * A request is found by its frame: length, xid, type; a frame may come in pieces, or with others. To be called while
 * nothing is under way: what comes first has to begin with a frame.
 */
export function loseReply(proxy: TcpProxy, { operation, moment, skip = 0 }: LostReply): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = skip;
  let victim: { connection: number; xid: number } | undefined;
  const cutters = new Map<string, FrameCutter>();
  proxy.intercept = (chunk, direction, connection) => {
    // Read whether or not it is looked for: the next chunk may begin within a frame.
    const cutter = cutters.getOrInsertComputed(`${direction} ${connection}`, () => new FrameCutter());
    const frames = [...cutter.push(Buffer.from(chunk))].map((frame) => ({
      xid: frame.readInt32BE(4),
      type: frame.readInt32BE(8),
    }));
    if (direction === "up" && victim === undefined) {
      for (const frame of frames) {
        if (frame.type !== OPERATION[operation] || left-- > 0) continue;
        victim = { connection, xid: frame.xid };
        if (moment === "before") {
          proxy.intercept = undefined;
          resolve();
          return "cut";
        }
      }
    } else if (direction === "down" && victim?.connection === connection) {
      for (const frame of frames) {
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
