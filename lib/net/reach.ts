/**
 * Keeps a socket connected to an endpoint that may have a name for its host. The name is looked up by our own resolver;
 * the socket only sees addresses.
 *
 * Guarantee: nothing here waits for a name server longer than the resolver does, and nobody else waits for it at all.
 * An address needs no look-up and is connected to at once. A name is looked up again when there has been no connection
 * for a while, as it may mean another host by then. Who takes connections and does not speak our protocol, somebody
 * else that is, or ends each at once, is left alone for longer each time: ZeroMQ itself would connect again 50 times a
 * second.
 */
import { firstConnection } from "./first_connection.ts";
import { reasonOf } from "../base/errors.ts";
import { tcpEndpoint } from "./local_address.ts";
import { isAddress } from "./host.ts";
import { type Resolver, resolver } from "./resolve.ts";
import { tcpParts } from "./endpoint.ts";

/** How often a name without a connection is looked at again. */
const PERIOD_MS = 1000;
/** After so long without a connection a name is looked up anew: the socket has tried several times by then. */
const AGAIN_MS = 5000;
/** Of a name with several addresses, the first to take a connection within this time. */
const CHOICE_MS = 1500;

/** So many connections in a row that came to nothing are made again at once, ... */
const REBUFFS_AT_ONCE = 3;
/** ... the next ones after this, doubled up to the second. */
const REBUFF_MS = 250;
const REBUFF_MAX_MS = 5000;
/** A connection that stood for so long has come to something. */
const STOOD_MS = 1000;
/** After those that stood for less the pause is no longer than this: an overloaded machine may cut what is honest. */
const STOOD_REST_MS = 1000;

/** The part of a socket that is needed. */
export interface Connecting {
  connect(endpoint: string): void;
  disconnect(endpoint: string): void;
}

/** Whether the host of this endpoint needs no look-up. */
export function isNumeric(endpoint: string): boolean {
  const parts = tcpParts(endpoint);
  return parts === undefined || isAddress(parts.host);
}

/**
 * The endpoint with an address for its host: of several, the first that takes a connection, else the first.
 *
 * @throws {PubsubError} naming the host that has no address, or whose name server does not answer; the signal's reason
 */
export async function numericEndpoint(
  endpoint: string,
  signal?: AbortSignal,
  names: Resolver = resolver,
): Promise<string> {
  const parts = tcpParts(endpoint);
  if (parts === undefined || isAddress(parts.host)) return endpoint;
  const port = Number(parts.port);
  const addresses = await names.resolve(parts.host, signal);
  if (addresses.length === 1) return tcpEndpoint(addresses[0]!, port);
  const targets = addresses.map((hostname) => ({ hostname, port }));
  const connection = await firstConnection(targets, CHOICE_MS, signal);
  connection?.close();
  signal?.throwIfAborted();
  return tcpEndpoint(connection?.remoteAddr.hostname ?? addresses[0]!, port);
}

/** One endpoint that a socket is to be connected to. */
export class Reach {
  readonly endpoint: string;
  readonly #socket: Connecting;
  readonly #names: Resolver;
  readonly #abort = new AbortController();
  #numeric: string | undefined;
  #problem: string | undefined;
  #up = false;
  #wake: (() => void) | undefined;
  #rebuffs = 0;
  #upSince = 0;
  #resting: ReturnType<typeof setTimeout> | undefined;

  /** Begins at once. */
  constructor(socket: Connecting, endpoint: string, names: Resolver = resolver) {
    this.endpoint = endpoint;
    this.#socket = socket;
    this.#names = names;
    if (isNumeric(endpoint)) this.#use(endpoint);
    else void this.#keep();
  }

  /** The endpoint in numbers that the socket is connected to, or tries to be; undefined while there is none. */
  get numeric(): string | undefined {
    return this.#numeric;
  }

  /** Why there is no address, if there is none. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Whether the connection stands; told by whoever watches the socket's peers. One that stood briefly is a rebuff, and
   * one that was given up does not stand, whatever is still told of it.
   */
  set up(value: boolean) {
    const now = performance.now();
    const stood = this.#up && !value;
    this.#up = value && this.#resting === undefined;
    if (this.#up) this.#upSince = now;
    else if (stood && now - this.#upSince < STOOD_MS) this.rebuffed(STOOD_REST_MS);
    else if (stood) this.#rebuffs = 0;
  }
  get up(): boolean {
    return this.#up;
  }

  /** Connect from the beginning: what the library keeps of the connection before, queued messages too, is dropped. */
  renew(): void {
    if (this.#numeric === undefined || this.#resting !== undefined || this.#abort.signal.aborted) return;
    this.#socket.disconnect(this.#numeric);
    this.#socket.connect(this.#numeric);
  }

  /** A connection was made and ended before anything was said; told by whoever watches the socket's peers. */
  rebuffed(mostMs = REBUFF_MAX_MS): void {
    const numeric = this.#numeric;
    if (this.#up || this.#resting !== undefined || numeric === undefined || this.#abort.signal.aborted) {
      return;
    }
    if (++this.#rebuffs <= REBUFFS_AT_ONCE) return;
    const doublings = Math.min(this.#rebuffs - REBUFFS_AT_ONCE - 1, 10);
    this.#socket.disconnect(numeric);
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      if (this.#numeric !== undefined) this.#socket.connect(this.#numeric);
    }, Math.min(mostMs, REBUFF_MS * 2 ** doublings));
  }

  /** Give it up. Idempotent. */
  close(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#wake?.();
    if (this.#numeric !== undefined && this.#resting === undefined) this.#socket.disconnect(this.#numeric);
    clearTimeout(this.#resting);
  }

  #use(numeric: string): void {
    if (numeric === this.#numeric) return;
    const isResting = this.#resting !== undefined;
    if (this.#numeric !== undefined && !isResting) this.#socket.disconnect(this.#numeric);
    this.#numeric = numeric;
    this.#rebuffs = 0;
    if (!isResting) this.#socket.connect(numeric);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        const numeric = await numericEndpoint(this.endpoint, signal, this.#names);
        if (signal.aborted) return;
        this.#problem = undefined;
        if (!this.#up) this.#use(numeric);
      } catch (error) {
        if (signal.aborted) return;
        this.#problem = reasonOf(error);
      }
      let without = 0;
      while (!signal.aborted && without < (this.#problem === undefined ? AGAIN_MS : PERIOD_MS)) {
        await this.#pause(PERIOD_MS);
        without = this.#up ? 0 : without + PERIOD_MS;
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }
}
