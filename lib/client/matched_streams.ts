/**
 * The streams that a subscriber is matched with: followed, found by the key of a message, forgotten when their publisher
 * stays away, and their place kept for when it comes back. No timers, no clock: time is a parameter.
 *
 * Guarantee: a stream that comes back goes on where it was, and nothing that was counted is counted twice or forgotten.
 * Of a topic with an owner all streams share one fence: nothing below an epoch that any of them has heard is delivered.
 */
import { randomIncarnation } from "../base/names.ts";
import { Credit } from "../stream/credit.ts";
import type { Tally } from "../stream/failover_log.ts";
import { FencedRun, FencingWatch } from "../stream/fencing_watch.ts";
import { ParkedStreams, type Place } from "../stream/parked_streams.ts";
import type { Room } from "../stream/room.ts";
import { Stream } from "../stream/stream.ts";
import type { Fence } from "../stream/stream_surroundings.ts";
import type { SampleBatch } from "../wire/batch.ts";
import type { StreamMatch, SubscriberInfo } from "../wire/control.ts";
import { hasKey, streamPrefix } from "../wire/key.ts";
import { Following } from "./following.ts";

/** What is dropped for a later owner so long after the session time-out is no change of owner any more. */
const FENCED_MS = 5000;

/** Counters over all streams, those of the past too. */
export interface StreamCounts extends Tally {
  delivered: number;
  historical: number;
  repeated: number;
  fenced: number;
  refused: number;
}

/** Counted by a stream itself. */
const OF_STREAMS = ["delivered", "historical", "recovered", "lost", "repeated", "fenced", "refused"] as const;

/** The fence of a topic, and who was last heard behind it. */
export interface TopicFence extends Fence {
  /** Id of the owner whose samples were delivered last; empty before the first. */
  owner: string;
  /** When, monotonic milliseconds. */
  at: number;
  fenced: FencedRun;
}

/** Why samples are missing. */
export type Missed = "lost" | "fenced";

/** A stream as one life of its publisher numbers it. */
export type Life = Pick<StreamMatch, "topic" | "publisher" | "incarnation">;

/** Who is told. */
export interface MatchedStreamsHooks {
  deliver(following: Following, batch: SampleBatch): void;
  missed(type: Missed, life: Life, from: number, to: number, reason: string): void;
  /** A topic with an owner is followed behind this fence. */
  fenced(topic: string, fence: TopicFence): void;
  forgotten(following: Following): void;
  warn(text: string): void;
}

