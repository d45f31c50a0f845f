/**
 * A ZeroMQ socket that cannot hang, block, throw from `send` or be garbage-collected while it is open.
 *
 * Guarantee: every message that arrives comes out of `messages()` once, in the order of its peer, as long as the
 * socket is open; when nobody iterates, nothing is read and ZeroMQ's own queues fill. Reading is bounded: one item
 * holds at most {@link BATCH_MESSAGES} messages, and other sockets get their turn between items.
 */
import { PubsubError } from "../errors.ts";
import { endpointError } from "./endpoint.ts";
import { native, type NativeSocket } from "./native.ts";
import { bindingOptions, completeOptions, type SocketKind, type SocketOptions } from "./options.ts";
import { type PeerEvent, PeerEvents } from "./peer_events.ts";
import { reactor } from "./reactor.ts";

export type { PeerEvent, SocketKind, SocketOptions };

/** The most messages of one item of `messages()`. */
export const BATCH_MESSAGES = 256;
/** Items handed out one after another before the rest of the process gets a turn. */
const STREAK = 4;
/** ZMQ_FD */
const DESCRIPTOR_OPTION = 14;

type Batch = Uint8Array[][];
type Waiter = (result: IteratorResult<Batch, undefined>) => void;

/** A ROUTER, DEALER, XPUB or XSUB socket. */
export class Socket implements AsyncDisposable {
  readonly descriptor: number;
  readonly #kind: SocketKind;
  readonly #native: NativeSocket;
  readonly #connected = new Set<string>();
  #sent = 0;
  #unsent = 0;
  #received = 0;
  #closed = false;
  #waiter: Waiter | undefined;
  #reading = false;
  #streak = 0;
  #checkPlanned = false;
  #peers: PeerEvents | undefined;

  constructor(kind: SocketKind, options: SocketOptions = {}) {
    this.#kind = kind;
    this.#native = openNative(kind, options);
    this.descriptor = this.#native.getInt32Option(DESCRIPTOR_OPTION);
    reactor.add(this);
  }

