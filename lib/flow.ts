/**
 * Who has joined a stream, how far each has got, and how far the publisher may therefore go. Pure: time is a
 * parameter.
 *
 * With `wait`, numbers not yet acknowledged by every reliable subscriber are bounded by `maxInFlight`. A
 * subscriber that stands still for `slowMs` while the publisher waits for it is no longer waited for, until it
 * has caught up again.
 */

/** Bounds of what is not acknowledged yet. */
export interface FlowOptions {
  /** `drop`: nobody is waited for. */
  flow: "wait" | "drop";
  /** Samples that may be unacknowledged. */
  maxInFlight: number;
  /** How long a subscriber may stand still while it is waited for, milliseconds. */
  slowMs: number;
}

interface Reader {
  reliable: boolean;
  /** Everything up to this number was delivered. */
  delivered: number;
  movedAt: number;
  slow: boolean;
}

/** The readers of one stream. */
export class Flow {
  readonly #readers = new Map<string, Reader>();
  readonly #options: FlowOptions;
  #minimum = Infinity;
  #blockedSince: number | undefined;

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  /** The lowest acknowledged number of those we wait for; `Infinity` when we wait for nobody. */
  get acknowledged(): number {
    return this.#minimum;
  }
  /** Ids of all who have joined. */
  get readers(): MapIterator<string> {
    return this.#readers.keys();
  }
  get size(): number {
    return this.#readers.size;
  }
  /** Ids of those who stand still and are not waited for. */
  get slow(): string[] {
    return [...this.#readers].filter(([, reader]) => reader.slow).map(([id]) => id);
  }

  has(subscriber: string): boolean {
    return this.#readers.has(subscriber);
  }

  /**
   * A subscriber joined, or came back: it has everything up to `delivered`.
   *
   * Of one that is known already, what it has not acknowledged stays so: it may have joined a second time because
   * the first answer is still on its way, and what it has received its user may not have taken.
   */
  join(subscriber: string, reliable: boolean, delivered: number, now: number): void {
    const known = this.#readers.get(subscriber);
    if (known) {
      known.reliable = reliable;
      known.delivered = Math.min(known.delivered, delivered);
    } else {
      this.#readers.set(subscriber, { reliable, delivered, movedAt: now, slow: false });
    }
    this.#settle();
  }

  /**
   * A subscriber says how far it is.
   *
   * @returns true when a slow one has caught up with this.
   */
  acknowledge(subscriber: string, delivered: number, last: number, now: number): boolean {
    const reader = this.#readers.get(subscriber);
    const upTo = Math.min(delivered, last);
    if (!reader || upTo <= reader.delivered) return false;
    reader.delivered = upTo;
    reader.movedAt = now;
    const caughtUp = reader.slow && last - upTo < this.#options.maxInFlight / 2;
    if (caughtUp) reader.slow = false;
    this.#settle();
    return caughtUp;
  }

  /** A subscriber left or died. @returns whether it had joined. */
  leave(subscriber: string): boolean {
    const had = this.#readers.delete(subscriber);
    if (had) this.#settle();
    return had;
  }

  /** The publisher has to wait from now on. */
  blocked(now: number): void {
    this.#blockedSince ??= now;
  }

  /** The publisher may go on. */
  unblocked(): void {
    this.#blockedSince = undefined;
  }

  /** While the publisher waits: who has stood still for too long. They are not waited for any more. */
  dropSlow(last: number, now: number): string[] {
    if (this.#blockedSince === undefined) return [];
    const dropped: string[] = [];
    for (const [id, reader] of this.#readers) {
      const since = Math.max(reader.movedAt, this.#blockedSince);
      if (!reader.reliable || reader.slow || reader.delivered >= last) continue;
      if (now - since < this.#options.slowMs) continue;
      reader.slow = true;
      dropped.push(id);
    }
    if (dropped.length > 0) this.#settle();
    return dropped;
  }

  /** Reliable ones that have not acknowledged `last` yet, the slow ones left out. */
  behind(last: number): string[] {
    return [...this.#readers].filter(([, r]) => r.reliable && !r.slow && r.delivered < last).map(([id]) =>
      id
    );
  }

  #settle(): void {
    this.#minimum = Infinity;
    if (this.#options.flow === "drop") return;
    for (const { reliable, slow, delivered } of this.#readers.values()) {
      if (reliable && !slow && delivered < this.#minimum) this.#minimum = delivered;
    }
  }
}
