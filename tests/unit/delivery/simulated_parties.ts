/**
 * A publisher and a subscriber of one topic around the real parts (PublishedStream, Stream, Following and the wire
 * formats), with simulated time and network in place of sockets, and a book of all that happens.
 */
import assert from "node:assert/strict";
import { FencingWatch } from "../../../lib/stream/fencing_watch.ts";
import { Following } from "../../../lib/client/following.ts";
import type { Link } from "../../../lib/client/link.ts";
import { PublishedStream } from "../../../lib/stream/published_stream.ts";
import { costOf, Room } from "../../../lib/stream/room.ts";
import { Stream } from "../../../lib/stream/stream.ts";
import type { Fence } from "../../../lib/stream/stream_surroundings.ts";
import { decodeBatch, Flag, type SampleBatch } from "../../../lib/wire/batch.ts";
import type { StreamMatch } from "../../../lib/wire/control.ts";
import { keyLength, streamPrefix } from "../../../lib/wire/key.ts";
import { decodeUpstream, isUpstreamFor } from "../../../lib/wire/upstream.ts";
import { PublishedBook, ReceivedBook } from "./ledger.ts";
import { Connection, type Simulation, type Weather } from "./simulated_network.ts";

const TOPIC = "topic";
const TICK_MS = 100;
const ACKNOWLEDGE_AFTER_MS = 20;

/** What all share. */
export interface World {
  simulation: Simulation;
  weather: Weather;
  publishers: SimulatedPublisher[];
  subscribers: SimulatedSubscriber[];
  flow: "wait" | "drop";
  maxInFlight: number;
  offered: number;
  repairSamples: number | undefined;
  shared: boolean;
  /** Bytes that a subscriber has room for. */
  room: number | undefined;
  /** Incarnations drawn so far. */
  incarnations: number;
}

/** A publisher of the topic, through all its incarnations. */
export class SimulatedPublisher {
  book!: PublishedBook;
  stream!: PublishedStream;
  owner = false;
  alive = true;
  slowDropped: string[] = [];
  /** Ids that were forgotten although they still follow. */
  forgotten = new Set<string>();
  readonly #idBytes: Uint8Array;
  #epoch = 0n;

  constructor(readonly world: World, readonly id: string) {
    this.#idBytes = new TextEncoder().encode(id);
    this.restart();
    this.#tick();
  }

  /** A new life: an empty window, numbers from 1. */
  restart(): void {
    const { world, id } = this;
    const incarnation = ++world.incarnations;
    this.book = new PublishedBook(id, incarnation);
    this.forgotten.clear();
    this.stream = new PublishedStream({
      topic: TOPIC,
      publisher: id,
      incarnation,
      offered: world.offered,
      flow: world.flow,
      maxInFlight: world.maxInFlight,
      slowMs: 5000,
      ...(world.repairSamples === undefined ? {} : { repairSamples: world.repairSamples }),
      send: (message) => {
        if (!this.alive) return;
        for (const { connections } of world.subscribers) {
          for (const connection of connections) connection.publish(message);
        }
      },
    });
    this.alive = true;
  }

  /** The subscriber's record is gone, for a moment or for good. */
  missRecord(subscriber: string): void {
    this.forgotten.add(subscriber);
    this.stream.gone(subscriber);
  }

  own(epoch: bigint): void {
    this.owner = true;
    this.#epoch = epoch;
  }

  /** Publish up to `count` samples, packed `packing` to a message; fewer when flow control says so. */
  publish(count: number, packing: number, size: number): void {
    const { simulation } = this.world;
    if (this.world.shared === false) this.stream.setEpoch(this.#epoch, simulation.now);
    for (let i = 0; i < count; i++) {
      if (this.stream.full) {
        this.stream.flow.blocked(simulation.now);
        break;
      }
      this.stream.flow.unblocked(this.world.simulation.now);
      this.stream.add(simulation.now, this.book.next(this.stream.epoch, size), simulation.now);
      if ((i + 1) % packing === 0) this.stream.flush(simulation.now);
      this.#checkInFlight();
    }
    this.stream.flush(simulation.now);
    assert.equal(this.stream.last, this.book.last);
    this.#checkWindow(10);
  }

  /** Nobody whom we wait for is further behind than allowed, by what its user has really taken. */
  #checkInFlight(): void {
    if (this.world.flow === "drop") return;
    const slow = this.stream.flow.slow;
    for (const subscriber of this.world.subscribers) {
      const following = subscriber.followingOf(this);
      if (!following || following.stream.next === 0 || !subscriber.reliable) continue;
      if (!this.stream.flow.has(subscriber.id) || slow.includes(subscriber.id)) continue;
      // One that was forgotten may be taken for where it has received, until its acknowledgements get through.
      if (this.forgotten.has(subscriber.id)) continue;
      // History is not counted: it goes to the joiner on top.
      const taken = Math.max(
        following.delivered,
        Math.min(...subscriber.bookOf(following).joins.map(({ base }) => base)),
      );
      assert.ok(
        this.stream.last - taken <= this.world.maxInFlight,
        `${this.stream.last - taken} samples in flight to ${subscriber.id}`,
      );
    }
  }

