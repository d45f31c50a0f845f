/**
 * A ZeroMQ socket without its user interface, over a simulated network: its pipes to peers, who gets what, what is queued
 * and what is dropped, and when a silent peer is given up.
 */
import { PubsubError } from "../../lib/base/errors.ts";
import { latin1 } from "../../lib/wire/key.ts";
import { FrameMemory } from "../../lib/zmq/frame_memory.ts";
import type { CompleteOptions } from "../../lib/zmq/options.ts";
import type { PeerEvent, SocketKind } from "../../lib/zmq/socket.ts";
import type { Happening } from "./agenda.ts";
import { Keys } from "./keys.ts";
import type { Attempt, End, Network, Receiver } from "./network.ts";
import type { Process } from "./world.ts";

/** The frames of a message. */
export type Message = Uint8Array[];

/** Messages that the system's buffers hold of one connection, besides the socket's own queue. */
const SYSTEM_QUEUE = 200;
const SHAKE_MS = 0.2;
const CONNECT_TIMEOUT_MS = 3000;

function textOf(bytes: Uint8Array, from: number, to = bytes.length): string {
  return latin1(bytes, from, Math.min(to, bytes.length));
}

/** Frames in a slab, as the library's are: who gives one back frees it only if it has memory of its own. */
const memory = new FrameMemory();

function copyOf(message: Message): Message {
  return message.map((frame) => {
    const copy = memory.take(frame.length);
    copy.set(frame);
    return copy;
  });
}

/** Whether those who get it may hold the same memory: none of it is given back. */
function isShared(message: Message): boolean {
  return message.every(({ buffer, length }) => length < buffer.byteLength);
}

function bytesOf(first: number, key: string): Uint8Array {
  const bytes = new Uint8Array(key.length + 1);
  bytes[0] = first;
  for (let index = 0; index < key.length; index++) bytes[index + 1] = key.charCodeAt(index);
  return bytes;
}

/** The way to one peer. */
class Pipe {
  end: End<Message> | undefined;
  /** What the peer has subscribed to. */
  readonly keys = new Keys();
  /** What waits for a connection, or for the peer to take something. */
  readonly queue: Message[] = [];
  readonly route: Uint8Array<ArrayBuffer>;
  attempt: Attempt | undefined;
  retry: Happening | undefined;
  pauseMs = 0;
  silence: Happening | undefined;
  closed = false;

  /** @param endpoint what was connected to; undefined for one who connected to us. */
  constructor(readonly endpoint: string | undefined, number: number) {
    this.route = new Uint8Array(5);
    new DataView(this.route.buffer).setUint32(1, number);
  }
}

/** What a core tells its user. */
export interface User {
  received(message: Message, from: Pipe): void;
  event(event: PeerEvent): void;
}

/** A socket without its user interface: pipes, and what is sent on them. */
export class Core {
  readonly #network: Network;
  readonly #process: Process;
  readonly #kind: SocketKind;
  readonly #options: CompleteOptions;
  readonly #user: User;
  readonly #pipes = new Set<Pipe>();
  readonly #keys = new Keys();
  readonly #ports: number[] = [];
  readonly #unwatch: () => void;
  #made = 0;
  #closed = false;

