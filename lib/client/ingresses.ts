/**
 * The brokers that a publisher sends through: its socket is connected to the ingress of each of them, and to no other.
 *
 * Guarantee: a broker that cannot be reached, or whose name nobody knows, costs the others nothing. What was subscribed
 * to through a connection that is lost stays with the library, for its queue to go on where it was; but not when that
 * may be much: who subscribed may not be there any more, and its withdrawal has not come.
 */
import { monotonic } from "../base/clock.ts";
import { Reach } from "../net/reach.ts";
import type { Unreached } from "./unreached.ts";
import type { MessageSocket } from "../zmq/sockets.ts";

/** Subscriptions of so many bytes are much: each costs the library fifty times that. */
const MUCH_BYTES = 1024 * 1024;

/** One of them. */
interface Ingress {
  readonly reach: Reach;
  /** Monotonic milliseconds since when there is no connection; undefined while it stands. */
  downSince: number | undefined;
}

/** Connections to brokers. */
export class Ingresses {
  readonly #socket: MessageSocket;
  readonly #ingresses = new Map<string, Ingress>();
  #subscribed = 0;

  constructor(socket: MessageSocket) {
    this.#socket = socket;
  }

  /** Be connected to these and no others. */
  reach(endpoints: readonly string[]): void {
    const wanted = new Set(endpoints);
    for (const [endpoint, { reach }] of this.#ingresses) {
      if (wanted.has(endpoint)) continue;
      reach.close();
      this.#ingresses.delete(endpoint);
    }
    for (const endpoint of wanted) {
      if (this.#ingresses.has(endpoint)) continue;
      const reach = new Reach(this.#socket, endpoint);
      this.#ingresses.set(endpoint, { reach, downSince: monotonic() });
    }
  }

  /** A first subscription to a key has come, of so many bytes, or (a negative number) the last one was withdrawn. */
  subscribed(bytes: number): void {
    this.#subscribed = Math.max(0, this.#subscribed + bytes);
  }

  /** Whether this is one of them. */
  has(endpoint: string): boolean {
    return this.#ingresses.has(endpoint);
  }

  /** Those that there is no connection to. */
  get down(): Unreached[] {
    return [...this.#ingresses].filter(([, { downSince }]) => downSince !== undefined).map(
      ([endpoint, { reach: { problem }, downSince }]) => (
        { kind: "broker", id: "", endpoint, since: downSince!, topics: [], problem }
      ),
    );
  }

  /** Follows what happens to the connections until the socket is closed. */
  async watch(): Promise<void> {
    for await (const { type, endpoint } of this.#socket.peers()) {
      for (const ingress of this.#ingresses.values()) {
        if (ingress.reach.numeric !== endpoint) continue;
        const { reach } = ingress;
        if (type === "connected" || (type === "retrying" && !reach.up)) continue;
        if (type === "disconnected" && reach.up && this.#subscribed > MUCH_BYTES) reach.renew();
        if (type !== "handshaken" && !reach.up) reach.rebuffed();
        reach.up = type === "handshaken";
        ingress.downSince = ingress.reach.up ? undefined : ingress.downSince ?? monotonic();
      }
    }
  }

  /** Look no name up any more. The connections end with the socket. */
  close(): void {
    for (const { reach } of this.#ingresses.values()) reach.close();
    this.#ingresses.clear();
  }
}