  /** With flow `wait`, whoever has joined and makes progress loses nothing from there on. */
  checkMayLose(subscriber: string, book: ReceivedBook, to: number): void {
    if (this.world.flow === "drop" || this.slowDropped.includes(subscriber)) return;
    if (this.forgotten.has(subscriber)) return;
    assert.ok(to <= book.joins[0]!.last, `${to} is lost to ${subscriber}, who has joined before it`);
  }

  /** Nothing is kept that no bound asks for; a message is kept or dropped as a whole. */
  #checkWindow(largestMessage: number): void {
    const { window, flow, last } = this.stream;
    const unacknowledged = flow.acknowledged === Infinity ? 0 : last - flow.acknowledged;
    const most = Math.max(window.offered, this.world.repairSamples ?? 65_536, unacknowledged);
    assert.ok(last + 1 - window.oldest < most + largestMessage, `${last + 1 - window.oldest} samples kept`);
    assert.ok(last + 1 - window.oldest >= Math.min(last, window.offered));
  }

  receive(bytes: Uint8Array): void {
    if (!this.alive || !isUpstreamFor(bytes, this.#idBytes)) return;
    const message = decodeUpstream(bytes);
    if (message instanceof Error) throw message;
    if (message.incarnation !== this.book.incarnation) return;
    const { now } = this.world.simulation;
    const { subscriber } = message;
    if (message.kind === "request") {
      const mayHaveHistory = this.world.shared || this.owner;
      if (message.from === 0) {
        const base = message.to === 0 ? this.book.last : Math.min(message.to - 1, this.book.last);
        this.world.subscribers.find(({ id }) => id === subscriber)!.joins(this, {
          request: message.request,
          base,
          last: this.book.last,
          mayHaveHistory,
        });
      }
      assert.ok(this.stream.request(subscriber, message, mayHaveHistory, now));
    } else if (message.kind === "acknowledge") {
      this.stream.acknowledge(subscriber, message.delivered, now, message.givenUp);
    } else this.stream.leave(subscriber);
    if (message.kind !== "bye") this.stream.setCredit(subscriber, message.credit);
  }

  #tick(): void {
    this.world.simulation.after(TICK_MS, () => {
      const { now } = this.world.simulation;
      if (this.alive) {
        this.slowDropped.push(...this.stream.dropSlow(now));
        if (this.stream.full) this.stream.mark(now, TICK_MS, true);
        else this.stream.mark(now, 1000);
      }
      this.#tick();
    });
  }
}

/** A subscriber of the topic: one connection at a time of two, one user who takes what comes. */
export class SimulatedSubscriber {
  readonly connections: Connection[] = [];
  readonly books: ReceivedBook[] = [];
  requests = 0;
  readonly room: Room;
  reliable: boolean;
  readonly #following = new Map<string, Following>();
  readonly #bookOf = new Map<Following, ReceivedBook>();
  readonly #epochs = { highest: 0n };
  readonly #fence: Fence = { highest: 0n };
  readonly #queue: { following: Following; batch: SampleBatch; givenUp: number }[] = [];
  #active = 0;
  #taking = true;
  #takePlanned = false;
  #dead = false;

