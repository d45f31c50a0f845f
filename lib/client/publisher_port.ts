/**
 * A publisher's way out and in: one XPUB socket that subscribers connect to, and that is itself connected to the ingress
 * of every live broker; and the guard of what peers may make it keep.
 *
 * Before it is opened, and after it is closed, what is sent is lost, and nobody is connected to.
 */
import { Ingresses } from "./ingresses.ts";
import type { Unreached } from "./unreached.ts";
import type { Lifecycle } from "../base/lifecycle.ts";
import type { Heartbeats } from "../model/control_heartbeats.ts";
import { advertised, type Place, tcpEndpoint } from "../net/local_address.ts";
import { isUpstreamFor, MAX_UPSTREAM_AT_PUBLISHER } from "../wire/upstream.ts";
import { portOf, UPSTREAM } from "../zmq/memory_guard.ts";
import { guardMemory, type MessageSocket, openSocket } from "../zmq/sockets.ts";

/** Messages that may wait for one peer: above what flow control allows in flight. */
const HIGH_WATER_MARK = 4096;

/** The port of one publisher. */
export class PublisherPort {
  readonly #publisher: string;
  readonly #idBytes: Uint8Array;
  readonly #life: Lifecycle;
  readonly #onUpstream: (bytes: Uint8Array) => void;
  #socket: MessageSocket | undefined;
  #ingresses: Ingresses | undefined;
  #memoryGuard: Disposable | undefined;
  #endpoint = "";

  /**
   * @param life fails with it.
   * @param onUpstream called with each message that comes against the stream of samples.
   */
  constructor(publisher: string, life: Lifecycle, onUpstream: (bytes: Uint8Array) => void) {
    this.#publisher = publisher;
    this.#idBytes = new TextEncoder().encode(publisher);
    this.#life = life;
    this.#onUpstream = onUpstream;
  }

  /** Where subscribers connect to; empty when none can, or it is not open. */
  get endpoint(): string {
    return this.#endpoint;
  }
  /** Messages sent. */
  get sent(): number {
    return this.#socket?.counters.sent ?? 0;
  }
  /** Brokers that there is no connection to. */
  get down(): Unreached[] {
    return this.#ingresses?.down ?? [];
  }

  /**
   * Open it.
   *
   * @param listen where subscribers connect to; undefined when there are only brokers between.
   * @throws {PubsubError} "Cannot listen on …"
   */
  open({ heartbeatIntervalMs, heartbeatTimeoutMs }: Heartbeats, listen?: Place & { port: number }): void {
    const socket = this.#socket = openSocket("xpub", {
      sendHighWaterMark: HIGH_WATER_MARK,
      maxMessageSize: MAX_UPSTREAM_AT_PUBLISHER,
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
      linger: 1000,
    });
    if (listen !== undefined) {
      const bound = socket.bind(tcpEndpoint(listen.at, listen.port));
      this.#endpoint = advertised(listen.host, bound);
      const allowances = new Map([[portOf(bound), UPSTREAM]]);
      this.#memoryGuard = guardMemory({ owner: this.#publisher, allowances });
    }
    const ingresses = this.#ingresses = new Ingresses(socket);
    this.#life.own(this.#receive(socket, ingresses));
    this.#life.own(ingresses.watch());
  }

  async #receive(socket: MessageSocket, ingresses: Ingresses): Promise<void> {
    for await (const messages of socket.messages()) {
      for (const frames of messages) {
        const bytes = frames[0]!;
        if (frames.length !== 1) continue;
        if (isUpstreamFor(bytes, this.#idBytes)) this.#onUpstream(bytes);
        else if (bytes[0]! <= 1) ingresses.subscribed(bytes[0] === 1 ? bytes.length : -bytes.length);
      }
    }
  }

  /** Send a message to whoever has subscribed to its key. */
  send(message: Uint8Array): void {
    this.#socket?.send(message);
  }

  /** Be connected to the ingresses of these brokers and no others. */
  reach(brokers: readonly string[]): void {
    this.#ingresses?.reach(brokers);
  }

  /** Whether this is the ingress of one of them. */
  reaches(endpoint: string): boolean {
    return this.#ingresses?.has(endpoint) ?? false;
  }

  async close(): Promise<void> {
    this.#ingresses?.close();
    this.#memoryGuard?.[Symbol.dispose]();
    await this.#socket?.[Symbol.asyncDispose]();
  }
}
