/** TCP as programs see it, over a simulated network. */
import { Buffer } from "node:buffer";
import type { Tcp, TcpListener, TcpPeer, TcpStream } from "../../lib/net/tcp.ts";
import type { Attempt, End, Network } from "./network.ts";
import type { Process } from "./world.ts";

type Listener = (...values: never[]) => void;

/** A connection that we make, as `node:net` has it. */
class Stream implements TcpStream {
  destroyed = false;
  readonly #process: Process;
  readonly #listeners = new Map<string, Listener[]>();
  readonly #attempt: Attempt;
  #end: End<Uint8Array> | undefined;

  constructor(network: Network, process: Process, host: string, port: number) {
    this.#process = process;
    this.#attempt = network.connect<Uint8Array>(process, `${host}:${port}`, (end) => {
      if (end === undefined) {
        this.#emit("error", new Error(`connect ECONNREFUSED ${host}:${port}`));
        return this.destroy();
      }
      this.#end = end;
      end.receiver = {
        received: (bytes) => this.destroyed || this.#emit("data", Buffer.from(bytes)),
        ended: () => this.destroy(),
      };
      this.#emit("connect");
    });
  }

  on(event: string, listener: Listener): void {
    this.#listeners.getOrInsertComputed(event, () => []).push(listener);
  }

  #emit(event: string, ...values: unknown[]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      (listener as (...all: unknown[]) => void)(...values);
    }
  }

  setNoDelay(): void {}
  setTimeout(): void {}

  write(bytes: Uint8Array): boolean {
    this.#end?.send(bytes.slice());
    return true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#attempt.cancel();
    this.#end?.close();
    this.#process.world.after(0, this.#process, () => this.#emit("close"));
  }
}

/** A connection that was made to us, as Deno has it. */
class Peer implements TcpPeer {
  readonly remoteAddr: Deno.NetAddr;
  readonly #end: End<Uint8Array>;
  readonly #chunks: Uint8Array[] = [];
  #over = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(end: End<Uint8Array>, port: number) {
    this.#end = end;
    this.remoteAddr = { transport: "tcp", hostname: end.to.host, port };
  }

  received(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#waiting?.resolve();
  }

  ended(): void {
    this.#over = true;
    this.#waiting?.resolve();
  }

  setNoDelay(): void {}

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#over) return null;
      this.#waiting = Promise.withResolvers();
      await this.#waiting.promise;
      this.#waiting = undefined;
    }
    const first = this.#chunks[0]!;
    const count = Math.min(first.length, into.length);
    into.set(first.subarray(0, count));
    if (count === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    if (!this.#end.open) return Promise.reject(new Deno.errors.BrokenPipe("Broken pipe"));
    this.#end.send(bytes.slice());
    return Promise.resolve(bytes.length);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#end.close();
    this.ended();
  }
}

/** TCP in the process whose event is under way. */
export function simulatedTcp(network: Network): Tcp {
  const { world } = network;
  return {
    connect: ({ host, port }) => new Stream(network, world.current!, host, port),
    listen: ({ port: wanted }): TcpListener => {
      const process = world.current!;
      const waiting: Peer[] = [];
      let taker: PromiseWithResolvers<void> | undefined;
      let closed = false;
      let peers = 0;
      const port = network.listen<Uint8Array>(wanted, {
        process,
        accept: (end) => {
          const peer = new Peer(end, 50_000 + ++peers % 10_000);
          waiting.push(peer);
          taker?.resolve();
          return peer;
        },
      });
      return {
        addr: { transport: "tcp", hostname: process.host, port },
        accept: async () => {
          while (waiting.length === 0) {
            if (closed) throw new Deno.errors.BadResource("The listener is closed");
            taker = Promise.withResolvers();
            await taker.promise;
          }
          return waiting.shift()!;
        },
        close: () => {
          closed = true;
          network.unlisten(process, port);
          taker?.resolve();
        },
      };
    },
  };
}
