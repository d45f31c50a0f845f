/**
 * One socket of the library: options, endpoints, sending and receiving without ever waiting. Synchronous throughout.
 *
 * Guarantee: no call blocks, and messages are sent and received whole.
 */
import { PubsubError } from "../base/errors.ts";
import { acquireContext, releaseContext } from "./context.ts";
import { checkEndpoint, endpointError } from "../net/endpoint.ts";
import { FrameMemory, SHARED_FRAME_BYTES } from "./frame_memory.ts";
import { cString, failure, type Handle, interrupted, size, zmq } from "./library.ts";
import { checkDescriptor } from "./limits.ts";
import { copyFrom } from "./poll.ts";

const DONTWAIT = 1;
const SNDMORE = 2;
const POLLIN = 1;

/** The library's numbers of options, for reading. */
const FD = 14, EVENTS = 15, LAST_ENDPOINT = 32, IPV6 = 42;

/** ZMQ_PAIR */
export const PAIR = 0;

/** A zmq_msg_t (64 bytes) that is used again for every frame. An ArrayBuffer of its own never moves. */
const message = new Uint8Array(new ArrayBuffer(64));
let messageReady = false;
/** Whether the message has frames after the one last received. */
let more = false;
const memory = new FrameMemory();
/** For reading integer options. */
const integer = new Int32Array(new ArrayBuffer(4));
const integerSize = new BigUint64Array(new ArrayBuffer(8));

/** A received frame that nobody holds any more. */
export function giveBack(frame: Uint8Array): void {
  memory.giveBack(frame as Uint8Array<ArrayBuffer>);
}

/** A raw socket. */
export class RawSocket {
  #handle: Handle | null;
  #forListening: { option: number; listening: number; otherwise: number } | undefined;
  /** Becomes readable when something has changed: edge-triggered. */
  readonly descriptor: number;

  /** @param type the library's number for the kind of socket */
  constructor(type: number) {
    if (!messageReady) messageReady = zmq().zmq_msg_init(message) === 0;
    const handle = zmq().zmq_socket(acquireContext(), type);
    if (handle === null) {
      const reason = failure();
      releaseContext();
      throw new PubsubError(`Cannot open a ZeroMQ socket: ${reason} (see ulimit -n)`);
    }
    this.#handle = handle;
    this.descriptor = this.#integer(FD);
    try {
      checkDescriptor(this.descriptor);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** For functions of the library that take whole sockets. Null once closed, which they refuse. */
  get handle(): Handle | null {
    return this.#handle;
  }

  /** Set an option that is a 32-bit integer. */
  setInteger(option: number, value: number): void {
    this.setBytes(option, new Uint8Array(new Int32Array([value]).buffer));
  }

  /** Have an option other values for endpoints that are listened on than otherwise. One option a socket. */
  setForListening(option: number, listening: number, otherwise: number): void {
    this.#forListening = { option, listening, otherwise };
  }

  /** Set an option that is a 64-bit integer. */
  setLong(option: number, value: number): void {
    this.setBytes(option, new Uint8Array(new BigInt64Array([BigInt(value)]).buffer));
  }

  /** Set an option that is a string of bytes. */
  setBytes(option: number, value: Uint8Array<ArrayBuffer>): void {
    if (zmq().zmq_setsockopt(this.#handle, option, value, size(value.length)) === 0) return;
    throw new PubsubError(`ZeroMQ does not take this value of its option ${option}: ${failure()}`);
  }

  #integer(option: number): number {
    integerSize[0] = 4n;
    return zmq().zmq_getsockopt(this.#handle, option, integer, integerSize) === 0 ? integer[0] as number : 0;
  }

  /** Whether a message can be read. Asking makes the library process what happened to its connections. */
  readable(): boolean {
    return (this.#integer(EVENTS) & POLLIN) !== 0;
  }

  /** Listen: on an address, `*`, or an interface by its name. @returns the real endpoint */
  bind(endpoint: string): string {
    checkEndpoint("listen on", endpoint, isInterface);
    this.#prepare(endpoint);
    const special = this.#forListening;
    if (special) this.setInteger(special.option, special.listening);
    const failed = zmq().zmq_bind(this.#handle, cString(endpoint)) < 0;
    const reason = failed ? failure() : "";
    if (special) this.setInteger(special.option, special.otherwise);
    if (failed) throw endpointError("listen on", endpoint, reason);
    const name = new Uint8Array(1024);
    const length = new BigUint64Array([1024n]);
    zmq().zmq_getsockopt(this.#handle, LAST_ENDPOINT, name, length);
    return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
  }

  /** Connect, in the background, to an address: names are looked up before (`reach.ts`). */
  connect(endpoint: string): void {
    checkEndpoint("connect to", endpoint);
    this.#prepare(endpoint);
    if (zmq().zmq_connect(this.#handle, cString(endpoint)) < 0) {
      throw endpointError("connect to", endpoint, failure());
    }
  }

  /** IPv6 addresses are written in brackets; without them only IPv4 is used. */
  #prepare(endpoint: string): void {
    this.setInteger(IPV6, endpoint.includes("[") ? 1 : 0);
  }

  /** Undo a connect. Nothing happens if there is none. */
  disconnect(endpoint: string): void {
    zmq().zmq_disconnect(this.#handle, cString(endpoint));
  }

  /** Queue one message; the bytes are copied. @returns whether it was queued */
  send(frames: Uint8Array | Uint8Array[]): boolean {
    if (frames instanceof Uint8Array) return this.#sendFrame(frames, DONTWAIT);
    const last = frames.length - 1;
    let queued = last >= 0;
    for (let index = 0; index <= last; index++) {
      const flags = index === last ? DONTWAIT : DONTWAIT | SNDMORE;
      if (this.#sendFrame(frames[index] as Uint8Array, flags)) continue;
      queued = false;
      // If the peer goes away between two frames, the library expects the rest of the message and drops it.
      if (index === 0) break;
    }
    return queued;
  }

  #sendFrame(frame: Uint8Array, flags: number): boolean {
    const bytes = frame as Uint8Array<ArrayBuffer>;
    while (zmq().zmq_send(this.#handle, bytes, size(bytes.length), flags) < 0) {
      if (!interrupted()) return false;
    }
    return true;
  }

  /** The next message, or undefined if there is none now. */
  receive(): Uint8Array[] | undefined {
    const first = this.#receiveFrame();
    if (first === undefined) return undefined;
    const frames = [first];
    while (more) {
      const frame = this.#receiveFrame();
      if (frame === undefined) break;
      frames.push(frame);
    }
    return frames;
  }

  #receiveFrame(): Uint8Array | undefined {
    const symbols = zmq();
    let length: number;
    while ((length = symbols.zmq_msg_recv(message, this.#handle, DONTWAIT)) < 0) {
      if (!interrupted()) return undefined;
    }
    const frame = memory.take(length);
    if (length > 0) copyFrom(frame, symbols.zmq_msg_data(message), length);
    more = symbols.zmq_msg_more(message) !== 0;
    if (length > SHARED_FRAME_BYTES) {
      // Give a big frame's memory back now, not when the next one comes.
      symbols.zmq_msg_close(message);
      symbols.zmq_msg_init(message);
    }
    return frame;
  }

  /** Close at once. Idempotent. */
  close(): void {
    const handle = this.#handle;
    if (handle === null) return;
    this.#handle = null;
    zmq().zmq_close(handle);
    releaseContext();
  }
}

/** Whether it stands for addresses of this machine without any lookup. */
function isInterface(name: string): boolean {
  return name === "*" || Deno.networkInterfaces().some((one) => one.name === name);
}
