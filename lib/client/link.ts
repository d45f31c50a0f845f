/**
 * A subscriber's connection to one endpoint that samples come from: a publisher, or a broker's egress.
 *
 * One XSUB socket: subscriptions, requests and acknowledgements go up, samples come down. ZeroMQ connects again
 * by itself and repeats the subscriptions; `onUp` tells when, since what was asked before is gone. A name for its host
 * is looked up without anybody else waiting for it.
 */
import { Reach } from "../net/reach.ts";
import { subscription } from "../wire/key.ts";
import { type MessageSocket, openSocket } from "../zmq/sockets.ts";

/** What a link tells its subscriber. */
export interface LinkHandler {
  onMessages(link: Link, messages: Uint8Array[][]): void;
  onUp(link: Link): void;
  onDown(link: Link): void;
}

/** A connection to one endpoint. */
export class Link implements AsyncDisposable {
  readonly endpoint: string;
  /** Milliseconds (monotonic) since when it is being connected. */
  readonly startedAt: number = performance.now();
  /** Whether the connection stands. */
  up = false;
  /** Whether it stood before, and does not now. */
  lost = false;
  /** Milliseconds (monotonic) since when it does not stand; while it does, of no meaning. */
  downSince: number = this.startedAt;
  /** Milliseconds (monotonic) when the last message came, or the connection. */
  heardAt = 0;
  readonly #socket: MessageSocket;
  readonly #reach: Reach;
  readonly #tasks: Promise<void>[];

  constructor(endpoint: string, handler: LinkHandler, heartbeats: {
    heartbeatIntervalMs: number;
    heartbeatTimeoutMs: number;
  }) {
    this.endpoint = endpoint;
    this.#socket = openSocket("xsub", { ...heartbeats, linger: 100 });
    this.#tasks = [this.#read(handler), this.#observe(handler)];
    this.#reach = new Reach(this.#socket, endpoint);
  }

  /** Ends when the link is closed; with an error if the handler threw. */
  get ended(): Promise<unknown> {
    return Promise.all(this.#tasks);
  }

  /** Why there is no address to connect to, if there is none. */
  get problem(): string | undefined {
    return this.#reach.problem;
  }

  /** Subscribe to a key, or undo it. */
  subscribe(key: Uint8Array, wanted: boolean): void {
    this.#socket.send(subscription(key, wanted));
  }

  /** Send a message towards the publishers. Lost when the connection does not stand. */
  send(message: Uint8Array): void {
    if (this.up) this.#socket.send(message);
  }

  async #read(handler: LinkHandler): Promise<void> {
    for await (const messages of this.#socket.messages()) {
      this.heardAt = performance.now();
      handler.onMessages(this, messages);
    }
  }

  async #observe(handler: LinkHandler): Promise<void> {
    for await (const event of this.#socket.peers()) {
      if (event.type === "handshaken") {
        this.#reach.up = true;
        if (!this.#reach.up) continue;
        this.up = true;
        this.lost = false;
        this.heardAt = performance.now();
        handler.onUp(this);
      } else if (event.type === "disconnected" && this.up) {
        this.up = this.#reach.up = false;
        this.lost = true;
        this.downSince = performance.now();
        handler.onDown(this);
      } else if (event.type === "disconnected" || event.type === "refused") this.#reach.rebuffed();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.up = false;
    this.#reach.close();
    await this.#socket[Symbol.asyncDispose]();
    await Promise.allSettled(this.#tasks);
  }
}