  constructor(network: Network, process: Process, kind: SocketKind, options: CompleteOptions, user: User) {
    this.#network = network;
    this.#process = process;
    this.#kind = kind;
    this.#options = options;
    this.#user = user;
    this.#unwatch = network.watch(() => {
      for (const pipe of this.#pipes) this.#changed(pipe);
    });
  }

  bind(endpoint: string): string {
    const [, host, port] = /^tcp:\/\/(.*):(\d+)$/.exec(endpoint) ?? [];
    if (host === undefined) throw new PubsubError(`Cannot listen on ${endpoint}`);
    const real: number = this.#network.listen<Message>(Number(port), {
      process: this.#process,
      accept: (end) => this.#accept(end, `tcp://${host}:${real}`),
    });
    this.#ports.push(real);
    return `tcp://${host}:${real}`;
  }

  connect(endpoint: string): void {
    const pipe = new Pipe(endpoint, ++this.#made);
    this.#pipes.add(pipe);
    this.#attempt(pipe);
  }

  disconnect(endpoint: string): void {
    for (const pipe of this.#pipes) if (pipe.endpoint === endpoint) this.#drop(pipe);
  }

  close(): void {
    this.#closed = true;
    this.#unwatch();
    for (const port of this.#ports) this.#network.unlisten(this.#process, port);
    for (const pipe of [...this.#pipes]) this.#drop(pipe);
  }

  send(message: Message): boolean {
    if (this.#kind === "router") return this.#sendTo(message);
    if (this.#kind === "dealer") {
      for (const pipe of this.#pipes) return this.#put(pipe, copyOf(message));
      return false;
    }
    this.pass(copyOf(message));
    return true;
  }

  /** Send to all who want it what is not to be changed any more. */
  pass(message: Message): void {
    const first = message[0]!;
    const isOne = isShared(message);
    const put = (pipe: Pipe) => this.#put(pipe, isOne ? message : copyOf(message));
    if (this.#kind === "xsub") {
      if (first[0] === 1) this.#keys.add(textOf(first, 1));
      else if (first[0] === 0) this.#keys.delete(textOf(first, 1));
      for (const pipe of this.#pipes) if (pipe.end !== undefined) put(pipe);
      return;
    }
    let start = "";
    let read = -1;
    for (const pipe of this.#pipes) {
      const { longest } = pipe.keys;
      if (longest > read) start = textOf(first, 0, read = longest);
      if (pipe.keys.matches(start)) put(pipe);
    }
  }

  #sendTo([route, ...rest]: Message): boolean {
    for (const pipe of this.#pipes) {
      if (pipe.route.every((byte, index) => byte === route![index])) return this.#put(pipe, copyOf(rest));
    }
    return false;
  }

  /** Queue it for a peer, in order. @returns false when there is no room. */
  #put(pipe: Pipe, message: Message): boolean {
    const { sendHighWaterMark } = this.#options;
    if (pipe.end !== undefined && pipe.queue.length === 0 && pipe.end.held < SYSTEM_QUEUE) {
      pipe.end.send(message);
      return true;
    }
    if (sendHighWaterMark > 0 && pipe.queue.length >= sendHighWaterMark) return false;
    pipe.queue.push(message);
    return true;
  }

  #flush(pipe: Pipe): void {
    while (pipe.end !== undefined && pipe.queue.length > 0 && pipe.end.held < SYSTEM_QUEUE) {
      pipe.end.send(pipe.queue.shift()!);
    }
  }

  // --- connections

  #attempt(pipe: Pipe): void {
    const { world } = this.#network;
    const address = pipe.endpoint!.slice("tcp://".length);
    const late = world.after(CONNECT_TIMEOUT_MS, this.#process, () => {
      pipe.attempt?.cancel();
      failed();
    });
    const failed = () => {
      this.#user.event({ type: "retrying", endpoint: pipe.endpoint! });
      this.#again(pipe);
    };
    pipe.attempt = this.#network.connect<Message>(this.#process, address, (end) => {
      late.over = true;
      if (pipe.closed) return end?.close();
      if (end === undefined) return failed();
      this.#stands(pipe, end, pipe.endpoint!);
    });
    pipe.retry = late;
  }

  #again(pipe: Pipe): void {
    if (pipe.closed) return;
    const { reconnectIntervalMs, reconnectMaxIntervalMs } = this.#options;
    pipe.pauseMs = Math.min(reconnectMaxIntervalMs, Math.max(reconnectIntervalMs, 2 * pipe.pauseMs));
    const pause = pipe.pauseMs * (0.8 + 0.4 * this.#network.random());
    pipe.retry = this.#network.world.after(pause, this.#process, () => this.#attempt(pipe));
  }

  #accept(end: End<Message>, endpoint: string): Receiver<Message> {
    const pipe = new Pipe(undefined, ++this.#made);
    this.#pipes.add(pipe);
    return this.#stands(pipe, end, endpoint);
  }

  #stands(pipe: Pipe, end: End<Message>, endpoint: string): Receiver<Message> {
    pipe.end = end;
    pipe.pauseMs = 0;
    const receiver = {
      received: (message: Message) => this.#received(pipe, message),
      ended: () => this.#lost(pipe, endpoint),
    };
    end.receiver = receiver;
    this.#user.event({ type: "connected", endpoint });
    this.#network.world.after(SHAKE_MS, this.#process, () => {
      if (pipe.end === end) this.#user.event({ type: "handshaken", endpoint });
    });
    if (this.#kind === "xsub") { for (const key of this.#keys.all) end.send([bytesOf(1, key)]); }
    this.#flush(pipe);
    this.#changed(pipe);
    return receiver;
  }

  #lost(pipe: Pipe, endpoint: string): void {
    if (pipe.end === undefined) return;
    pipe.end = undefined;
    if (pipe.silence !== undefined) pipe.silence.over = true;
    pipe.silence = undefined;
    this.#user.event({ type: "disconnected", endpoint });
    if (pipe.endpoint === undefined) this.#drop(pipe);
    else this.#again(pipe);
  }

  /** For good. */
  #drop(pipe: Pipe): void {
    pipe.closed = true;
    this.#pipes.delete(pipe);
    pipe.attempt?.cancel();
    if (pipe.retry !== undefined) pipe.retry.over = true;
    if (pipe.silence !== undefined) pipe.silence.over = true;
    pipe.end?.close();
    pipe.end = undefined;
    if (this.#kind === "xpub" && !this.#closed) {
      for (const key of [...pipe.keys.all]) this.#withdrawn(key, pipe);
    }
  }

  /** The way to a peer may have changed: begin to wait for a sign of life, or do not any more. */
  #changed(pipe: Pipe): void {
    this.#flush(pipe);
    const { end } = pipe;
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#options;
    if (end === undefined || heartbeatIntervalMs === 0) return;
    const asks = this.#kind === "xsub" || this.#kind === "router";
    const isSilent = () =>
      this.#network.silent(end.to, end.process) || (asks && !this.#network.flows(end.process, end.to));
    if (!isSilent()) {
      if (pipe.silence !== undefined) pipe.silence.over = true;
      pipe.silence = undefined;
    } else {
      const patience = heartbeatTimeoutMs + this.#network.random() * heartbeatIntervalMs;
      pipe.silence ??= this.#network.world.after(patience, this.#process, () => {
        pipe.silence = undefined;
        if (pipe.end !== end || !isSilent()) return;
        end.close();
        this.#lost(pipe, pipe.endpoint ?? "");
      });
    }
  }

  // --- messages in

  #received(pipe: Pipe, message: Message): void {
    const first = message[0]!;
    if (this.#kind === "router") return this.#user.received([pipe.route.slice(), ...message], pipe);
    if (this.#kind !== "xpub" || message.length !== 1 || first[0]! > 1) {
      return this.#user.received(message, pipe);
    }
    const key = textOf(first, 1);
    if (first[0] === 0) return this.#withdrawn(key, pipe);
    // Of one peer a key counts once, of all only the first is told of.
    const known = !this.#options.allSubscriptions && this.#isKnown(key);
    if (!pipe.keys.has(key)) pipe.keys.add(key);
    if (!known) this.#user.received(message, pipe);
  }

  #withdrawn(key: string, pipe: Pipe): void {
    if (pipe.keys.delete(key) && !this.#isKnown(key)) this.#user.received([bytesOf(0, key)], pipe);
  }

  #isKnown(key: string): boolean {
    for (const pipe of this.#pipes) if (pipe.keys.has(key)) return true;
    return false;
  }
}
