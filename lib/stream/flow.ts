/**
 * Who has joined a stream, how far each has got, and how far the publisher may therefore go. Pure: time is a
 * parameter.
 *
 * With `wait`, numbers not yet acknowledged by every reliable subscriber are bounded by `maxInFlight`. A
 * subscriber that stands still for `slowMs` while the publisher waits for it is no longer waited for, until it
 * has caught up again. So is one that moves, but too slowly: see `lib/stream/pace_rule.ts`.
 *
 * Nobody is forgotten who has not got everything and has not said goodbye: one whose record is gone is waited for like
 * one that stands still, and what was never delivered to it is known by its name at the end ({@link Flow.missing}). So
 * is what it has given up itself, as the publisher no longer had it when it asked.
 */
import type { Share } from "../wire/upstream.ts";
import { ANY_CREDIT } from "./budget.ts";
import { Debts, type Missing } from "./debts.ts";
import { PaceRule } from "./pace_rule.ts";
import { type Arrival, lackOf, type Reader } from "./reader.ts";

/** Bounds of what is not acknowledged yet. */
export interface FlowOptions {
  /** `drop`: nobody is waited for. */
  flow: "wait" | "drop";
  /** Samples that may be unacknowledged. */
  maxInFlight: number;
  /** How long a subscriber may stand still while it is waited for, milliseconds. */
  slowMs: number;
}

/** Absent readers that are remembered one by one; of more, the oldest are only owed what they had not got. */
const MAX_ABSENT = 1000;
/** A join that is asked for again has a number no further than this from the first one's. */
const SAME_JOIN = 65_536;

