/**
 * The subscriber's side of one stream: every number once, in order. Pure: time is a parameter, everything it
 * wants done goes to its {@link StreamOutput}.
 *
 * Joining, closing a gap, switching to another broker and reconnecting are one mechanism: ask the publisher for
 * numbers, keep what arrives meanwhile, deliver when there is no hole in front of it. What the publisher no
 * longer has is counted as lost, and delivery goes on.
 */
import { endMarkOf, Flag, type SampleBatch, type StreamName } from "./wire/batch.ts";

/** What is kept behind a hole before further live messages are left to be asked for again. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;

/** A request as the stream wants it sent. */
export interface WantedReplay {
  request: number;
  from: number;
  to: number;
  depth: number;
}

/** What a stream asks of its surroundings. */
export interface StreamOutput {
  /** These samples are next. */
  deliver(batch: SampleBatch): void;
  /** Ask the publisher. It may get lost: {@link Stream.tick} asks again. */
  request(wanted: WantedReplay): void;
  /** Numbers `from` … `to` will never come. */
  lost(from: number, to: number): void;
}

/** The highest epoch that a subscriber has seen on a topic; shared by the topic's streams. */
export interface Fence {
  highest: bigint;
}

/** What happened to a stream's samples so far. */
export interface StreamCounters {
  delivered: number;
  historical: number;
  /** Delivered, not historical, out of an answer to a request. */
  recovered: number;
  lost: number;
  /** Received again and dropped. */
  repeated: number;
  /** Dropped because a later owner of the topic had been heard. */
  fenced: number;
}

interface Outstanding extends WantedReplay {
  /** Requests from this number on ask for the same thing. */
  readonly firstRequest: number;
  retryAt: number;
  pause: number;
}

/** One stream of one publisher, as one subscriber follows it. */
export class Stream {
  /** The next number to deliver; 0 until the publisher has told where we join. */
  next = 0;
  /** Acknowledge at least every so many samples; 0: the publisher waits for nobody. */
  acknowledgeEvery = 0;
  /** The publisher asks for an acknowledgement once everything up to this number is delivered; 0: it does not. */
  acknowledgeAt = 0;
  readonly counters: StreamCounters = {
    delivered: 0,
    historical: 0,
    recovered: 0,
    lost: 0,
    repeated: 0,
    fenced: 0,
  };
  #pending: SampleBatch[] = [];
  #pendingBytes = 0;
  #outstanding: Outstanding | undefined;
  #lastRequest = 0;
  /** Samples below this number were published before we joined. */
  #historyEnd = 0;

  constructor(
    readonly name: StreamName,
    readonly incarnation: number,
    readonly options: { requested: number; reliable: boolean; fence: Fence },
    readonly output: StreamOutput,
  ) {}

  /** Whether everything that we know of has been delivered. */
  get complete(): boolean {
    return this.next > 0 && this.#outstanding === undefined && this.#pending.length === 0;
  }
  /** When {@link tick} wants to be called, `Infinity` when it need not be. */
  get wakeAt(): number {
    return this.#outstanding?.retryAt ?? Infinity;
  }

  /** The path to the publisher is there (again): join, or ask for all that may have been missed meanwhile. */
  connected(now: number): void {
    if (this.next === 0) this.#ask(0, 0, now);
    else if (this.options.reliable) this.#ask(this.next, 0, now);
    // A best-effort subscriber only makes itself known again.
    else this.#ask(this.next, this.next, now);
  }

  /** A message of this stream came, live or as an answer. */
  receive(batch: SampleBatch, now: number): void {
    if (batch.incarnation !== this.incarnation) return;
    if (batch.flags & Flag.ACKNOWLEDGE) this.acknowledgeAt = batch.firstSequence - 1;
    if (batch.flags & Flag.END) return this.#ended(batch, now);
    if (this.next === 0) return this.#keep(batch);
    if (batch.count === 0) {
      // The publisher tells how far it is: that may show a hole at the end.
      if (batch.firstSequence > this.next) this.#hole(batch.firstSequence - 1, now);
      return;
    }
    if (batch.firstSequence > this.next) {
      if (!this.options.reliable && batch.request === 0) {
        this.#giveUp(batch.firstSequence);
        return this.#take(batch);
      }
      this.#keep(batch);
      if (batch.request === 0) this.#hole(this.#pending[0]!.firstSequence - 1, now);
      return;
    }
    this.#take(batch);
    if (this.#pending.length > 0) this.#drain(now);
  }

  /** Ask again what was not answered in time. */
  tick(now: number): void {
    const outstanding = this.#outstanding;
    if (!outstanding || now < outstanding.retryAt) return;
    outstanding.pause = Math.min(outstanding.pause * 2, LAST_RETRY_MS);
    outstanding.retryAt = now + outstanding.pause;
    outstanding.request = ++this.#lastRequest;
    if (outstanding.from > 0) outstanding.from = this.next;
    this.output.request(outstanding);
  }

  /** The publisher is gone: deliver what is here, count the holes as lost. */
  finish(): void {
    this.#outstanding = undefined;
    for (const batch of this.#pending.splice(0)) {
      if (this.next === 0) this.next = batch.firstSequence;
      if (batch.firstSequence > this.next) this.#giveUp(batch.firstSequence);
      this.#take(batch);
    }
    this.#pendingBytes = 0;
  }

  #ask(from: number, to: number, now: number): void {
    const request = ++this.#lastRequest;
    const depth = from === 0 ? this.options.requested : 0;
    this.#outstanding = {
      request,
      firstRequest: request,
      from,
      to,
      depth,
      pause: FIRST_RETRY_MS,
      retryAt: now + FIRST_RETRY_MS,
    };
    this.output.request(this.#outstanding);
  }

