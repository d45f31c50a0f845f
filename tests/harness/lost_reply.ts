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
  const streams = new Map<string, Frames>();
  proxy.intercept = (chunk, direction, connection) => {
    // Read whether or not it is looked for: the next chunk may begin within a frame.
    const stream = streams.getOrInsertComputed(`${direction} ${connection}`, () => new Frames());
    const frames = [...stream.of(chunk)];
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

/**
 * One direction of a connection as frames. What is fed first has to begin with a frame: nothing is under way then. A
 * frame may come in pieces: Apache's server may send its length by itself.
 */
class Frames {
  #header = new Uint8Array(12);
  #have = 0;
  /** Bytes until the next frame. */
  #rest = 0;

  /** The frames whose headers are complete with this chunk. */
  *of(chunk: Uint8Array): Generator<{ xid: number; type: number }> {
    for (let at = 0; at < chunk.length;) {
      if (this.#rest > 0) {
        const skipped = Math.min(this.#rest, chunk.length - at);
        this.#rest -= skipped;
        at += skipped;
        continue;
      }
      const piece = chunk.subarray(at, at + this.#header.length - this.#have);
      this.#header.set(piece, this.#have);
      this.#have += piece.length;
      at += piece.length;
      if (this.#have < this.#header.length) return;
      const view = new DataView(this.#header.buffer);
      this.#have = 0;
      this.#rest = 4 + view.getInt32(0) - this.#header.length;
      yield { xid: view.getInt32(4), type: view.getInt32(8) };
    }
  }
}