/** The readers of one stream. */
export class Flow {
  readonly #readers = new Map<string, Reader>();
  readonly #debts = new Debts();
  readonly #options: FlowOptions;
  #minimum = Infinity;
  /** How many of those we wait for are there. */
  #atMinimum = 0;
  #absent = 0;
  #credit: Share = ANY_CREDIT;
  /** Both are to be looked for again, when they are asked for. */
  #stale = false;
  #blockedSince: number | undefined;
  readonly #pace: PaceRule;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#pace = new PaceRule(options.slowMs);
  }

  /** The lowest acknowledged number of those we wait for; `Infinity` when we wait for nobody. */
  get acknowledged(): number {
    if (this.#stale) this.#settle();
    return this.#minimum;
  }
  /** The smallest credit of those we wait for. */
  get credit(): Share {
    if (this.#stale) this.#settle();
    return this.#credit;
  }
  /** Ids of all who have joined and are there. */
  get readers(): string[] {
    return [...this.#readers].filter(([, reader]) => !reader.absent).map(([id]) => id);
  }
  /** How many are known, absent ones too. */
  get size(): number {
    return this.#readers.size;
  }
  /** Ids of those who stand still and are not waited for. */
  get slow(): string[] {
    return [...this.#readers].filter(([, reader]) => reader.slow && !reader.absent).map(([id]) => id);
  }

  has(subscriber: string): boolean {
    return this.#readers.has(subscriber);
  }

  /** The last number that a subscriber has; 0 for a stranger. */
  deliveredTo(subscriber: string): number {
    return this.#readers.get(subscriber)?.delivered ?? 0;
  }

  /**
   * A subscriber joined, or came back.
   *
   * Of one that is known already, what it has not acknowledged stays so: it may have joined a second time because
   * the first answer is still on its way, and what it has received its user may not have taken. Another life of it
   * begins anew, and what the one before had not got is owed.
   *
   * @param last the last number published.
   */
  join(subscriber: string, arrival: Arrival, last: number, now: number): void {
    const { reliable, delivered, request } = arrival;
    const known = this.#readers.get(subscriber);
    if (known && !this.#isNewLife(known, request)) {
      known.reliable = reliable;
      known.delivered = Math.min(known.delivered, delivered);
      if (known.joinedBy === "not yet") {
        known.joinedBy = request;
        known.askedAt = last;
      }
      known.progress.wanted = undefined;
      this.#present(known);
      this.#stale = true;
    } else {
      if (known) this.#forget(subscriber, known, last);
      const reader: Reader = {
        reliable,
        delivered,
        base: delivered,
        askedAt: last,
        joinedBy: request,
        movedAt: now,
        slow: false,
        absent: false,
        credit: ANY_CREDIT,
        progress: this.#pace.begin(delivered),
        givenUp: 0,
        givenUpFrom: 0,
        givenUpTo: 0,
        givenUpBefore: request === undefined ? undefined : 0,
      };
      this.#readers.set(subscriber, reader);
      this.#count(reader);
    }
  }

  #isNewLife({ joinedBy }: Reader, request: Arrival["request"]): boolean {
    if (typeof request !== "number" || joinedBy === "not yet") return false;
    // One that has come back where it was does not join. And requests may overtake one another.
    return joinedBy === undefined || Math.abs((request - joinedBy) | 0) >= SAME_JOIN;
  }

  /**
   * Where the live samples begin for one who asks to join: where they began when this life of it asked first.
   *
   * @param base where they would begin for a stranger.
   */
  baseOf(subscriber: string, request: number, base: number): number {
    const known = this.#readers.get(subscriber);
    return known && !this.#isNewLife(known, request) ? Math.min(known.base, base) : base;
  }

  /** The last number published when this life of one that has joined asked to join first. */
  askedAt(subscriber: string): number {
    return this.#readers.get(subscriber)?.askedAt ?? 0;
  }

  /** One that is matched, and has not joined although it had time to: it gets everything from now on when it does. */
  expect(subscriber: string, last: number, now: number): void {
    if (this.has(subscriber)) return;
    this.join(subscriber, { reliable: true, delivered: last, request: "not yet" }, last, now);
  }

  /**
   * A subscriber says how far it is.
   *
   * @returns true when a slow one has caught up with this.
   */
  acknowledge(subscriber: string, delivered: number, last: number, now: number): boolean {
    const reader = this.#readers.get(subscriber);
    const upTo = Math.min(delivered, last);
    if (!reader) return false;
    this.#present(reader);
    if (upTo <= reader.delivered) return false;
    const before = reader.delivered;
    reader.delivered = upTo;
    reader.movedAt = now;
    const caughtUp = reader.slow && last - upTo < this.#options.maxInFlight / 2;
    if (caughtUp) {
      reader.slow = false;
      reader.progress.wanted = undefined;
    }
    // Only the last one to leave the minimum moves it.
    if (caughtUp || (this.#isAwaited(reader) && before === this.#minimum && --this.#atMinimum <= 0)) {
      this.#stale = true;
    }
    return caughtUp;
  }

  /**
   * A subscriber says how many of the numbers up to `delivered` it has given up since it joined: lost, or fenced for good.
   * What it had given up before it was forgotten is owed to it already.
   */
  gaveUp(subscriber: string, givenUp: number, delivered: number): void {
    const reader = this.#readers.get(subscriber);
    if (!reader) return;
    const more = Math.min(givenUp - (reader.givenUpBefore ??= givenUp), delivered);
    if (more <= reader.givenUp) return;
    reader.givenUpFrom = Math.min(reader.givenUpFrom || Infinity, reader.delivered + 1, delivered + 1 - more);
    reader.givenUp = more;
    reader.givenUpTo = Math.max(reader.givenUpTo, delivered);
  }

  /**
   * A subscriber says goodbye: nothing is owed to it but what it has given up, unless it was not waited for any more.
   *
   * @returns whether it had joined.
   */
  leave(subscriber: string, last: number): boolean {
    const reader = this.#readers.get(subscriber);
    if (!reader) return false;
    // One that was not waited for any more goes without what it has not got.
    this.#forget(subscriber, reader, reader.slow ? last : reader.delivered);
    return true;
  }

  /** A subscriber's record is gone. It may have died, or be back in a moment. */
  gone(subscriber: string, last: number): void {
    const reader = this.#readers.get(subscriber);
    if (!reader || reader.absent) return;
    if (!reader.reliable) return this.#delete(subscriber, reader);
    reader.absent = true;
    if (++this.#absent > MAX_ABSENT) {
      const [id, oldest] = this.#readers.entries().find(([, { absent }]) => absent)!;
      this.#forget(id, oldest, last);
    }
  }

  /** A subscriber's record is there (again). */
  back(subscriber: string): void {
    const reader = this.#readers.get(subscriber);
    if (reader) this.#present(reader);
  }

  #present(reader: Reader): void {
    if (!reader.absent) return;
    reader.absent = false;
    this.#absent--;
  }

  #delete(subscriber: string, reader: Reader): void {
    this.#present(reader);
    this.#readers.delete(subscriber);
    if (this.#isAwaited(reader)) this.#stale = true;
  }

  /** It does not come back as it was: what it has not got it never will. */
  #forget(subscriber: string, reader: Reader, last: number): void {
    this.#debts.add(lackOf(subscriber, reader, last));
    this.#delete(subscriber, reader);
  }

  /** A subscriber says what the publisher may have under way to it. */
  setCredit(subscriber: string, credit: Share): void {
    const reader = this.#readers.get(subscriber);
    if (!reader || (reader.credit.bytes === credit.bytes && reader.credit.messages === credit.messages)) {
      return;
    }
    const before = reader.credit;
    reader.credit = credit;
    if (credit.bytes > before.bytes || credit.messages > before.messages) this.#stale = true;
    else if (this.#isAwaited(reader)) this.#lowerCredit(credit);
  }

  /** The publisher has to wait from now on. */
  blocked(now: number): void {
    this.#pace.blocked(now);
    this.#blockedSince ??= now;
  }

  /** The publisher may go on. */
  unblocked(now: number): void {
    this.#pace.unblocked(now);
    this.#blockedSince = undefined;
  }

  /** While the publisher waits: who has stood still for too long, or is too slow. They are not waited for any more. */
  dropSlow(last: number, now: number): string[] {
    if (this.#blockedSince === undefined) return [];
    const dropped: string[] = [];
    for (const [id, reader] of this.#readers) {
      const since = Math.max(reader.movedAt, this.#blockedSince);
      if (!reader.reliable || reader.slow || reader.delivered >= last) continue;
      const tooSlow = this.#pace.isTooSlow(reader.progress, reader.delivered, last, now);
      if (now - since < this.#options.slowMs && !tooSlow) continue;
      reader.slow = true;
      dropped.push(id);
    }
    if (dropped.length > 0) this.#stale = true;
    return dropped;
  }

  /** Why one was given up, for people. */
  pace(subscriber: string, now: number): string {
    const { movedAt } = this.#readers.get(subscriber)!;
    return now - movedAt < this.#options.slowMs ? "is too slow" : "stands still";
  }

  /**
   * What reliable subscribers have not got up to `last`: not acknowledged, or given up. Those that are not waited for
   * and those gone for good included.
   */
  missing(last: number): Missing[] {
    const missing = this.#debts.list();
    for (const [subscriber, reader] of this.#readers) {
      const lack = lackOf(subscriber, reader, last);
      if (lack.samples > 0) missing.push(lack);
    }
    return missing;
  }

  /** Ids of reliable ones that may still acknowledge `last`, and have not. */
  behind(last: number): string[] {
    return [...this.#readers].filter(([, r]) => r.reliable && r.delivered < last).map(([id]) => id);
  }

  /** How far all are together: a number that grows when somebody makes progress. */
  get progress(): number {
    let sum = 0;
    for (const { delivered } of this.#readers.values()) sum += delivered;
    return sum;
  }

  #isAwaited({ reliable, slow }: Reader): boolean {
    return reliable && !slow && this.#options.flow === "wait";
  }

  /** One more is waited for, perhaps. */
  #count(reader: Reader): void {
    if (!this.#isAwaited(reader)) return;
    const { delivered, credit } = reader;
    if (delivered < this.#minimum) {
      this.#minimum = delivered;
      this.#atMinimum = 0;
    }
    if (delivered === this.#minimum) this.#atMinimum++;
    this.#lowerCredit(credit);
  }

  #lowerCredit(credit: Share): void {
    const { bytes, messages } = this.#credit;
    if (credit.bytes >= bytes && credit.messages >= messages) return;
    this.#credit = { bytes: Math.min(bytes, credit.bytes), messages: Math.min(messages, credit.messages) };
  }

  #settle(): void {
    this.#stale = false;
    this.#minimum = Infinity;
    this.#credit = ANY_CREDIT;
    for (const reader of this.#readers.values()) this.#count(reader);
  }
}