export class MatchedStreams implements Iterable<Following> {
  readonly credit: Credit = new Credit();
  readonly #subscriber: SubscriberInfo;
  readonly #patienceMs: number;
  readonly #room: Room;
  readonly #hooks: MatchedStreamsHooks;
  readonly #following = new Map<string, Following>();
  readonly #byPrefix = new Map<string, Following>();
  readonly #parked = new ParkedStreams();
  readonly #fences = new Map<string, TopicFence>();
  readonly #past: StreamCounts = {
    delivered: 0,
    historical: 0,
    recovered: 0,
    lost: 0,
    repeated: 0,
    fenced: 0,
    refused: 0,
    duplicates: 0,
    reordered: 0,
  };
  /** Most messages are of the stream of the one before. */
  #lastHit: Following | undefined;

  /** @param sessionTimeoutMs how long a change of owner may take. */
  constructor(
    subscriber: SubscriberInfo,
    sessionTimeoutMs: number,
    room: Room,
    hooks: MatchedStreamsHooks,
  ) {
    this.#subscriber = subscriber;
    this.#patienceMs = sessionTimeoutMs + FENCED_MS;
    this.#room = room;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#following.size;
  }

  [Symbol.iterator](): Iterator<Following> {
    return this.#following.values();
  }

  /** Those of one topic. */
  of(topic: string): Following[] {
    return [...this].filter(({ match }) => match.topic === topic);
  }

  /** The fence of a topic that is followed. */
  fence(topic: string): TopicFence {
    return this.#fences.get(topic)!;
  }

  /** Whose message this is. */
  find(bytes: Uint8Array): Following | undefined {
    const last = this.#lastHit;
    if (last && (hasKey(bytes, last.liveKey) || hasKey(bytes, last.replayKey))) return last;
    const following = this.#byPrefix.get(streamPrefix(bytes));
    if (!following || !(hasKey(bytes, following.liveKey) || hasKey(bytes, following.replayKey))) {
      return undefined;
    }
    return this.#lastHit = following;
  }

  /**
   * Follow what the broker has matched.
   *
   * @returns those that are new, and those that are gone now: they are followed until they are forgotten.
   */
  apply(matches: readonly StreamMatch[], now: number): { matched: Following[]; gone: Following[] } {
    const seen = new Set<string>();
    const matched: Following[] = [];
    for (const match of matches) {
      const key = `${match.topic}\0${match.publisher}`;
      seen.add(key);
      const known = this.#following.get(key);
      if (known && known.stream.incarnation === match.incarnation) {
        known.match = match;
        // Samples may have been published while it was gone.
        if (known.removedAt !== undefined && known.link?.up) known.stream.connected(now);
        known.removedAt = undefined;
        known.askAgain();
        continue;
      }
      if (known) this.#forget(key, known, known.end);
      const following = this.#follow(key, match);
      this.#following.set(key, following);
      this.#byPrefix.set(streamPrefix(following.liveKey), following);
      matched.push(following);
    }
    const gone = [...this.#following].filter(([key, { removedAt }]) =>
      !seen.has(key) && removedAt === undefined
    )
      .map(([, following]) => following);
    for (const following of gone) following.removedAt = now;
    return { matched, gone };
  }

  /** Publishers came or went: tell each of its share, if that is another one now. */
  divideCredit(): void {
    const publishers = new Set<string>();
    for (const { match: { publisher } } of this) publishers.add(publisher);
    if (!this.credit.divide(publishers.size)) return;
    for (const following of this) following.repeatAcknowledgement();
  }

  #follow(key: string, match: StreamMatch): Following {
    const { topic, publisher, incarnation, ownership } = match;
    const { id, requested, reliability } = this.#subscriber;
    const fence = this.#fences.getOrInsertComputed(topic, () => ({
      ...{ highest: 0n, owner: "", at: 0, fenced: new FencedRun(this.#patienceMs) },
    }));
    if (ownership !== "shared") this.#hooks.fenced(topic, fence);
    const reliable = reliability === "reliable";
    const missed = (type: Missed, from: number, to: number, reason: string) =>
      this.#hooks.missed(type, match, from, to, reason);
    const following: Following = new Following(
      match,
      id,
      new Stream({ topic, publisher }, incarnation, {
        requested,
        reliable,
        // Of a shared topic everybody is heard.
        fence: ownership === "shared" ? { highest: 0n } : fence,
        firstRequest: randomRequest(),
        room: this.#room,
      }, {
        deliver: (batch) => this.#hooks.deliver(following, batch),
        request: (wanted) => following.request(wanted, reliable),
        lost: (from, to, refused) => {
          const reason = refused
            ? "they were not taken fast enough"
            : reliable
            ? "the publisher no longer has them"
            : "best effort asks for nothing again";
          missed("lost", from, to, reason);
        },
        fenced: (from, to) => missed("fenced", from, to, "a later owner was heard"),
      }),
      new FencingWatch(this.#patienceMs, fence.fenced),
      this.credit,
      this.#subscriber.incarnation,
    );
    const parked = this.#parked.take(key);
    if (parked?.incarnation === incarnation) {
      following.resume(parked);
      // They are counted by the stream again.
      this.#past.fenced -= following.stream.counters.fenced;
      // An earlier life's: that does not come back.
    } else if (parked !== undefined) this.#giveUp(key, parked);
    return following;
  }

  /** Follow it no more; where it ended is known or not. */
  forget(following: Following): void {
    const { topic, publisher } = following.match;
    this.#forget(`${topic}\0${publisher}`, following, following.end);
  }

  /** @param last the last number of the stream, if it is known to have ended. */
  #forget(key: string, following: Following, last?: number): void {
    const { stream } = following;
    const { refusedUpTo } = stream;
    stream.finish(last);
    if (stream.next > 0 && last === undefined) {
      const { incarnation, next, fencedUpTo, givenUp } = stream;
      const oldest = this.#parked.park(key, { incarnation, next, fencedUpTo, refusedUpTo, givenUp });
      if (oldest !== undefined) {
        this.#giveUp(...oldest);
        this.#hooks.warn("too many streams of absent publishers: gives up its place in one of them");
      }
    }
    // Without a farewell: that publisher may still be there, and is to know that we have not got everything.
    following.detach();
    this.#hooks.forgotten(following);
    this.#following.delete(key);
    this.#byPrefix.delete(streamPrefix(following.liveKey));
    if (this.#lastHit === following) this.#lastHit = undefined;
    addTo(this.#past, following);
  }

  /** At the end: what will never come is lost, as far as it is known. */
  abandon(): void {
    for (const { stream, end } of this) stream.abandon(end);
    for (const [key, place] of this.#parked) this.#giveUp(key, place);
  }

  /** What found no room, of a publisher that does not come back, is lost. */
  #giveUp(key: string, { incarnation, next, fencedUpTo, refusedUpTo }: Place): void {
    const from = Math.max(next, fencedUpTo + 1);
    if (refusedUpTo < from) return;
    const [topic, publisher] = key.split("\0") as [string, string];
    this.#past.lost += refusedUpTo + 1 - from;
    const life = { topic, publisher, incarnation };
    this.#hooks.missed("lost", life, from, refusedUpTo, "they were not taken fast enough");
  }

  /** Over all streams, those that were forgotten too. */
  counts(): StreamCounts {
    const sum = { ...this.#past };
    for (const following of this) addTo(sum, following);
    return sum;
  }
}

function addTo(sum: StreamCounts, { stream, duplicates, reordered }: Following): void {
  for (const name of OF_STREAMS) sum[name] += stream.counters[name];
  sum.duplicates += duplicates;
  sum.reordered += reordered;
}

/** Where a stream's numbers of requests begin: by them a publisher tells the lives of a subscriber apart. */
function randomRequest(): number {
  return randomIncarnation() >>> 1;
}
