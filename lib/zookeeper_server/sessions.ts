/**
 * Sessions and when they end.
 *
 * A session lives for its time-out after the last frame of its client. Its clock is not the wall's: it stands
 * still while this process did (a long garbage collection, a suspended laptop), because then no client could
 * have been heard. So a stall of the server expires nobody, and a session is never ended before its time-out,
 * and at most a step and a bucket after it.
 *
 * A lost connection does not end a session: the client attaches again with the password. Pure: `now` is a
 * parameter, in milliseconds of a monotonic clock.
 */

/** One session. `peer` is the connection that is attached to it now. */
export interface Session<P> {
  readonly id: number;
  readonly password: Uint8Array;
  timeout: number;
  peer: P | null;
  /** The expiry bucket it is in; 0 when it is not tracked. */
  bucket: number;
}

/** All live sessions of a server. */
export class SessionTable<P> {
  readonly #sessions = new Map<number, Session<P>>();
  readonly #buckets = new Map<number, Set<Session<P>>>();
  readonly #bucketMs: number;
  readonly #longestStepMs: number;
  #clock = 0;
  #lastNow: number;
  #swept: number;

  /**
   * @param options.bucketMs how finely deadlines are told apart
   * @param options.longestStepMs the most that one step of `now` counts: more was a stall
   */
  constructor(options: { bucketMs: number; longestStepMs: number; now: number }) {
    this.#bucketMs = options.bucketMs;
    this.#longestStepMs = options.longestStepMs;
    this.#lastNow = options.now;
    this.#swept = 1;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(id: number): Session<P> | undefined {
    return this.#sessions.get(id);
  }

  all(): IterableIterator<Session<P>> {
    return this.#sessions.values();
  }

  /** Tell the time. Call it before touching sessions and before sweeping. */
  advance(now: number): void {
    const step = now - this.#lastNow;
    if (step <= 0) return;
    this.#lastNow = now;
    this.#clock += Math.min(step, this.#longestStepMs);
  }

  add(id: number, password: Uint8Array, timeout: number): Session<P> {
    const session: Session<P> = { id, password, timeout, peer: null, bucket: 0 };
    this.#sessions.set(id, session);
    this.touch(session);
    return session;
  }

  /** The client was heard: its session lives for another time-out from now. */
  touch(session: Session<P>): void {
    const bucket = Math.max(this.#swept, Math.ceil((this.#clock + session.timeout) / this.#bucketMs));
    if (bucket === session.bucket) return;
    this.#leaveBucket(session);
    const set = this.#buckets.get(bucket);
    if (set === undefined) this.#buckets.set(bucket, new Set([session]));
    else set.add(session);
    session.bucket = bucket;
  }

  remove(session: Session<P>): void {
    this.#leaveBucket(session);
    this.#sessions.delete(session.id);
  }

  #leaveBucket(session: Session<P>): void {
    const set = this.#buckets.get(session.bucket);
    session.bucket = 0;
    if (set === undefined) return;
    set.delete(session);
  }

  /** The sessions whose time is over. They stay in the table until they are removed. */
  sweep(): Session<P>[] {
    const current = Math.floor(this.#clock / this.#bucketMs);
    const over: Session<P>[] = [];
    for (let bucket = this.#swept; bucket <= current; bucket++) {
      over.push(...this.#buckets.get(bucket) ?? []);
      this.#buckets.delete(bucket);
    }
    for (const session of over) session.bucket = 0;
    this.#swept = current + 1;
    return over;
  }
}

/** Whether two passwords are the same. */
export function samePassword(a: Uint8Array, b: Uint8Array | null): boolean {
  if (b === null || a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
