/**
 * The data path of a broker: XSUB ingress, XPUB egress, and between them the library's proxy on a native thread.
 * JavaScript never touches a message.
 *
 * Guarantee: forwards from the moment the constructor returns, in both directions (samples down; subscriptions and
 * other messages up, to every publisher), until it is closed. A subscriber that does not keep up loses what exceeds
 * its high-water mark and holds up nobody. A signal that hits the very thread (the system gives a process's signals to
 * its main thread) may cost the message in hand. If the proxy ends by itself, `ended` rejects with the reason.
 */
import { PubsubError } from "../errors.ts";
import { contextsEnded } from "./context.ts";
import { zmq } from "./library.ts";
import { openRawSocket, type SocketOptions } from "./options.ts";
import { keepRunning } from "./proxy_run.ts";
import { PAIR, RawSocket } from "./raw_socket.ts";

/** Endpoints to listen on, and options of both sockets. */
export interface ForwarderOptions
  extends Omit<SocketOptions, "routingId" | "allSubscriptions" | "receiveHighWaterMark"> {
  /** Publishers connect here. */
  ingress: string[];
  /** Subscribers connect here. */
  egress: string[];
  /**
   * A subscriber that sends a bigger message is disconnected: what it sends goes to every publisher.
   *
   * @default the same as `maxMessageSize`
   */
  maxUpstreamSize?: number;
}

let opened = 0;

/** A running forwarder. */
export class Forwarder implements AsyncDisposable {
  /** Resolves when the forwarder was closed; rejects if it ended by itself. */
  readonly ended: Promise<void>;
  /** The real endpoints that publishers connect to. */
  readonly ingress: string[];
  /** The real endpoints that subscribers connect to. */
  readonly egress: string[];
  readonly #sockets: RawSocket[] = [];
  readonly #control: RawSocket;
  #closing = false;

  /** @throws {PubsubError} "Cannot listen on …" */
  constructor(options: ForwarderOptions) {
    if (options.ingress.length === 0 || options.egress.length === 0) {
      throw new PubsubError("A forwarder needs an ingress and an egress endpoint");
    }
    try {
      const ingress = this.#keep(openRawSocket("xsub", options));
      const egress = this.#keep(openRawSocket("xpub", {
        ...options,
        ...(options.maxUpstreamSize !== undefined && { maxMessageSize: options.maxUpstreamSize }),
      }));
      this.ingress = options.ingress.map((endpoint) => ingress.bind(endpoint));
      this.egress = options.egress.map((endpoint) => egress.bind(endpoint));
      const steering = this.#keep(new RawSocket(PAIR));
      this.#control = this.#keep(new RawSocket(PAIR));
      const endpoint = `inproc://forwarder-${++opened}`;
      steering.bind(endpoint);
      this.#control.connect(endpoint);
      this.ended = this.#run(ingress, egress, steering);
    } catch (error) {
      this.#closeSockets();
      throw error;
    }
    // Whoever awaits `ended` sees the failure; nobody has to.
    this.ended.catch(() => {});
  }

  #keep(socket: RawSocket): RawSocket {
    this.#sockets.push(socket);
    return socket;
  }

  async #run(ingress: RawSocket, egress: RawSocket, steering: RawSocket): Promise<void> {
    const proxy = async () =>
      await zmq().zmq_proxy_steerable(ingress.handle, egress.handle, null, steering.handle) === 0;
    try {
      await keepRunning(proxy, () => this.#closing, () => performance.now());
    } finally {
      this.#closeSockets();
    }
  }

  #closeSockets(): void {
    for (const socket of this.#sockets) socket.close();
  }

  /** Stop forwarding and close both sockets. Idempotent; never rejects. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#control.send(new TextEncoder().encode("TERMINATE"));
    }
    await this.ended.catch(() => {});
    await contextsEnded();
  }

  /** The same as {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