  /** Whether `close()` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Messages so far: queued for sending, not queued (`send` said false), handed out by `messages()`. */
  get counters(): { sent: number; unsent: number; received: number } {
    return { sent: this.#sent, unsent: this.#unsent, received: this.#received };
  }

  /**
   * Listen on an endpoint such as `tcp://127.0.0.1:0`.
   *
   * @returns the real endpoint: the port in place of 0 or `*`
   * @throws {PubsubError} "Cannot listen on …: address in use"
   */
  bind(endpoint: string): string {
    this.#mustBeOpen("listen on", endpoint);
    try {
      this.#native.bindSync(endpoint);
    } catch (error) {
      throw endpointError("listen on", endpoint, error);
    }
    return this.#native.lastEndpoint ?? endpoint;
  }

  /** Connect, in the background and for as long as the socket is open. Nothing happens if it is connected to it. */
  connect(endpoint: string): void {
    this.#mustBeOpen("connect to", endpoint);
    if (this.#connected.has(endpoint)) return;
    try {
      this.#native.connect(endpoint);
    } catch (error) {
      throw endpointError("connect to", endpoint, error);
    }
    this.#connected.add(endpoint);
    this.#planCheck();
  }

  /** Undo a `connect()`. Nothing happens if the socket is not connected to it. */
  disconnect(endpoint: string): void {
    if (this.#closed || !this.#connected.delete(endpoint)) return;
    try {
      this.#native.disconnect(endpoint);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT") {
        throw endpointError("disconnect from", endpoint, error);
      }
    }
    this.#planCheck();
  }

  /**
   * Queue one message of one or several frames. Never blocks and never throws. A frame longer than 128 bytes is not
   * copied: do not write to it afterwards.
   *
   * @returns false if it could not be queued: the queue is full (dealer), the router has no such peer or its queue
   *   is full, or the socket is closed. An xpub drops for slow peers silently.
   */
  send(frames: Uint8Array | Uint8Array[]): boolean {
    const queued = !this.#closed && this.#queue(frames);
    if (queued) this.#sent++;
    else this.#unsent++;
    if (this.#waiter !== undefined) this.#planCheck();
    return queued;
  }

  #queue(frames: Uint8Array | Uint8Array[]): boolean {
    if (this.#kind === "dealer" && !this.#native.writable) return false;
    try {
      const outcome = this.#native.send(frames as Parameters<NativeSocket["send"]>[0]);
      outcome.catch(ignore);
      // Only a router's send can fail here; the promise is settled already, and inspecting it tells how.
      return this.#kind !== "router" || !Deno.inspect(outcome).startsWith("Promise {\n  <rejected>");
    } catch {
      return false;
    }
  }

  /**
   * The messages as they arrive. One item is what one wake-up brought, at most {@link BATCH_MESSAGES} messages, each
   * an array of its frames. Ends when the socket is closed. One consumer at a time.
   */
  messages(): AsyncIterableIterator<Batch, undefined> {
    const iterator: AsyncIterableIterator<Batch, undefined> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => this.#next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
    return iterator;
  }

  /** What happens to connections, from the first call on. Ends when the socket is closed. One consumer. */
  peers(): AsyncIterableIterator<PeerEvent, undefined> {
    this.#peers ??= new PeerEvents(this.#native.events);
    return this.#peers.events();
  }

  #next(): Promise<IteratorResult<Batch, undefined>> {
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    if (this.#waiter !== undefined || this.#reading) {
      return Promise.reject(new PubsubError("Only one consumer may read the messages of a socket at a time"));
    }
    return new Promise((resolve) => {
      this.#waiter = resolve;
      if (!this.#native.readable) return;
      if (this.#streak < STREAK) {
        this.#streak++;
        this.#read();
      } else {
        reactor.soon(this);
      }
    });
  }

  /** For the reactor: the descriptor fired, or it is time to look again. */
  look(): void {
    this.#streak = 0;
    // Asking is what makes the library process what happened to its connections, so ask even if nobody waits.
    if (!this.#closed && this.#native.readable) this.#read();
  }

  #read(): void {
    if (this.#waiter === undefined) return;
    const resolve = this.#waiter;
    this.#waiter = undefined;
    this.#reading = true;
    const pending: Promise<Uint8Array[]>[] = [];
    do pending.push(this.#native.receive() as Promise<Uint8Array[]>); while (
      pending.length < BATCH_MESSAGES && this.#native.readable
    );
    Promise.allSettled(pending).then((outcomes) => {
      const value: Batch = [];
      for (const outcome of outcomes) if (outcome.status === "fulfilled") value.push(outcome.value);
      this.#reading = false;
      this.#received += value.length;
      if (this.#closed) resolve({ done: true, value: undefined });
      else resolve({ done: false, value });
    });
  }

  /** A call into the library may have swallowed a change of the descriptor: look again when this task ends. */
  #planCheck(): void {
    if (this.#checkPlanned) return;
    this.#checkPlanned = true;
    queueMicrotask(() => {
      this.#checkPlanned = false;
      if (!this.#closed && this.#waiter !== undefined && this.#native.readable) this.#read();
    });
  }

  #mustBeOpen(action: string, endpoint: string): void {
    if (this.#closed) throw new PubsubError(`Cannot ${action} ${endpoint}: the socket is closed`);
  }

  /** Close at once; unsent messages have `linger` ms. Ends `messages()` and `peers()`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    reactor.remove(this);
    this.#peers?.close();
    this.#native.close();
    const resolve = this.#waiter;
    this.#waiter = undefined;
    resolve?.({ done: true, value: undefined });
  }

  /** Close, and wait until nothing runs any more on behalf of this socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await reactor.settled();
  }
}

function ignore(): void {}

function openNative(kind: SocketKind, options: SocketOptions): NativeSocket {
  const zeromq = native();
  const given = bindingOptions(kind, completeOptions(kind, options));
  switch (kind) {
    case "router":
      return new zeromq.Router(given) as unknown as NativeSocket;
    case "dealer":
      return new zeromq.Dealer(given) as unknown as NativeSocket;
    case "xpub":
      return new zeromq.XPublisher(given) as unknown as NativeSocket;
    case "xsub":
      return new zeromq.XSubscriber(given) as unknown as NativeSocket;
  }
}
