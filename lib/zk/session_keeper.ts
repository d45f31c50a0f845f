/**
 * Keeps a session: when one is lost, opens the next. The state of the logical client, by the clock.
 *
 * Guarantees: `state`, `session` and `acting` are computed at the moment of asking. After a lost session the state
 * stays `lost` until the next one is connected. A session that ends at once is not followed by the next at once.
 */
import { monotonic } from "../base/clock.ts";
import { Conflated } from "../base/conflated.ts";
import { CoordinationError } from "../base/errors.ts";
import { Latch } from "../base/latch.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import type { SessionState } from "./session_state.ts";

/** One session with the ensemble. */
export interface Session {
  readonly id: bigint;
  /** 1 for the first session of this client, and so on. */
  readonly generation: number;
  /** The negotiated timeout. */
  readonly timeoutMs: number;
  /** Aborted once: the session expired, timed out by our own clock, or was closed. */
  readonly lost: AbortSignal;
}

const CLOSE_DEADLINE_MS = 1_000;
/** A session that lasted shorter than this is followed by a pause of the same length. */
const SHORT_MS = 250;

export class SessionKeeper {
  readonly #options: ConnectionOptions;
  readonly #states = new Conflated<SessionState>();
  readonly #waiters = new Set<Latch>();
  /** Connections of lost sessions that are still being closed with the server. */
  readonly #retired = new Set<Connection>();
  #connection: Connection;
  #openedAt = 0;
  #session: Session | undefined;
  #generation = 0;
  #operations = 0;
  #bytesIn = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> | undefined;

  /** Starts to connect in the background. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#connection = this.#open(0);
    this.#states.publish("connecting");
  }

  /** The connection of the current or coming session. */
  get connection(): Connection {
    return this.#connection;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get state(): SessionState {
    if (this.closed) return "closed";
    const state = this.#connection.at(monotonic());
    return state === "connecting" && this.#generation > 0 ? "lost" : state;
  }

  get session(): Session | undefined {
    const { state } = this;
    return state === "connected" || state === "suspended" ? this.#session : undefined;
  }

  /** Operations sent and bytes received, over all sessions. */
  get totals(): { operations: number; bytesIn: number } {
    return {
      operations: this.#operations + this.#connection.operations,
      bytesIn: this.#bytesIn + this.#connection.bytesIn,
    };
  }

  async connected(signal?: AbortSignal): Promise<Session> {
    const latch = new Latch();
    const signals = signal === undefined ? [] : [signal];
    this.#waiters.add(latch);
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (this.closed) throw new CoordinationError("CLOSED", "This ZooKeeper client was closed");
        if (this.state === "connected") return this.#session!;
        await latch.wait(...signals);
      }
    } finally {
      this.#waiters.delete(latch);
    }
  }

  changes(signal?: AbortSignal): AsyncIterable<SessionState> {
    return this.#states.values(signal);
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#closing = promise;
      void this.#close().then(resolve);
    }
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#renewal);
    this.#publish();
    this.#states.end();
    for (const connection of this.#retired) connection.abandon();
    await this.#connection.close(CLOSE_DEADLINE_MS);
    await Promise.all([...this.#retired].map((connection) => connection.ended));
  }

  #open(pauseMs: number): Connection {
    const connection: Connection = new Connection(this.#options, () => {
      if (connection === this.#connection) this.#changed();
    });
    this.#openedAt = monotonic();
    this.#renewal = setTimeout(() => connection.start(), pauseMs);
    return connection;
  }

  /** Something may have changed on the current connection. */
  #changed(): void {
    if (this.closed) return;
    const connection = this.#connection;
    if (connection.lost.aborted) this.#renew();
    else if (connection.at(monotonic()) === "connected" && this.#session?.lost !== connection.lost) {
      this.#generation += 1;
      this.#session = Object.freeze({
        id: connection.id,
        generation: this.#generation,
        timeoutMs: connection.timeoutMs,
        lost: connection.lost,
      });
    }
    this.#publish();
  }

  #renew(): void {
    const old = this.#connection;
    this.#operations += old.operations;
    this.#bytesIn += old.bytesIn;
    this.#retired.add(old);
    void old.ended.then(() => this.#retired.delete(old));
    this.#connection = this.#open(monotonic() - this.#openedAt < SHORT_MS ? SHORT_MS : 0);
  }

  #publish(): void {
    const { state } = this;
    if (state === this.#states.value) return;
    this.#states.publish(state);
    for (const latch of this.#waiters) latch.set();
  }
}
