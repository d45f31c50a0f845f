/**
 * A ZeroMQ socket that cannot hang, block, throw from `send` or be garbage-collected while it is open.
 *
 * Guarantee: every message that arrives comes out of `messages()` once, in the order of its peer, as long as the
 * socket is open; when nobody iterates, nothing is read and ZeroMQ's own queues fill. Reading is bounded: one item
 * holds at most {@link BATCH_MESSAGES} messages and ends beyond {@link BATCH_BYTES} bytes, and other sockets and
 * timers get their turn in between. An open socket keeps the process alive.
 */
import { PubsubError } from "../base/errors.ts";
import { contextsEnded } from "./context.ts";
import { openRawSocket, type SocketKind, type SocketOptions } from "./options.ts";
import { type PeerEvent, PeerEvents } from "./peer_events.ts";
import type { RawSocket } from "./raw_socket.ts";
import { type Member, reactor } from "./reactor.ts";

export { giveBack } from "./raw_socket.ts";
export type { PeerEvent, SocketKind, SocketOptions };

/** The most messages of one item of `messages()`. */
export const BATCH_MESSAGES = 256;
/** An item of `messages()` is complete when it has so many bytes. */
export const BATCH_BYTES = 1024 * 1024;
/** Items handed out one after another before the rest of the process gets a turn. */
const STREAK = 4;

/** What one item of `messages()` holds: messages, each an array of its frames. */
export type Batch = Uint8Array[][];

/** A ROUTER, DEALER, XPUB or XSUB socket. */
export class Socket implements AsyncDisposable {
  readonly #raw: RawSocket;
  readonly #member: Member;
  readonly #connected = new Set<string>();
  #sent = 0;
  #unsent = 0;
  #received = 0;
  #closed = false;
  #waiter: ((result: IteratorResult<Batch, undefined>) => void) | undefined;
  /** The last look found nothing more, and nothing has changed since. */
  #drained = false;
  #streak = 0;
  #lookPlanned = false;
  #peers: PeerEvents | undefined;

  constructor(kind: SocketKind, options: SocketOptions = {}) {
    this.#raw = openRawSocket(kind, options);
    this.#member = { descriptor: this.#raw.descriptor, look: () => this.#look() };
    reactor.add(this.#member);
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
   * Listen on an endpoint such as `tcp://127.0.0.1:0`, `tcp://*:5555`, `tcp://eth0:0` or `tcp://[::1]:0`.
   *
   * @returns the real endpoint: the port in place of 0
   * @throws {PubsubError} "Cannot listen on …: address already in use"
   */
  bind(endpoint: string): string {
    this.#mustBeOpen("listen on", endpoint);
    return this.#raw.bind(endpoint);
  }

  /**
   * Connect, in the background, again and again for as long as the socket is open. Nothing happens if it already
   * is connected to this endpoint. Its host must be an address: see `reach.ts` for names.
   *
   * @throws {PubsubError} if the endpoint is not one, or has a name for its host
   */
  connect(endpoint: string): void {
    this.#mustBeOpen("connect to", endpoint);
    if (this.#connected.has(endpoint)) return;
    this.#raw.connect(endpoint);
    this.#connected.add(endpoint);
    this.#touched();
  }

  /** Undo a `connect()`; what is queued for that peer is dropped. Nothing happens if there is none. */
  disconnect(endpoint: string): void {
    if (this.#closed || !this.#connected.delete(endpoint)) return;
    this.#raw.disconnect(endpoint);
    this.#touched();
  }

  /**
   * Queue one message of one or several frames. Never blocks and never throws. The bytes are copied, so they may be
   * written to again at once.
   *
   * @returns false if it could not be queued: a dealer has no peer or its queue is full, a router has no such peer
   *   or that peer's queue is full, or the socket is closed. An xpub or xsub drops silently for a peer whose queue
   *   is full.
   */
  send(frames: Uint8Array | Uint8Array[]): boolean {
    const queued = !this.#closed && this.#raw.send(frames);
    if (queued) this.#sent++;
    else this.#unsent++;
    this.#touched();
    return queued;
  }

  /**
   * The messages as they arrive. One item is what one wake-up brought, see {@link BATCH_MESSAGES}. Ends when the
   * socket is closed. One consumer at a time; what it has not asked for yet stays in the library.
   */
  messages(): AsyncIterableIterator<Batch, undefined> {
    const iterator: AsyncIterableIterator<Batch, undefined> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => this.#next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
    return iterator;
  }

  /**
   * What happens to connections, from the first call on. Ends when the socket is closed. One consumer; leaving the
   * loop ends the watching.
   */
  peers(): AsyncIterableIterator<PeerEvent, undefined> {
    if (this.#peers === undefined || this.#peers.closed) this.#peers = new PeerEvents(this.#raw);
    return this.#peers;
  }

  #next(): Promise<IteratorResult<Batch, undefined>> {
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    if (this.#waiter !== undefined) {
      return Promise.reject(new PubsubError("Only one consumer at a time may read a socket's messages"));
    }
    if (!this.#drained) {
      if (this.#streak >= STREAK) {
        reactor.soon(this.#member);
      } else {
        this.#streak++;
        const value = this.#read();
        if (value !== undefined) return Promise.resolve({ done: false, value });
      }
    }
    return new Promise((resolve) => this.#waiter = resolve);
  }

  /** The descriptor fired, or it is time to look again. */
  #look(): boolean {
    if (this.#closed) return false;
    this.#streak = 0;
    this.#drained = false;
    if (this.#waiter !== undefined) return this.#deliver();
    // Nobody waits, but looking is what makes the library process what happened to its connections.
    this.#raw.readable();
    return false;
  }

  /** Hand what can be read to the one who waits for it. @returns whether there was something. */
  #deliver(): boolean {
    const resolve = this.#waiter;
    if (this.#closed || resolve === undefined) return false;
    const value = this.#read();
    if (value === undefined) return false;
    this.#waiter = undefined;
    resolve({ done: false, value });
    return true;
  }

  /** What can be read now, bounded; undefined if that is nothing. */
  #read(): Batch | undefined {
    const batch: Batch = [];
    let bytes = 0;
    while (batch.length < BATCH_MESSAGES && bytes < BATCH_BYTES) {
      const frames = this.#raw.receive();
      if (frames === undefined) {
        this.#drained = true;
        break;
      }
      for (const frame of frames) bytes += frame.length;
      batch.push(frames);
    }
    this.#received += batch.length;
    return batch.length > 0 ? batch : undefined;
  }

  /** A call into the library may have swallowed a change of the descriptor: look again when this task ends. */
  #touched(): void {
    this.#drained = false;
    if (this.#waiter === undefined || this.#lookPlanned) return;
    this.#lookPlanned = true;
    queueMicrotask(() => {
      this.#lookPlanned = false;
      this.#deliver();
    });
  }

  #mustBeOpen(action: string, endpoint: string): void {
    if (this.#closed) throw new PubsubError(`Cannot ${action} ${endpoint}: the socket is closed`);
  }

  /**
   * Close at once; what is not sent yet has `linger` ms in the background. Ends `messages()` and `peers()`; what was
   * not read is lost. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    reactor.remove(this.#member);
    this.#peers?.close();
    this.#raw.close();
    this.#waiter?.({ done: true, value: undefined });
    this.#waiter = undefined;
  }

  /** Close. If this was the last socket, wait until lingering is over and nothing runs any more in the background. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await reactor.settled();
    await contextsEnded();
  }
}
