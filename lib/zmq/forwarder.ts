/**
 * The data path of a broker: XSUB ingress, XPUB egress, and between them the library's proxy on a native thread.
 * JavaScript never touches a message.
 *
 * Guarantee: forwards from the moment the constructor returns, in both directions (samples down; subscriptions and
 * other messages up, to every publisher), until it is closed. A subscriber that does not keep up loses what exceeds
 * its high-water mark and holds up nobody; what goes up is dropped for no publisher, however slow it is. A
 * signal that hits the very thread (the system gives a process's signals to its main thread) may cost the message in
 * hand. If the proxy ends by itself, or does not end when it is told to, `ended` rejects with the reason.
 */
import { PubsubError } from "../base/errors.ts";
import { contextsEnded } from "./context.ts";
import { zmq } from "./library.ts";
import { openRawSocket, type SocketOptions } from "./options.ts";
import { EndWatch, keepRunning, retry } from "./proxy_run.ts";
import { PAIR, RawSocket } from "./raw_socket.ts";

/** Endpoints to listen on, and options of both sockets; the high-water mark is the egress's. */
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

/** A proxy that does not come to its end for so long is left to itself. */
const PATIENCE_MS = 5000;
const TERMINATE = new TextEncoder().encode("TERMINATE");
let opened = 0;

/** A socket that listens. */
interface Side {
  socket: RawSocket;
  /** The real endpoints. */
  endpoints: string[];
}

/** A running forwarder. */
export class Forwarder implements AsyncDisposable {
  /** Resolves when the forwarder was closed; rejects if it ended by itself. */
  readonly ended: Promise<void>;
  /** The real endpoints that publishers connect to. */
  readonly ingress: string[];
  /** The real endpoints that subscribers connect to. */
  readonly egress: string[];
  readonly #options: ForwarderOptions;
  readonly #sockets: RawSocket[] = [];
  #control: RawSocket | undefined;
  #closing = false;
  #restarting = false;
  readonly #end = new EndWatch(PATIENCE_MS);

  /** @throws {PubsubError} "Cannot listen on …" */
  constructor(options: ForwarderOptions) {
    if (options.ingress.length === 0 || options.egress.length === 0) {
      throw new PubsubError("A forwarder needs an ingress and an egress endpoint");
    }
    this.#options = options;
    try {
      const [ingress, egress] = this.#open(options.ingress, options.egress);
      [this.ingress, this.egress] = [ingress.endpoints, egress.endpoints];
      this.ended = Promise.race([this.#run(ingress.socket, egress.socket), this.#end.stuck]);
    } catch (error) {
      this.#closeSockets();
      throw error;
    }
    // Whoever awaits `ended` sees the failure; nobody has to. Nothing begins anew after it.
    this.ended.catch(() => this.#closing = true);
  }

  /** Both sockets, listening. */
  #open(ingress: string[], egress: string[]): [Side, Side] {
    const { maxUpstreamSize: maxMessageSize } = this.#options;
    const upstream = { ...this.#options, ...(maxMessageSize !== undefined && { maxMessageSize }) };
    // A subscription that is dropped is never noticed, and a withdrawal stays for good.
    const downstream = { ...this.#options, sendHighWaterMark: 0 };
    return [
      this.#listen(openRawSocket("xsub", downstream), ingress),
      this.#listen(openRawSocket("xpub", upstream), egress),
    ];
  }

  #listen(socket: RawSocket, endpoints: string[]): Side {
    this.#sockets.push(socket);
    return { socket, endpoints: endpoints.map((endpoint) => socket.bind(endpoint)) };
  }

  async #run(ingress: RawSocket, egress: RawSocket): Promise<void> {
    try {
      for (;;) {
        await this.#forward(ingress, egress);
        this.#end.ended();
        if (!this.#restarting || this.#closing) return;
        const [first, second] = await retry(() => {
          // The library lets go of the ports some moments later.
          this.#closeSockets();
          return this.#open(this.ingress, this.egress);
        });
        [ingress, egress] = [first.socket, second.socket];
        this.#restarting = false;
      }
    } finally {
      this.#end.ended();
      this.#closeSockets();
    }
  }

  async #forward(ingress: RawSocket, egress: RawSocket): Promise<void> {
    const steering = new RawSocket(PAIR);
    this.#sockets.push(steering);
    const control = this.#control = new RawSocket(PAIR);
    this.#sockets.push(control);
    const endpoint = `inproc://forwarder-${++opened}`;
    steering.bind(endpoint);
    control.connect(endpoint);
    // It was told to end while it was not running.
    if (this.#closing) return;
    const proxy = async () =>
      await zmq().zmq_proxy_steerable(ingress.handle, egress.handle, null, steering.handle) === 0;
    await keepRunning(proxy, () => this.#closing || this.#restarting, () => performance.now());
  }

  #closeSockets(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }

  /**
   * Give up all connections and begin anew. What is under way is lost; peers connect again by themselves. The proxy
   * works off what it has taken in before it sees this; when that takes longer than 5 s, `ended` rejects
   * with a `StuckError`.
   */
  restart(): void {
    if (this.#closing || this.#restarting) return;
    this.#restarting = true;
    this.#control?.send(TERMINATE);
    this.#end.told();
  }

  /** Stop forwarding and close both sockets. Idempotent; never rejects, and does not wait for a proxy that is stuck. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#control?.send(TERMINATE);
      this.#end.told();
    }
    await this.ended.catch(() => {});
    this.#end.ended();
    await contextsEnded();
  }

  /** The same as {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
