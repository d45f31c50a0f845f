/** One stream as a subscriber follows it: its numbers, the link it comes over, what was handed out and told. */
import { MOST_IN_FLIGHT } from "../stream/budget.ts";
import type { Share } from "../wire/upstream.ts";
import type { FencingWatch } from "../stream/fencing_watch.ts";
import type { Link } from "./link.ts";
import type { Place } from "../stream/parked_streams.ts";
import { NumberCheck } from "../stream/number_check.ts";
import type { Stream } from "../stream/stream.ts";
import { Flag, type SampleBatch } from "../wire/batch.ts";
import type { StreamMatch } from "../wire/control.ts";
import { liveKey, replayKey } from "../wire/key.ts";
import { type Address, encodeUpstream, type Upstream } from "../wire/upstream.ts";

/** A stream that a subscriber was matched with. */
export class Following {
  match: StreamMatch;
  readonly stream: Stream;
  readonly liveKey: Uint8Array;
  readonly replayKey: Uint8Array;
  link: Link | undefined;
  readonly fencing: FencingWatch;
  /** What comes is believed only if it passes. */
  readonly numbers = new NumberCheck();
  /** Monotonic milliseconds since when the match is gone; undefined while it is there. */
  removedAt: number | undefined;
  /** Monotonic milliseconds when something of it was received last. */
  heardAt = -Infinity;
  /** The stream's last number, of a publisher that has left and said so; undefined as long as that is not known. */
  end: number | undefined;
  /** That is being asked for, and was. */
  asking: Promise<void> | undefined;
  asked = false;
  /** The last number that the user has taken. */
  handedOut = 0;
  /** Handed out twice or below a later one: 0 unless there is a fault of ours. */
  duplicates = 0;
  reordered = 0;
  readonly #address: Address;
  #told = 0;
  /** How many of the numbers up to the one that was handed out, or told, last were lost or fenced. */
  #givenUp = 0;
  #answered = 0;
  /** We have said goodbye: anything more would make us known again. */
  #left = false;

  readonly #credit: { readonly share: Share };

  /**
   * @param fencing tells when samples are dropped for a later owner for longer than a change of owner takes.
   * @param credit what the publisher may have under way to us.
   * @param life our own incarnation.
   */
  constructor(
    match: StreamMatch,
    subscriber: string,
    stream: Stream,
    fencing: FencingWatch,
    credit: { readonly share: Share } = { share: MOST_IN_FLIGHT },
    life = 0,
  ) {
    this.match = match;
    this.#credit = credit;
    this.fencing = fencing;
    this.stream = stream;
    const { topic, publisher, incarnation } = match;
    this.liveKey = liveKey(topic, publisher);
    this.replayKey = replayKey(topic, publisher, subscriber);
    this.#address = { publisher, topic, subscriber, incarnation, life };
  }

  /** Go on where an earlier one of this incarnation has stopped. */
  resume(place: Place): void {
    this.stream.resume(place);
    this.handedOut = place.next - 1;
    this.#givenUp = place.givenUp;
  }

  /** Receive over this link from now on. */
  attach(link: Link | undefined, now: number): void {
    if (this.link === link) return;
    this.detach();
    this.link = link;
    this.#left = false;
    this.#subscribe(true);
    if (link?.up) this.stream.connected(now);
  }

  /** Receive no more, without a farewell: the publisher still counts on us. */
  detach(): void {
    this.#subscribe(false);
    this.link = undefined;
  }

  /** Something of this very stream has come: whatever was said of its end before, it has not ended. */
  heard(now: number): void {
    this.heardAt = now;
    if (this.asking !== undefined) this.askAgain();
  }

  /** What is known of its end is not to be relied on any more. */
  askAgain(): void {
    this.asking = this.end = undefined;
    this.asked = false;
  }

  #subscribe(wanted: boolean): void {
    this.link?.subscribe(this.replayKey, wanted);
    this.link?.subscribe(this.liveKey, wanted);
  }

  /** Ask the publisher for numbers. */
  request(wanted: { request: number; from: number; to: number; depth: number }, reliable: boolean): void {
    // Coming back: acknowledgements may have got lost with the connection, and the publisher waits for them. First of
    // all, so that one who has forgotten us takes us to be where we are.
    if (wanted.from > 0 && wanted.to === 0) this.repeatAcknowledgement();
    this.#tell({ kind: "request", ...this.#address, ...wanted, reliable, credit: this.#credit.share });
  }

  /** Tell the publisher that we leave. */
  bye(): void {
    this.#tell({ kind: "bye", ...this.#address });
    this.#left = true;
  }

  #tell(message: Upstream): void {
    if (!this.#left) this.link?.send(encodeUpstream(message));
  }

  /**
   * The user has taken a batch.
   *
   * @param givenUp `stream.givenUp` as it was when the batch was handed to the user's queue.
   * @param together whether acknowledgements that are due are to be sent with others.
   * @returns whether an acknowledgement is due (`soon`, or `later`), was sent (`now`), or is not wanted.
   */
  taken(batch: SampleBatch, givenUp: number, together = false): "now" | "soon" | "later" | "no" {
    const expected = this.handedOut + 1;
    if (batch.firstSequence < expected && this.handedOut > 0) {
      this.duplicates += Math.min(expected - batch.firstSequence, batch.count);
      if (batch.nextSequence <= expected) this.reordered += batch.count;
    }
    this.handedOut = Math.max(this.handedOut, batch.nextSequence - 1);
    this.#givenUp = givenUp;
    const { acknowledgeEvery, options } = this.stream;
    if (!options.reliable) return "no";
    const asked = (batch.flags & Flag.ACKNOWLEDGE) !== 0;
    if (acknowledgeEvery > 0 && (asked || this.handedOut - this.#told >= acknowledgeEvery)) {
      if (together) return "soon";
      this.acknowledge();
      return "now";
    }
    return acknowledgeEvery > 0 || this.stream.acknowledgeAt > this.#answered ? "later" : "no";
  }

  /** Tell the publisher how far the user is, if that is news. */
  acknowledge(): void {
    // What is lost is not handed out, but is done with when nothing else waits. What was fenced stays open.
    const delivered = this.delivered;
    if (delivered > this.#told || this.stream.acknowledgeAt > this.#answered) this.repeatAcknowledgement();
  }

  /** Tell the publisher how far the user is, news or not. One who is not waited for has nothing to tell. */
  repeatAcknowledgement(): void {
    if (!this.stream.options.reliable || this.stream.next === 0) return;
    const delivered = this.delivered;
    this.#told = delivered;
    if (this.waiting === 0) this.#givenUp = this.stream.givenUp;
    if (delivered >= this.stream.acknowledgeAt) this.#answered = this.stream.acknowledgeAt;
    const givenUp = this.#givenUp;
    this.#tell({ kind: "acknowledge", ...this.#address, delivered, givenUp, credit: this.#credit.share });
  }

  /** Batches given to the user's queue and not taken yet. */
  waiting = 0;

  /** Everything up to this number is done with: taken or lost. Never less than what was told. */
  get delivered(): number {
    return this.waiting === 0 && this.stream.next > 0
      ? this.stream.next - 1
      : Math.max(this.handedOut, this.#told);
  }
}
