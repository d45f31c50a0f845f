/**
 * The subscriber's side of one stream: every number once, in order. Pure: time is a parameter, everything it
 * wants done goes to its {@link StreamOutput}.
 *
 * Joining, closing a gap, switching to another broker and reconnecting are one mechanism: ask the publisher for
 * numbers, keep what arrives meanwhile, deliver when there is no hole in front of it. What the publisher no
 * longer has is counted as lost, and delivery goes on.
 *
 * What a former owner sends after a later one was heard is fenced: neither delivered nor passed over. Its numbers stay
 * open (so nobody is told that they were taken), and are asked for if that publisher owns the topic again. Always:
 * delivered + lost + fenced is what we know of since the join.
 *
 * What finds no room (`room.ts`) is a hole like any other, but asked for only when there is room, as much as fits.
 */
import type { Place } from "./parked_streams.ts";
import { Pending } from "./pending.ts";
import { Question } from "./question.ts";
import { Refused } from "./refused.ts";
import { costOf, Room } from "./room.ts";
import { newCounters, type StreamOptions, type StreamOutput } from "./stream_surroundings.ts";
import { endMarkOf, Flag, type SampleBatch, type StreamName } from "../wire/batch.ts";

/** One stream of one publisher, as one subscriber follows it. */
export class Stream {
  /** The next number to deliver; 0 until the publisher has told where we join. */
  next = 0;
  /** Acknowledge at least every so many samples; 0: the publisher waits for nobody. */
  acknowledgeEvery = 0;
  /** The publisher asks for an acknowledgement once everything up to this number is delivered; 0: it does not. */
  acknowledgeAt = 0;
  readonly counters = newCounters();
  readonly #room: Room;
  readonly #pending: Pending;
  readonly #refused: Refused;
  #question: Question | undefined;
  #lastRequest: number;
  /** The first number that we were to get. */
  #start = 0;
  /** Samples below this number were published before we joined; 0: nobody told. */
  #historyEnd = 0;
  /** What is below this number, and not below the next one to deliver, came from a former owner. */
  #fencedTo = 0;
  /** Fenced for good. */
  #fencedPast = 0;
  #givenUpBefore = 0;

  constructor(
    readonly name: StreamName,
    readonly incarnation: number,
    readonly options: StreamOptions,
    readonly output: StreamOutput,
  ) {
    this.#lastRequest = options.firstRequest ?? 0;
    this.#room = options.room ?? new Room();
    this.#pending = new Pending(this.#room);
    this.#refused = new Refused(this.#room);
  }

  /** Whether everything that we know of has been delivered. */
  get complete(): boolean {
    return this.next > 0 && this.#question === undefined && this.#pending.size === 0;
  }
  /** Bytes kept behind a hole, what keeping them costs included. */
  get pendingBytes(): number {
    return this.#pending.byteLength;
  }
  /** Numbers that are fenced now and may still come: up to this one; less than `next` when there are none. */
  get fencedUpTo(): number {
    return this.#fencedTo - 1;
  }
  /** Numbers that found no room and may still come: up to this one; less than `next` when there are none. */
  get refusedUpTo(): number {
    return this.#refused.to - 1;
  }
  /** When {@link tick} wants to be called, `Infinity` when it need not be. */
  get wakeAt(): number {
    return this.#question?.retryAt ?? Infinity;
  }

  /** Numbers below `next` that were given up: lost or fenced, in earlier streams of this incarnation, too. */
  get givenUp(): number {
    return this.#givenUpBefore + this.counters.lost + this.#fencedPast;
  }

  /** Go on where an earlier stream of this incarnation has stopped. */
  resume({ next, fencedUpTo, givenUp }: Omit<Place, "incarnation" | "refusedUpTo">): void {
    this.next = next;
    this.#fencedTo = fencedUpTo + 1;
    this.#givenUpBefore = givenUp;
    this.#countFenced();
  }

  /** The path to the publisher is there (again): join, or ask for all that may have been missed meanwhile. */
  connected(now: number): void {
    if (this.next === 0) this.#ask(0, this.#pending.firstLive, now);
    else if (this.options.reliable) this.#ask(this.next, 0, now);
    // A best-effort subscriber only makes itself known again.
    else this.#ask(this.next, this.next, now);
  }

