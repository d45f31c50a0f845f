/**
 * What a session is at a given moment, by our own clock. Pure: the time is a parameter.
 *
 * The server expires a session when it has heard nothing from it for the session timeout. Every answer proves that
 * the server has heard the request it answers, which we sent at a known time; so the session certainly lives until
 * that time plus the timeout, and nobody else can have been given what depends on it before. Past that moment it is
 * lost for us, whatever the server thinks, and it never comes back.
 *
 *     connecting → connected ⇄ suspended → lost
 *
 * connected: attached, and an answer to something sent within 2/3 of the timeout. suspended: detached, or silent for
 * longer. lost: silent for the whole timeout, or expired by the server's word.
 *
 * The clock is monotonic. It does not run while the machine itself is suspended (a closed laptop): then a session can
 * seem to live for up to a quarter of its timeout, until the next ping. And the leader of an ensemble hears of a sign
 * of life from the member we are attached to, up to half a tick later: when that member dies in between, it counts from
 * the one before. Epochs cover both.
 */

/** What a logical client is; `closed` is its own end. */
export type SessionState = "connecting" | "connected" | "suspended" | "lost" | "closed";

/** The state of one session (a logical client adds `closed`). */
export type OneSessionState = Exclude<SessionState, "closed">;

/** The share of the timeout after which silence suspends. */
const SILENCE = 2 / 3;

/** The lease of one session. Feed it what happened; ask it what the session is at a moment. */
export class SessionLease {
  #timeoutMs = 0;
  #provenAt: number | undefined;
  #attached = false;
  #over = false;

  /** The negotiated timeout in milliseconds; 0 before the first handshake. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** When the newest request was sent that the server is known to have heard. */
  get provenAt(): number | undefined {
    return this.#provenAt;
  }

  /**
   * A handshake sent at `sentAt` was answered.
   *
   * @returns false when the session was already lost: it must not be used.
   */
  attached(sentAt: number, timeoutMs: number, now: number): boolean {
    if (this.at(now) === "lost") {
      this.#over = true;
      return false;
    }
    this.#attached = true;
    this.#timeoutMs = timeoutMs;
    this.#prove(sentAt);
    return this.at(now) !== "lost";
  }

  /** The connection is gone; the session may live on. */
  detached(): void {
    this.#attached = false;
  }

  /** A request sent at `sentAt` was answered. Too late an answer does not revive a lost session. */
  proven(sentAt: number, now: number): void {
    if (this.at(now) === "lost") this.#over = true;
    else this.#prove(sentAt);
  }

  /** The session is over: the server said so, or it was closed. */
  end(): void {
    this.#over = true;
    this.#attached = false;
  }

  /** What the session is at `now`. */
  at(now: number): OneSessionState {
    if (this.#over) return "lost";
    if (this.#provenAt === undefined) return "connecting";
    if (now >= this.#provenAt + this.#timeoutMs) return "lost";
    if (!this.#attached || now >= this.#provenAt + this.#timeoutMs * SILENCE) return "suspended";
    return "connected";
  }

  /** The next moment at which {@link at} changes by itself; undefined when it does not. */
  nextChange(now: number): number | undefined {
    if (this.#provenAt === undefined) return undefined;
    switch (this.at(now)) {
      case "connected":
        return this.#provenAt + this.#timeoutMs * SILENCE;
      case "suspended":
        return this.#provenAt + this.#timeoutMs;
      default:
        return undefined;
    }
  }

  #prove(sentAt: number): void {
    if (this.#provenAt === undefined || sentAt > this.#provenAt) this.#provenAt = sentAt;
  }
}
