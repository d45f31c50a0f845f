/**
 * ZeroMQ's sockets over a simulated network (`socket_core.ts`), as their users see them.
 * `tests/integration/zmq/simulated_test.ts` holds them against the library's.
 */
import { PubsubError } from "../../lib/base/errors.ts";
import type { ForwarderOptions } from "../../lib/zmq/forwarder.ts";
import { type CompleteOptions, completeOptions } from "../../lib/zmq/options.ts";
import {
  type Batch,
  BATCH_BYTES,
  BATCH_MESSAGES,
  type PeerEvent,
  type SocketKind,
} from "../../lib/zmq/socket.ts";
import type { MessageForwarder, MessageSocket, Sockets } from "../../lib/zmq/sockets.ts";
import { Core, type Message } from "./socket_core.ts";
import type { Network } from "./network.ts";
import type { Process } from "./world.ts";

/** As in the library: items handed out one after another before others get a turn. */
const STREAK = 4;

/** Values that are waited for one at a time. */
class Waiting<T> implements AsyncIterableIterator<T, undefined> {
  readonly #take: () => T | undefined;
  #waiter: ((result: IteratorResult<T, undefined>) => void) | undefined;
  closed = false;

  constructor(take: () => T | undefined) {
    this.#take = take;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const value = this.closed ? undefined : this.#take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiter = resolve);
  }

  /** There may be something. */
  wake(): void {
    if (this.#waiter === undefined) return;
    const value = this.#take();
    if (value === undefined) return;
    const resolve = this.#waiter;
    this.#waiter = undefined;
    resolve({ done: false, value });
  }

  close(): void {
    this.closed = true;
    this.#waiter?.({ done: true, value: undefined });
    this.#waiter = undefined;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A socket as {@link MessageSocket} describes it. */
class SimulatedSocket implements MessageSocket {
  readonly #core: Core;
  readonly #connected = new Set<string>();
  readonly #inbox: Message[] = [];
  readonly #news: PeerEvent[] = [];
  readonly #messages: Waiting<Batch>;
  readonly #peers = new Waiting<PeerEvent>(() => this.#news.shift());
  readonly #process: Process;
  #watched = false;
  #sent = 0;
  #unsent = 0;
  #received = 0;
  #streak = 0;
  #resting = false;
  closed = false;

  constructor(network: Network, kind: SocketKind, options: CompleteOptions) {
    this.#process = network.world.current!;
    this.#messages = new Waiting(() => this.#read());
    this.#core = new Core(network, this.#process, kind, options, {
      received: (message) => {
        if (this.closed) return;
        this.#inbox.push(message);
        this.#streak = 0;
        this.#messages.wake();
      },
      event: (event) => {
        if (this.closed || !this.#watched) return;
        this.#news.push(event);
        this.#peers.wake();
      },
    });
  }

  get counters(): { sent: number; unsent: number; received: number } {
    return { sent: this.#sent, unsent: this.#unsent, received: this.#received };
  }

  bind(endpoint: string): string {
    if (this.closed) throw new PubsubError(`Cannot listen on ${endpoint}: the socket is closed`);
    return this.#core.bind(endpoint);
  }

  connect(endpoint: string): void {
    if (this.closed) throw new PubsubError(`Cannot connect to ${endpoint}: the socket is closed`);
    if (this.#connected.has(endpoint)) return;
    this.#connected.add(endpoint);
    this.#core.connect(endpoint);
  }

  disconnect(endpoint: string): void {
    if (!this.closed && this.#connected.delete(endpoint)) this.#core.disconnect(endpoint);
  }

  send(frames: Uint8Array | Uint8Array[]): boolean {
    const queued = !this.closed && this.#core.send(Array.isArray(frames) ? frames : [frames]);
    if (queued) this.#sent++;
    else this.#unsent++;
    return queued;
  }

  messages(): AsyncIterableIterator<Batch, undefined> {
    return this.#messages;
  }

  peers(): AsyncIterableIterator<PeerEvent, undefined> {
    this.#watched = true;
    return this.#peers;
  }

  #read(): Batch | undefined {
    if (this.#inbox.length === 0 || this.#resting) return undefined;
    if (this.#streak >= STREAK) {
      this.#resting = true;
      this.#process.world.after(0, this.#process, () => {
        this.#resting = false;
        this.#streak = 0;
        this.#messages.wake();
      });
      return undefined;
    }
    this.#streak++;
    let bytes = 0;
    let count = 0;
    while (count < this.#inbox.length && count < BATCH_MESSAGES && bytes < BATCH_BYTES) {
      for (const frame of this.#inbox[count++]!) bytes += frame.length;
    }
    this.#received += count;
    return this.#inbox.splice(0, count);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#core.close();
    this.#messages.close();
    this.#peers.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** What goes in at one side comes out at the other one. */
class SimulatedForwarder implements MessageForwarder {
  readonly ended: Promise<void>;
  readonly ingress: readonly string[];
  readonly egress: readonly string[];
  readonly #cores: readonly Core[];
  readonly #end = Promise.withResolvers<void>();

  constructor(network: Network, options: ForwarderOptions) {
    const process = network.world.current!;
    const down = completeOptions("xsub", { ...options, sendHighWaterMark: 0 });
    const up = completeOptions("xpub", options);
    const event = () => {};
    const ingress: Core = new Core(network, process, "xsub", down, {
      received: (message) => egress.pass(message),
      event,
    });
    const egress: Core = new Core(network, process, "xpub", up, {
      received: (message) => ingress.pass(message),
      event,
    });
    this.#cores = [ingress, egress];
    this.ingress = options.ingress.map((endpoint) => ingress.bind(endpoint));
    this.egress = options.egress.map((endpoint) => egress.bind(endpoint));
    this.ended = this.#end.promise;
  }

  restart(): void {
    throw new Error("Nobody floods a simulated forwarder");
  }

  close(): Promise<void> {
    for (const core of this.#cores) core.close();
    this.#end.resolve();
    return Promise.resolve();
  }
}

/** Sockets in the process whose event is under way. */
export function simulatedSockets(network: Network): Sockets {
  return {
    socket: (kind, options) => new SimulatedSocket(network, kind, completeOptions(kind, options)),
    forwarder: (options) => new SimulatedForwarder(network, options),
    guard: () => ({ [Symbol.dispose]() {} }),
  };
}