  /** A message of this stream came, live or as an answer. */
  receive(batch: SampleBatch, now: number): void {
    if (batch.incarnation !== this.incarnation) return;
    // A batch that asks is acknowledged when it is taken, a mark for all that came before.
    if (batch.flags & Flag.ACKNOWLEDGE && batch.count === 0) this.acknowledgeAt = batch.firstSequence - 1;
    if (batch.flags & Flag.END) return this.#ended(batch, now);
    const { request, firstSequence, count } = batch;
    if (this.#question?.isAnsweredBy(request)) this.#question.heard(now);
    if (this.next === 0) return this.#keep(batch);
    if (this.#isStale(batch)) {
      this.#fence(batch);
      if (this.#pending.size > 0) this.#drain(now);
      return;
    }
    if (firstSequence > this.next) {
      if (count > 0 && (this.options.reliable || request !== 0)) this.#keep(batch);
      // An answer's own holes are looked at when it has ended.
      if (request === 0) this.#hole(firstSequence - 1, now);
      if (this.options.reliable || request !== 0) return;
    }
    if (count > 0) {
      if (batch.nextSequence > this.next && !this.#room.mayQueue(costOf(batch))) {
        this.#refuse(batch);
        return this.#hole(batch.nextSequence - 1, now);
      }
      this.#take(batch);
    }
    if (this.#pending.size > 0) this.#drain(now);
  }

  /** There is room again. */
  roomAgain(now: number): void {
    if (!this.#question?.deferred) return;
    this.#question.retryAt = now;
    this.tick(now);
  }

  /** Ask again what was not answered in time. */
  tick(now: number): void {
    const question = this.#question;
    if (!question || now < question.retryAt) return;
    const { from, to } = question;
    if (this.options.reliable && from > 0 && to > 0 && this.next > to) {
      // What was missing has come by another way.
      this.#question = undefined;
      return this.#askForHole(now);
    }
    if (!this.#room.mayAsk) return this.#defer(question, now);
    const last = from > 0 ? this.#thatFits(to) : this.#pending.firstLive;
    question.again(++this.#lastRequest, this.next, last, now);
    this.output.request(question);
  }

  /**
   * The publisher is gone: deliver what is here, count the holes as lost.
   *
   * @param last the last number that it has published, if that is known: what is missing up to it is lost, too, and
   * nothing comes any more.
   */
  finish(last?: number): void {
    const { first, firstLive } = this.#pending;
    // Who has not joined and has nothing goes on asking: the publisher may be back.
    if (first === undefined && this.next === 0) return;
    this.#question = undefined;
    if (this.next === 0) {
      // Of the history that was asked for it is lost what has not come; with owners it may not have been to be had.
      const { firstSequence: begun, epoch } = first!;
      const due = firstLive > 0 && epoch === 0n ? firstLive - this.options.requested : Infinity;
      this.next = this.#start = Math.min(begun, Math.max(1, due));
      this.#historyEnd = firstLive;
    }
    this.#release(Infinity, true);
    if (last !== undefined) this.#giveUp(Math.max(last + 1, this.#fencedTo, this.#refused.to));
    // It may come back with what found no room: its place is here.
    else this.#refused.forget(this.next);
  }

  /** Nothing more is taken: what has not come up to `last`, if that is known, is lost, what was fenced is so for good. */
  abandon(last = 0): void {
    if (this.next > 0) this.#giveUp(Math.max(last + 1, this.#fencedTo, this.#refused.to));
  }

  /** @param wait ask later, as the answer before was of no use. */
  #ask(from: number, to: number, now: number, wait = 0): void {
    const mayAsk = this.#room.mayAsk;
    const [last, depth] = from > 0 ? [this.#thatFits(to), 0] : [to, this.options.requested];
    const wanted = { request: this.#lastRequest + 1, from, to: last, depth };
    const question = this.#question = new Question(wanted, this.next, now, wait);
    if (!mayAsk) this.#defer(question, now);
    if (wait > 0 || !mayAsk) return;
    this.#lastRequest++;
    this.output.request(question);
  }

  /** Ask when there is room. */
  #defer(question: Question, now: number): void {
    this.#room.wanted = true;
    question.defer(now);
  }

  /** The last number to ask for, where `to` is wanted (0: all): less if something found no room before. */
  #thatFits(to: number): number {
    return this.#refused.thatFits(this.next, to, this.#pending.first?.firstSequence ?? Infinity);
  }

  /** There is no room for these: they are asked for later. A best-effort stream passes over them, as over all holes. */
  #refuse(batch: SampleBatch): void {
    this.counters.refused += batch.count;
    if (this.next > 0) this.#refused.add(batch, this.next);
  }

  /** The next number is another one. */
  #goOn(next: number): void {
    this.#refused.goOn(this.next, next);
    this.next = next;
  }

  /** Numbers up to `to` should have come. */
  #hole(to: number, now: number, wait = 0): void {
    if (!this.options.reliable) {
      this.#release(to + 1, true);
      this.#giveUp(to + 1);
    } else if (this.#question === undefined) {
      const first = this.#pending.first?.firstSequence ?? Infinity;
      this.#ask(this.next, Math.min(to, first - 1), now, wait);
    }
  }

  /** Ask for what is missing in front of what waits. */
  #askForHole(now: number, wait = 0): void {
    const { first } = this.#pending;
    if (first) this.#hole(first.firstSequence - 1, now, wait);
  }

  /** An answer is complete: what it did not bring below its start is lost. */
  #ended(batch: SampleBatch, now: number): void {
    const question = this.#question;
    if (!question?.isAnsweredBy(batch.request)) return;
    this.#question = undefined;
    const { start, acknowledgeEvery } = endMarkOf(batch);
    this.acknowledgeEvery = acknowledgeEvery;
    if (this.next === 0) {
      // Joined: the answer begins at `start`, live samples at the mark's own number. Of a topic without owners it is lost
      // what of the history is kept no more, as the answer took long.
      const due = batch.epoch === 0n ? batch.firstSequence - this.options.requested : Infinity;
      this.next = this.#start = Math.min(start, batch.firstSequence, Math.max(1, due));
      this.#historyEnd = batch.firstSequence;
    }
    const lost = Math.min(start, batch.firstSequence);
    // Nothing below `start` will come, but for what already waits behind the hole.
    this.#release(lost, true);
    this.#giveUp(lost);
    this.#release(Infinity, !this.options.reliable);
    // Messages of the answer itself may have been dropped on the way; if all of them were, do not ask at once.
    const wait = this.next > question.nextBefore ? 0 : question.pause;
    const wanted = question.from === 0 || question.to === 0
      ? batch.firstSequence
      : Math.min(question.to + 1, batch.firstSequence);
    // From a former owner nothing would be taken.
    if (this.#isStale(batch)) this.#fence(batch);
    else if (this.next < Math.max(wanted, this.#refused.to)) {
      this.#hole(Math.max(wanted, this.#refused.to) - 1, now, wait);
    } else this.#askForHole(now, wait);
  }

  /** Whether this comes from a former owner of the topic. */
  #isStale({ epoch }: SampleBatch): boolean {
    return epoch < this.options.fence.highest;
  }

  /** Leave numbers open that came from a former owner. A best-effort stream passes over them, as over all holes. */
  #fence(batch: SampleBatch): void {
    this.#fencedTo = Math.max(this.#fencedTo, batch.nextSequence);
    if (!this.options.reliable && this.next > 0) this.#giveUp(this.#fencedTo);
    this.#countFenced();
  }

