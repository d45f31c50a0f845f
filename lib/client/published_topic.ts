/**
 * One topic of a publisher: its stream, and whether samples may leave now, by the ownership's lease.
 */
import { monotonic } from "../base/clock.ts";
import type { PublishedStream } from "../stream/published_stream.ts";
import type { TopicOwnership } from "../recipes/ownership.ts";

/** A topic that is published on. */
export class PublishedTopic {
  readonly stream: PublishedStream;
  /** Undefined for a shared topic, and before it is contended for. */
  ownership: TopicOwnership | undefined;
  /** Whether it has samples that are packed and not sent. */
  dirty = false;
  readonly #shared: boolean;
  #mayPublish = false;
  #turn = -1;
  #noticed: bigint | undefined;

  constructor(stream: PublishedStream, shared: boolean) {
    this.stream = stream;
    this.#shared = shared;
  }

  /** Whether we may publish, by the clock; if so, in the epoch of now. */
  lease(now: number): boolean {
    if (this.#shared) return true;
    const epoch = this.ownership?.lease;
    if (epoch !== undefined) this.stream.setEpoch(epoch, now);
    return epoch !== undefined;
  }

  /** Whether we may publish: looked up once a turn of the event loop, as it needs the clock. */
  mayPublish(turn: number): boolean {
    if (this.#turn === turn) return this.#mayPublish;
    this.#turn = turn;
    return this.#mayPublish = this.lease(monotonic());
  }

  /** Whether its owner was ever known. */
  get decided(): boolean {
    return this.#noticed !== undefined;
  }

  /**
   * Look at the ownership again.
   *
   * @returns our epoch, 0 when we do not own the topic, undefined when that is no news.
   */
  news(): bigint | undefined {
    const epoch = this.ownership?.lease ?? 0n;
    if (epoch === this.#noticed) return undefined;
    this.#turn = -1; // the rest of this turn must see it too
    return this.#noticed = epoch;
  }
}
