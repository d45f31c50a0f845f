/**
 * What comes in to a subscriber: whose it is, whether it is believed, and if so it is its stream's.
 *
 * Not believed are numbers that their publisher cannot have reached, and epochs that ZooKeeper has never given.
 */
import { FormatError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { decodeBatch, Flag, type SampleBatch } from "../wire/batch.ts";
import { keyLength } from "../wire/key.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";
import { giveBack } from "../zmq/socket.ts";
import type { Room } from "../stream/room.ts";
import type { Following } from "./following.ts";
import type { MatchedStreams, TopicFence } from "./matched_streams.ts";
import type { Repeats } from "./repeats.ts";
import { TopicEpochs } from "./topic_epochs.ts";

/** That there is no room is said once in so long. */
const SAY_AGAIN_MS = 10_000;

const log = logger("subscriber");

export class Intake {
  readonly #id: string;
  readonly #streams: MatchedStreams;
  readonly #room: Room;
  readonly #repeats: Repeats;
  #epochs: TopicEpochs<Following> | undefined;
  #toldOfRoom = -Infinity;
  #invalid = 0;
  #implausible = 0;

  /** @param id of the subscriber */
  constructor(id: string, streams: MatchedStreams, room: Room, repeats: Repeats) {
    this.#id = id;
    this.#streams = streams;
    this.#room = room;
    this.#repeats = repeats;
  }

  /** Messages that were not of this system. */
  get invalid(): number {
    return this.#invalid;
  }

  /** Messages that were not believed. */
  get implausible(): number {
    return this.#implausible + (this.#epochs?.refused ?? 0);
  }

  /** Before anything comes: epochs are looked up there. */
  begin(zk: ZooKeeper, leaving: AbortSignal): void {
    this.#epochs = new TopicEpochs<Following>(zk, leaving, this.#room, {
      streamsOf: (topic) => this.#streams.of(topic),
      receive: (following, batch, now) => this.#receive(following, batch, now),
      askAgain: ({ stream, link }, now) => {
        if (link?.up) stream.connected(now);
        this.#repeats.armFor(stream.wakeAt);
      },
      drop: ({ bytes }) => giveBack(bytes),
      say: (text) => log.warn(`${this.#id}: ${text}`),
    });
  }

  /** A topic with an owner is followed behind this fence. */
  expect(topic: string, fence: TopicFence): void {
    this.#epochs!.expect(topic, fence);
  }

  /** This one is not followed any more. */
  forget(following: Following): void {
    this.#epochs?.forget(following);
  }

  /** Time has passed. @param now monotonic milliseconds */
  look(now: number): void {
    this.#epochs?.look(now);
  }

  /** @param endpoint whom it came from. @param receiveTime milliseconds since the epoch. @param now monotonic ones. */
  message(endpoint: string, bytes: Uint8Array, receiveTime: number, now: number): void {
    const following = this.#streams.find(bytes);
    if (!following) return;
    const { stream } = following;
    const batch = decodeBatch(bytes, keyLength(bytes), stream.name);
    if (batch instanceof FormatError) {
      this.#invalid++;
      if (this.#invalid === 1) log.warn(`${this.#id}: dropped a message from ${endpoint}: ${batch.message}`);
      return;
    }
    if (!following.numbers.admits(batch.nextSequence, stream.next, now)) {
      return this.#tellOfNumbers(following, batch);
    }
    batch.receiveTime = receiveTime;
    batch.receivedAt = now;
    if (batch.epoch > stream.options.fence.highest && !this.#epochs!.admits(following, batch, now)) return;
    this.#receive(following, batch, now);
  }

  #receive(following: Following, batch: SampleBatch, now: number): void {
    const { stream } = following;
    const { refused } = stream.counters;
    if (batch.incarnation === stream.incarnation) following.heard(now);
    stream.receive(batch, now);
    if (stream.counters.refused !== refused) giveBack(batch.bytes);
    if (batch.count === 0 && batch.flags & Flag.ACKNOWLEDGE && batch.incarnation === stream.incarnation) {
      following.repeatAcknowledgement();
    }
    if (this.#room.wanted && now - this.#toldOfRoom > SAY_AGAIN_MS) this.#tellOfRoom(now);
    this.#repeats.armFor(stream.wakeAt);
  }

  #tellOfRoom(now: number): void {
    this.#toldOfRoom = now;
    const mebibytes = Math.round(this.#room.used / 2 ** 20);
    log.warn(`${this.#id}: ${mebibytes} MiB wait to be taken: what finds no room is asked for later`);
  }

  #tellOfNumbers({ numbers, stream }: Following, { topic, publisher, firstSequence }: SampleBatch): void {
    this.#implausible++;
    if (numbers.refused > 1) return;
    log.warn(
      `${this.#id}: does not believe a message of ${publisher} on topic ${topic} with number ${firstSequence}: ` +
        `the next one is ${stream.next || "not known yet"}. What else is as far ahead is only counted`,
    );
  }
}
