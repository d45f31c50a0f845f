/**
 * The publisher's side of one topic: numbers samples, packs them, keeps the window, answers requests and knows
 * how far the subscribers are. No sockets, no clock: finished messages go to `send`, time is a parameter.
 */
import type { Share } from "../wire/upstream.ts";
import { type Account, Budget } from "./budget.ts";
import { Flow, type FlowOptions } from "./flow.ts";
import { Flag } from "../wire/batch.ts";
import { BatchBuilder, encodeMark } from "../wire/batch_builder.ts";
import { liveKey, replayKey } from "../wire/key.ts";
import type { ReplayRequest } from "../wire/upstream.ts";
import { chunkOf, Window } from "./window.ts";

/** A message is finished at this size at the latest, if samples are not larger themselves. */
const BATCH_BYTES = 64 * 1024;
/** Marks go on for so long after the last subscriber was forgotten. */
const LISTENED_MS = 60_000;

/** What a stream is made of. */
export interface PublishedStreamOptions extends FlowOptions {
  topic: string;
  publisher: string;
  incarnation: number;
  /** Samples of history offered. */
  offered: number;
  /** Bounds of what is kept beyond the history and what is unacknowledged, see `WindowOptions`. */
  repairSamples?: number | undefined;
  repairBytes?: number | undefined;
  /** What all topics of the publisher share. Default one of its own. */
  budget?: Budget | undefined;
  /** Put a finished message on the wire. */
  send: (message: Uint8Array) => void;
  /** Whether `send` copies what it needs, so that the memory can be used again. Default false. */
  sendCopies?: boolean | undefined;
  /** Send an answer to this subscriber, message by message; one to it that is under way ends. Default: all at once. */
  answer?: ((subscriber: string, messages: Generator<Uint8Array>) => void) | undefined;
}

/** One topic of one publisher. */
export class PublishedStream {
  readonly topic: string;
  readonly flow: Flow;
  readonly window: Window;
  /** By how many milliseconds our clock is behind our broker's, if that is more than nothing: told with the samples. */
  clockOffset = 0;
  /** Fencing token put into every message; 0 when shared. Change it with {@link setEpoch}. */
  #epoch = 0n;
  /** The next sample's number. */
  #next = 1;
  /** Numbers from here on have to wait. */
  #limit = Infinity;
  /** The acknowledged number that the account was counted for. */
  #recounted = Infinity;
  /** A mark was sent, or a sample, when. */
  #spokeAt = 0;
  /** When somebody was heard of, or known. */
  #listenedAt = -Infinity;
  readonly #options: PublishedStreamOptions;
  readonly #account: Account;
  readonly #builder: BatchBuilder;
  readonly #key: Uint8Array;

  constructor(options: PublishedStreamOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.flow = new Flow(options);
    this.window = new Window({
      ...options,
      released: options.sendCopies ? (memory) => this.#builder.giveBack(memory) : undefined,
    });
    this.#account = (options.budget ?? new Budget()).open();
    this.#key = liveKey(options.topic, options.publisher);
    this.#builder = new BatchBuilder(this.#key);
  }

  get epoch(): bigint {
    return this.#epoch;
  }
  /** Number of the newest sample. */
  get last(): number {
    return this.#next - 1;
  }
  /** Whether the next sample has to wait for acknowledgements. */
  get full(): boolean {
    return this.#next >= this.#limit || (this.#account.full && this.#limit !== Infinity);
  }
  /** Whether the next sample has to wait for those who have not acknowledged samples of this topic. */
  get heldUp(): boolean {
    return this.#next >= this.#limit || (this.#account.holdsUp && this.#limit !== Infinity);
  }
  /** Whether messages were sent that somebody who is waited for has not acknowledged. */
  get unacknowledged(): boolean {
    return this.#account.messages > 0;
  }
  /** Whether samples are packed that have not been sent. */
  get dirty(): boolean {
    return this.#builder.count > 0;
  }