  constructor(
    readonly world: World,
    readonly id: string,
    readonly requested: number,
    options: { reliable: boolean },
  ) {
    this.reliable = options.reliable;
    this.room = new Room(world.room);
    const ends = {
      up: (bytes: Uint8Array) => {
        for (const publisher of world.publishers) publisher.receive(bytes);
      },
      down: (_: Connection, bytes: Uint8Array) => this.#message(bytes),
      onUp: (connection: Connection) => {
        for (const following of this.#following.values()) {
          if (following.link === asLink(connection)) following.stream.connected(this.#now);
        }
      },
      onDown: (connection: Connection) => {
        if (connection === this.connections[this.#active]) this.switchOver();
      },
    };
    for (let i = 0; i < 2; i++) {
      this.connections.push(new Connection(world.simulation, () => world.weather, ends));
    }
    this.#tick();
  }

  /** The process dies: nothing it sent or was sent matters any more. */
  die(): void {
    for (const connection of this.connections) connection.cut(0);
    this.#following.clear();
    this.#queue.length = 0;
    this.#dead = true;
  }

  get #now(): number {
    return this.world.simulation.now;
  }
  get followings(): Iterable<Following> {
    return this.#following.values();
  }
  followingOf(publisher: SimulatedPublisher): Following | undefined {
    const following = this.#following.get(publisher.id);
    return following?.stream.incarnation === publisher.book.incarnation ? following : undefined;
  }
  bookOf(following: Following): ReceivedBook {
    return this.#bookOf.get(following)!;
  }
  /** Batches that the user has not taken. */
  get waiting(): number {
    return this.#queue.length;
  }

  joins(publisher: SimulatedPublisher, join: ReceivedBook["joins"][number]): void {
    const joins = this.books.findLast(({ source }) => source === publisher.book)?.joins;
    // One that asks once more joins where it was let in first; a best-effort one may have been forgotten meanwhile.
    joins?.push({ ...join, base: Math.min(join.base, joins[0]?.base ?? Infinity) });
    if (!this.reliable) joins?.push(join);
  }

  /** Be matched with a publisher as it is now; an earlier life of it is forgotten. */
  follow(publisher: SimulatedPublisher): void {
    const known = this.#following.get(publisher.id);
    if (known?.stream.incarnation === publisher.book.incarnation) return;
    if (known) this.#forget(publisher.id, known);
    const { incarnation } = publisher.book;
    const match: StreamMatch = {
      topic: TOPIC,
      publisher: publisher.id,
      incarnation,
      ownership: this.world.shared ? "shared" : "exclusive",
      through: "broker",
      endpoints: [],
    };
    const book = new ReceivedBook(publisher.book, {
      requested: this.requested,
      offered: this.world.offered,
      topicEpochs: this.#epochs,
    });
    this.books.push(book);
    const following: Following = new Following(
      match,
      this.id,
      new Stream({ topic: TOPIC, publisher: publisher.id }, incarnation, {
        requested: this.requested,
        reliable: this.reliable,
        fence: this.world.shared ? { highest: 0n } : this.#fence,
        room: this.room,
        firstRequest: this.world.simulation.between(0, 2 ** 31 - 1),
      }, {
        deliver: (batch) => {
          book.onDelivered(batch);
          following.waiting++;
          this.room.queue(costOf(batch));
          this.#queue.push({ following, batch, givenUp: following.stream.givenUp });
          this.#takeSoon();
        },
        request: (wanted) => {
          this.requests++;
          following.request(wanted, this.reliable);
        },
        lost: (from, to) => {
          if (this.reliable) {
            const kept = publisher.book === book.source ? publisher.stream.window.oldest : Infinity;
            assert.ok(to < kept, `${from} to ${to} given up, ${kept} is still there`);
            if (publisher.book === book.source) publisher.checkMayLose(this.id, book, to);
          }
          book.onLost(from, to);
        },
        fenced: (from, to) => book.onFenced(from, to),
      }),
      new FencingWatch(5000),
    );
    this.#following.set(publisher.id, following);
    this.#bookOf.set(following, book);
    following.attach(asLink(this.connections[this.#active]!), this.#now);
  }

  #forget(publisher: string, following: Following): void {
    this.#check(following, true);
    following.detach();
    this.#following.delete(publisher);
  }

  /** Move to the other connection. */
  switchOver(): void {
    this.#active = 1 - this.#active;
    for (const following of this.#following.values()) {
      following.attach(asLink(this.connections[this.#active]!), this.#now);
    }
  }

  /** The user stops taking samples, or goes on. */
  setTaking(taking: boolean): void {
    this.#taking = taking;
    this.#takeSoon();
  }

  #takeSoon(): void {
    if (this.#takePlanned || !this.#taking || this.#queue.length === 0) return;
    this.#takePlanned = true;
    this.world.simulation.after(1, () => {
      this.#takePlanned = false;
      for (const { following, batch, givenUp } of this.#queue.splice(0, 8)) {
        this.room.queue(-costOf(batch));
        following.waiting--;
        if (following.taken(batch, givenUp) === "later") {
          this.world.simulation.after(ACKNOWLEDGE_AFTER_MS, () => following.acknowledge());
        }
      }
      if (this.room.wanted && this.room.mayAsk) {
        this.room.wanted = false;
        for (const { stream, link } of this.#following.values()) if (link?.up) stream.roomAgain(this.#now);
      }
      this.#takeSoon();
    });
  }

  #message(bytes: Uint8Array): void {
    const key = keyLength(bytes);
    const prefix = streamPrefix(bytes);
    for (const following of this.#following.values()) {
      if (streamPrefix(following.liveKey) !== prefix) continue;
      const batch = decodeBatch(bytes, key, following.stream.name);
      if (batch instanceof Error) throw batch;
      batch.receiveTime = this.#now;
      following.stream.receive(batch, this.#now);
      if (
        batch.count === 0 && batch.flags & Flag.ACKNOWLEDGE &&
        batch.incarnation === following.stream.incarnation
      ) {
        following.repeatAcknowledgement();
      }
    }
  }

  #tick(): void {
    this.world.simulation.after(5, () => {
      for (const following of this.#following.values()) {
        if (following.link?.up) following.stream.tick(this.#now);
      }
      if (!this.#dead) this.#tick();
    });
  }

  /** The books and the counters agree. @param finish no more of this stream will come. */
  #check(following: Following, finish = false): void {
    const { stream } = following;
    const book = this.bookOf(following);
    const joined = stream.next > 0;
    if (finish) stream.finish();
    book.check(stream.next, stream.counters);
    if (joined) book.checkHistory();
    assert.equal(following.duplicates, 0);
    assert.equal(following.reordered, 0);
  }

  check(): void {
    for (const following of this.#following.values()) this.#check(following);
  }
}

/** What a Following needs of a link. */
function asLink(connection: Connection): Link {
  return connection as unknown as Link;
}
