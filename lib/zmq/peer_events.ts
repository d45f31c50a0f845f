/**
 * What happens to the connections of a socket, as a stream of events. The library tells them through a socket of
 * its own, which the reactor watches like any other.
 *
 * Guarantee: every event since the stream was opened comes out once, in order. They are taken from the library at
 * once, whether they are asked for or not: it would stop to wait for a reader.
 */
import { PubsubError } from "../base/errors.ts";
import { cString, failure, zmq } from "./library.ts";
import { PAIR, RawSocket } from "./raw_socket.ts";
import { type Member, reactor } from "./reactor.ts";

/** One thing that happened to a connection. */
export type PeerEvent = {
  /**
   * - connected: the transport stands.
   * - handshaken: the peer speaks our protocol, messages flow.
   * - disconnected: the connection is lost; the side that connected tries again. Without "handshaken" before it, the
   *   peer was of a kind that does not fit.
   * - refused: who connected does not speak our protocol.
   * - retrying: no connection came about, it will be tried again.
   *
   * A connection that the socket itself gives up by `disconnect()` or `close()` is not reported.
   */
  type: "connected" | "handshaken" | "disconnected" | "refused" | "retrying";
  /** The endpoint connected to; of a peer that connected to us, our own endpoint. */
  endpoint: string;
};

/**
 * The library's numbers of events. "Could not accept" (0x0040) is not among them: a process that is out of file
 * descriptors gets it without end and without a pause.
 */
const TYPES = new Map<number, PeerEvent["type"]>([
  [0x0001, "connected"],
  [0x0004, "retrying"],
  [0x0020, "connected"],
  [0x0200, "disconnected"],
  [0x0800, "refused"],
  [0x1000, "handshaken"],
  [0x2000, "refused"],
  [0x4000, "refused"],
]);
const ALL_TYPES = [...TYPES.keys()].reduce((sum, event) => sum | event, 0);

/** Events taken in one turn of the reactor. */
const EVENTS_A_TURN = 1000;

const RECEIVE_HIGH_WATER_MARK = 24;

const decoder = new TextDecoder();
let opened = 0;

/** The events of one socket. */
export class PeerEvents implements AsyncIterableIterator<PeerEvent, undefined> {
  readonly #socket: RawSocket;
  readonly #monitor: RawSocket;
  readonly #member: Member;
  readonly #queue: PeerEvent[] = [];
  #waiter: ((result: IteratorResult<PeerEvent, undefined>) => void) | undefined;
  #closed = false;

  constructor(socket: RawSocket) {
    this.#socket = socket;
    const endpoint = `inproc://peers-${++opened}`;
    if (zmq().zmq_socket_monitor(socket.handle, cString(endpoint), ALL_TYPES) < 0) {
      throw new PubsubError(`Cannot watch the peers of a socket: ${failure()}`);
    }
    this.#monitor = new RawSocket(PAIR);
    this.#monitor.setInteger(RECEIVE_HIGH_WATER_MARK, 0);
    this.#monitor.connect(endpoint);
    this.#member = { descriptor: this.#monitor.descriptor, look: () => this.#look() };
    reactor.add(this.#member);
    reactor.soon(this.#member);
  }

  /** Whether it has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  #look(): boolean {
    for (let count = 0; count < EVENTS_A_TURN; count++) {
      const message = this.#monitor.receive();
      if (message === undefined) return false;
      const [event, endpoint] = message;
      const type = event && TYPES.get(new DataView(event.buffer, event.byteOffset).getUint16(0, true));
      if (type !== undefined) this.#push({ type, endpoint: decoder.decode(endpoint) });
    }
    reactor.soon(this.#member);
    return false;
  }

  #push(value: PeerEvent): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter !== undefined) waiter({ done: false, value });
    else this.#queue.push(value);
  }

  next(): Promise<IteratorResult<PeerEvent, undefined>> {
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiter = resolve);
  }

  return(): Promise<IteratorResult<PeerEvent, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Stop watching. What was not asked for yet still comes out. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    reactor.remove(this.#member);
    zmq().zmq_socket_monitor(this.#socket.handle, null, 0);
    this.#monitor.close();
    this.#waiter?.({ done: true, value: undefined });
    this.#waiter = undefined;
  }
}