  /** Samples from now on belong to another term of ownership. */
  setEpoch(epoch: bigint, now: number): void {
    if (epoch === this.#epoch) return;
    this.flush(now);
    this.#epoch = epoch;
  }

  /**
   * Number and pack one sample.
   *
   * @param time publish time, milliseconds since the epoch.
   * @returns bytes sent by this: 0 as long as the message is not finished.
   */
  add(time: number, payload: Uint8Array | string, now: number): number {
    if (this.#builder.count === 0 && this.#limit !== Infinity) this.#account.begin();
    this.#builder.add(time, payload);
    this.#next++;
    return this.#builder.length >= BATCH_BYTES ? this.flush(now) : 0;
  }

  /** Send what is packed. @returns its bytes. */
  flush(now: number): number {
    const { count } = this.#builder;
    if (count === 0) return 0;
    const { incarnation, publisher } = this.#options;
    const { acknowledged } = this.flow;
    const asks = this.#account.send(this.#builder.length, acknowledged !== Infinity);
    const flags = asks ? Flag.ACKNOWLEDGE : 0;
    const { clockOffset } = this;
    const header = { flags, incarnation, epoch: this.#epoch, first: this.#next - count, count, clockOffset };
    const message = this.#builder.finish(header);
    this.window.push(
      chunkOf(message, this.#key.length, header, { topic: this.topic, publisher }),
      acknowledged + 1,
    );
    this.#spokeAt = now;
    this.#options.send(message);
    return message.length;
  }

  /**
   * Tell the subscribers how far we are, if nothing was said for `idleMs` and somebody listens, or did a minute ago:
   * one whom we had to forget may still be there, and miss the end.
   */
  mark(now: number, idleMs: number, acknowledge = false): void {
    if (now - this.#spokeAt < idleMs) return;
    if (this.flow.size > 0) this.#listenedAt = now;
    else if (now - this.#listenedAt > LISTENED_MS) return;
    this.#spokeAt = now;
    this.#options.send(encodeMark(this.#key, {
      flags: acknowledge ? Flag.ACKNOWLEDGE : 0,
      incarnation: this.#options.incarnation,
      epoch: this.#epoch,
      // What is packed and not sent is no hole yet.
      first: this.#next - this.#builder.count,
    }));
  }

  /** What a subscriber lets this publisher have under way, as it says with requests and acknowledgements. */
  setCredit(subscriber: string, credit: Share): void {
    this.flow.setCredit(subscriber, credit);
    this.#account.credit = this.flow.credit;
  }

  /**
   * A subscriber asks for numbers: answer on its own key, and know it from now on.
   *
   * Everything is sent in the last epoch that we own the topic in, whenever it was published: one who takes us for the
   * owner can take what was fenced before, and the epochs of a stream never go back.
   *
   * @param mayPublish whether we own the topic now: else a joiner gets no history.
   * @returns false when the request asks for more than is offered: it is not answered.
   */
  request(subscriber: string, wanted: ReplayRequest, mayPublish: boolean, now: number): boolean {
    const { offered, incarnation, publisher, flow: waits, maxInFlight, send } = this.#options;
    const { answer = (_to, messages) => messages.forEach(send) } = this.#options;
    if (wanted.depth > offered) return false;
    this.#listenedAt = now;
    this.flush(now);
    const { last, flow } = this;
    const joining = wanted.from === 0;
    // History ends where the live samples begin that a joiner has: now, or before if it asks once more.
    const sinceNow = joining && wanted.to > 0 ? Math.min(wanted.to - 1, last) : last;
    const base = joining ? flow.baseOf(subscriber, wanted.request, sinceNow) : sinceNow;
    const from = joining
      ? mayPublish ? this.window.historyFrom(wanted.depth, base) : Math.max(base + 1, this.window.oldest)
      : Math.min(Math.max(wanted.from, this.window.oldest), last + 1);
    if (joining || wanted.to === 0 || !flow.has(subscriber)) {
      const { reliable } = wanted;
      flow.join(
        subscriber,
        joining
          ? { reliable, delivered: base, request: wanted.request }
          : { reliable, delivered: Math.min(wanted.from - 1, last) },
        last,
        now,
      );
      this.#recount();
    }
    const { request } = wanted;
    // What was published since it asked to join first comes live, and what of that is missed is asked for.
    const joinedTo = Math.min(flow.askedAt(subscriber), wanted.to > 0 ? wanted.to - 1 : last);
    const to = joining ? joinedTo : wanted.to === 0 ? last : Math.min(wanted.to, last);
    const key = replayKey(this.topic, publisher, subscriber);
    const epoch = () => this.#epoch;
    const replay = (from: number, to: number, historical: boolean) =>
      this.window.replay(key, from, to, {
        request,
        historical,
        clockOffset: this.clockOffset,
        get epoch() {
          return epoch();
        },
      });
    const first = joining ? base + 1 : last + 1;
    const acknowledgeEvery = waits === "wait" ? Math.max(1, Math.floor(maxInFlight / 8)) : 0;
    const messages = function* () {
      if (joining) yield* replay(from, base, true);
      yield* replay(joining ? Math.max(from, base + 1) : from, to, false);
      yield encodeMark(key, { incarnation, epoch: epoch(), first, request }, {
        start: from,
        acknowledgeEvery,
      });
    };
    answer(subscriber, messages());
    return true;
  }

  /**
   * A subscriber has delivered up to `delivered`, but for what it has given up since it joined. One that is not known
   * (any more) is, from now on: only those acknowledge who want to be waited for.
   *
   * @returns whether a slow one has caught up.
   */
  acknowledge(subscriber: string, delivered: number, now: number, givenUp = 0): boolean {
    const { flow, last } = this;
    this.#listenedAt = now;
    if (!flow.has(subscriber)) {
      flow.join(subscriber, { reliable: true, delivered: Math.min(delivered, last) }, last, now);
    }
    flow.gaveUp(subscriber, givenUp, Math.min(delivered, last));
    const caughtUp = flow.acknowledge(subscriber, delivered, last, now);
    this.#recount();
    return caughtUp;
  }

  /** A subscriber said goodbye. */
  leave(subscriber: string): void {
    if (this.flow.leave(subscriber, this.last)) this.#recount();
  }

  /** A subscriber's record is gone: it is waited for like one that stands still. */
  gone(subscriber: string): void {
    this.flow.gone(subscriber, this.last);
    this.#recount();
  }

  /** One that is matched and had time to join is to get everything from now on. */
  expect(subscriber: string, now: number): void {
    this.flow.expect(subscriber, this.last, now);
    this.#recount();
  }

  /** While full: stop waiting for those who stand still. @returns their ids. */
  dropSlow(now: number): string[] {
    if (this.heldUp) this.flow.blocked(now);
    else this.flow.unblocked(now);
    const dropped = this.flow.dropSlow(this.last, now);
    if (dropped.length > 0) this.#recount();
    return dropped;
  }

  /** After a change of who is waited for, or how far they are. */
  #recount(): void {
    const { acknowledged } = this.flow;
    this.#account.credit = this.flow.credit;
    if (acknowledged === this.#recounted) return;
    this.#recounted = acknowledged;
    const { bytes, messages } = acknowledged === Infinity
      ? { bytes: 0, messages: 0 }
      : this.window.after(acknowledged);
    this.#account.set(bytes, messages);
    this.window.trim(acknowledged + 1);
    this.#limit = acknowledged + this.#options.maxInFlight + 1;
  }
}
