/**
 * Answers to requests, sent in slices between the turns of the event loop, so that neither the size of an answer nor
 * their number stops a publisher.
 *
 * Guarantee: one answer a topic and subscriber is under way, the newest; what is sent in a row is bounded; and so is,
 * over time, what one subscriber gets, however often it asks: what it does not read waits in memory.
 */

/** Sent in a row, before the rest of the process has its turn. */
const SLICE_BYTES = 512 * 1024;
/** What one subscriber gets at once, and then each second. */
const BURST_BYTES = 32 * 1024 * 1024;
const BYTES_PER_SECOND = 32 * 1024 * 1024;
/** Balances that are remembered of subscribers without an answer under way. */
const MAX_BALANCES = 1000;

interface Answer {
  readonly to: string;
  readonly messages: Iterator<Uint8Array>;
}

/** The answers of one publisher. */
export class Answers {
  readonly #send: (message: Uint8Array) => void;
  readonly #clock: () => number;
  /** In the order of their turns. */
  readonly #answers = new Map<string, Answer>();
  /** What each may get, as of when. */
  readonly #balances = new Map<string, { bytes: number; at: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The next slice is sent as soon as others had their turn. */
  #soon = false;
  /** Of this slice. */
  #spent = 0;
  #closed = false;

  /** @param clock monotonic milliseconds. */
  constructor(send: (message: Uint8Array) => void, clock: () => number) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Answers under way. */
  get size(): number {
    return this.#answers.size;
  }

  /**
   * Send this: its beginning at once, if it is its turn.
   *
   * @param key whose place it takes. @param to the subscriber.
   */
  put(key: string, to: string, messages: Iterator<Uint8Array>): void {
    if (this.#closed) return;
    this.#answers.set(key, { to, messages });
    if (this.#spent < SLICE_BYTES) this.#advance(key);
    this.#later(0);
  }

  /** Send no more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#answers.clear();
  }

  /** Send of one answer what the slice and its reader's balance have room for. @returns ms until it may go on. */
  #advance(key: string): number {
    const answer = this.#answers.get(key)!;
    const balance = this.#balance(answer.to);
    // At its end it stands behind the others, if it is not over.
    this.#answers.delete(key);
    while (this.#spent < SLICE_BYTES && balance.bytes > 0) {
      const { done, value } = answer.messages.next();
      if (done) return 0;
      this.#send(value);
      this.#spent += value.length;
      balance.bytes -= value.length;
    }
    this.#answers.set(key, answer);
    return balance.bytes > 0 ? 0 : 1 - balance.bytes * 1000 / BYTES_PER_SECOND;
  }

  #balance(to: string): { bytes: number; at: number } {
    const now = this.#clock();
    const balance = this.#balances.get(to) ?? { bytes: BURST_BYTES, at: now };
    this.#balances.delete(to);
    this.#balances.set(to, balance);
    const earned = (now - balance.at) * BYTES_PER_SECOND / 1000;
    balance.bytes = Math.min(BURST_BYTES, balance.bytes + earned);
    balance.at = now;
    // The one that was not used for longest has earned most.
    if (this.#balances.size > MAX_BALANCES) this.#balances.delete(this.#balances.keys().next().value!);
    return balance;
  }

  #later(ms: number): void {
    if (this.#soon) return;
    this.#soon = ms === 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#slice(), ms);
  }

  #slice(): void {
    this.#soon = false;
    this.#spent = 0;
    let wait = Infinity;
    for (let left = this.#answers.size; left > 0; left--) {
      if (this.#spent >= SLICE_BYTES) return this.#later(0);
      const key = this.#answers.keys().next().value!;
      const ms = this.#advance(key);
      if (this.#answers.has(key)) wait = Math.min(wait, ms);
    }
    if (wait !== Infinity) this.#later(wait);
  }
}
