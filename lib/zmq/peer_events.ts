/**
 * What happens to the connections of a socket, as a stream of events.
 */
import type * as Zeromq from "zeromq";

/** One thing that happened to a connection. `endpoint` is the one connected to, or the one that accepted. */
export type PeerEvent = {
  /**
   * connected: the transport stands. handshaken: the peer speaks our protocol, messages flow. disconnected: the
   * connection is lost (and will be tried again by the side that connected). refused: the peer was turned away, or
   * it does not speak our protocol. retrying: the connection could not be made and will be tried again.
   */
  type: "connected" | "handshaken" | "disconnected" | "refused" | "retrying";
  endpoint: string;
};

const TYPES: Record<string, PeerEvent["type"]> = {
  "accept": "connected",
  "connect": "connected",
  "handshake": "handshaken",
  "disconnect": "disconnected",
  "accept:error": "refused",
  "handshake:error:protocol": "refused",
  "handshake:error:auth": "refused",
  "handshake:error:other": "refused",
  "connect:retry": "retrying",
};

/** Reads the library's observer for as long as the socket is open. */
export class PeerEvents {
  readonly #observer: Zeromq.Observer;
  readonly #queue: PeerEvent[] = [];
  #waiter: ((result: IteratorResult<PeerEvent, undefined>) => void) | undefined;
  #closed = false;

  constructor(observer: Zeromq.Observer) {
    this.#observer = observer;
    this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#closed && !this.#observer.closed) {
      const event = await this.#observer.receive().catch(() => undefined);
      const type = event && TYPES[event.type];
      if (type !== undefined) this.#push({ type, endpoint: (event as { address?: string }).address ?? "" });
    }
    this.close();
  }

  #push(event: PeerEvent): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter) waiter({ done: false, value: event });
    else this.#queue.push(event);
  }

  events(): AsyncIterableIterator<PeerEvent, undefined> {
    const iterator: AsyncIterableIterator<PeerEvent, undefined> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => {
        const value = this.#queue.shift();
        if (value !== undefined) return Promise.resolve({ done: false, value });
        if (this.#closed) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => this.#waiter = resolve);
      },
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
    return iterator;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#observer.close();
    this.#waiter?.({ done: true, value: undefined });
    this.#waiter = undefined;
  }
}
