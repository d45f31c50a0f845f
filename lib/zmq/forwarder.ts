/**
 * The data path of a broker: XSUB ingress, XPUB egress, and between them the library's proxy on a native thread.
 * JavaScript never touches a message.
 *
 * Guarantee: forwards from the moment the constructor returns, in both directions (samples down, subscriptions and
 * other messages up), until it is closed; if the proxy ends by itself, `ended` rejects with the reason.
 */
import { PubsubError, reasonOf } from "../errors.ts";
import { endpointError } from "./endpoint.ts";
import { native } from "./native.ts";
import { bindingOptions, completeOptions, type SocketOptions } from "./options.ts";

/** Endpoints to listen on, and options of both sockets. */
export interface ForwarderOptions extends Omit<SocketOptions, "routingId" | "allSubscriptions"> {
  /** Publishers connect here. */
  ingress: string[];
  /** Subscribers connect here. */
  egress: string[];
}

/** A running forwarder. */
export class Forwarder implements AsyncDisposable {
  /** Resolves after `close()`; rejects if the proxy ended by itself. */
  readonly ended: Promise<void>;
  /** The real endpoints that publishers connect to. */
  readonly ingress: string[];
  /** The real endpoints that subscribers connect to. */
  readonly egress: string[];
  readonly #proxy: { run(): Promise<void>; terminate(): void };
  #closing = false;

  constructor(options: ForwarderOptions) {
    const zeromq = native();
    const front = new zeromq.XSubscriber(bindingOptions("xsub", completeOptions("xsub", options)));
    const back = new zeromq.XPublisher(bindingOptions("xpub", completeOptions("xpub", options)));
    try {
      this.ingress = bindAll(front, options.ingress);
      this.egress = bindAll(back, options.egress);
      this.#proxy = new zeromq.Proxy(front, back);
      this.ended = this.#watch(this.#proxy.run());
    } catch (error) {
      front.close();
      back.close();
      throw error;
    }
    this.ended.catch(() => {});
  }

  async #watch(run: Promise<void>): Promise<void> {
    try {
      await run;
    } catch (error) {
      throw new PubsubError(`The forwarder stopped: ${reasonOf(error)}`, { cause: error });
    }
    if (!this.#closing) throw new PubsubError("The forwarder stopped by itself");
  }

  /** Stop forwarding and close both sockets. Idempotent; never rejects. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      try {
        this.#proxy.terminate();
      } catch {
        // It has ended already.
      }
    }
    await this.ended.catch(() => {});
  }

  /** The same as {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface Bindable {
  bindSync(endpoint: string): void;
  readonly lastEndpoint: string | null;
}

function bindAll(socket: Bindable, endpoints: string[]): string[] {
  return endpoints.map((endpoint) => {
    try {
      socket.bindSync(endpoint);
    } catch (error) {
      throw endpointError("listen on", endpoint, error);
    }
    return socket.lastEndpoint ?? endpoint;
  });
}