  #countFenced(): void {
    this.counters.fenced = this.#fencedPast + Math.max(0, this.#fencedTo - this.next);
  }

  #keep(batch: SampleBatch): void {
    if (batch.count === 0) return;
    const result = this.#pending.add(batch);
    if (result === "known") this.counters.repeated += batch.count;
    else if (result === "refused") this.#refuse(batch);
  }

  /** Deliver what is no longer behind a hole; ask for the next hole. */
  #drain(now: number): void {
    this.#release(Infinity, !this.options.reliable);
    this.#askForHole(now);
  }

  /** Deliver of what waits the batches that begin below `until`. @param skipping whether holes are given up. */
  #release(until: number, skipping: boolean): void {
    for (let batch = this.#pending.first; batch !== undefined; batch = this.#pending.first) {
      if (this.#isStale(batch)) {
        this.#pending.shift();
        this.#fence(batch);
        continue;
      }
      if (batch.firstSequence >= until || (batch.firstSequence > this.next && !skipping)) return;
      this.#giveUp(batch.firstSequence);
      this.#pending.shift();
      this.#take(batch);
    }
  }

  /** Deliver a batch that begins at or before `next`. */
  #take(batch: SampleBatch): void {
    const below = Math.min(this.next, batch.nextSequence);
    const repeated = below - batch.firstSequence;
    // What came before we joined and is no part of our history is not counted.
    this.counters.repeated += Math.max(0, below - Math.max(batch.firstSequence, this.#start));
    if (repeated === batch.count) return;
    const fresh = repeated > 0 ? batch.without(repeated) : batch;
    const history = this.#historyEnd - fresh.firstSequence;
    if (history > 0 && history < fresh.count) {
      this.#hand(fresh.upTo(history));
      this.#hand(fresh.without(history));
    } else this.#hand(fresh);
  }

  #hand(batch: SampleBatch): void {
    const { fence } = this.options;
    fence.highest = batch.epoch;
    this.#goOn(batch.nextSequence);
    if (this.#fencedTo > 0) this.#countFenced();
    if (this.#historyEnd > 0) batch.historical = batch.firstSequence < this.#historyEnd;
    this.counters.delivered += batch.count;
    if (batch.historical) this.counters.historical += batch.count;
    else if (batch.request !== 0) this.counters.recovered += batch.count;
    this.output.deliver(batch);
  }

  #giveUp(next: number): void {
    if (next <= this.next) return;
    const from = this.next;
    const lostFrom = Math.min(next, Math.max(from, this.#fencedTo));
    const refused = lostFrom < this.#refused.to;
    this.#fencedPast += lostFrom - from;
    this.counters.lost += next - lostFrom;
    this.#goOn(next);
    this.#countFenced();
    if (lostFrom > from) this.output.fenced(from, lostFrom - 1);
    if (next > lostFrom) this.output.lost(lostFrom, next - 1, refused);
  }
}