  #hole(to: number, now: number): void {
    if (!this.options.reliable) return this.#giveUp(to + 1);
    if (this.#outstanding === undefined) this.#ask(this.next, to, now);
  }

  /** An answer is complete: what it did not bring below its start is lost. */
  #ended(batch: SampleBatch, now: number): void {
    const outstanding = this.#outstanding;
    if (!outstanding || batch.request < outstanding.firstRequest || batch.request > outstanding.request) {
      return;
    }
    this.#outstanding = undefined;
    const { start, acknowledgeEvery } = endMarkOf(batch);
    this.acknowledgeEvery = acknowledgeEvery;
    if (this.next === 0) {
      // Joined: the answer begins at `start`, live samples at the mark's own number.
      this.next = Math.min(start, batch.firstSequence);
      this.#historyEnd = batch.firstSequence;
    } else if (start > this.next) {
      this.#skipTo(Math.min(start, batch.firstSequence));
    }
    this.#drain(now);
    // Messages of the answer itself may have been dropped on the way.
    const wanted = outstanding.to === 0
      ? batch.firstSequence
      : Math.min(outstanding.to + 1, batch.firstSequence);
    if (this.next < wanted && this.#outstanding === undefined) this.#hole(wanted - 1, now);
  }

  /** Nothing below `start` will come, but for what already waits behind the hole. */
  #skipTo(start: number): void {
    while (this.next < start) {
      const first = this.#pending[0];
      if (first === undefined || first.firstSequence >= start) return this.#giveUp(start);
      if (first.firstSequence > this.next) this.#giveUp(first.firstSequence);
      this.#shiftPending();
      this.#take(first);
    }
  }

  #keep(batch: SampleBatch): void {
    if (batch.count === 0) return;
    if (batch.request === 0 && this.#pendingBytes > MAX_PENDING_BYTES) return;
    let at = this.#pending.length;
    while (at > 0 && this.#pending[at - 1]!.firstSequence > batch.firstSequence) at--;
    this.#pending.splice(at, 0, batch);
    this.#pendingBytes += batch.byteLength;
  }

  #shiftPending(): void {
    this.#pendingBytes -= this.#pending.shift()!.byteLength;
  }

  /** Deliver what is no longer behind a hole; ask for the next hole. */
  #drain(now: number): void {
    let taken = 0;
    for (; taken < this.#pending.length; taken++) {
      const batch = this.#pending[taken]!;
      if (batch.firstSequence > this.next) {
        if (this.options.reliable) break;
        this.#giveUp(batch.firstSequence);
      }
      this.#pendingBytes -= batch.byteLength;
      this.#take(batch);
    }
    this.#pending.splice(0, taken);
    const first = this.#pending[0];
    if (first) this.#hole(first.firstSequence - 1, now);
  }

  /** Deliver a batch that begins at or before `next`. */
  #take(batch: SampleBatch): void {
    const repeated = Math.min(this.next - batch.firstSequence, batch.count);
    this.counters.repeated += repeated;
    if (repeated === batch.count) return;
    const fresh = repeated > 0 ? batch.without(repeated) : batch;
    this.next = fresh.nextSequence;
    const { fence } = this.options;
    if (fresh.epoch < fence.highest) {
      this.counters.fenced += fresh.count;
      return;
    }
    fence.highest = fresh.epoch;
    fresh.historical ||= fresh.firstSequence < this.#historyEnd && fresh.request !== 0;
    this.counters.delivered += fresh.count;
    if (fresh.historical) this.counters.historical += fresh.count;
    else if (fresh.request !== 0) this.counters.recovered += fresh.count;
    this.output.deliver(fresh);
  }

  #giveUp(next: number): void {
    if (next <= this.next) return;
    this.counters.lost += next - this.next;
    this.output.lost(this.next, next - 1);
    this.next = next;
  }
}
