/**
 * Where samples leave a publisher: numbered and packed topic by topic, sent in turns of the event loop, held up by
 * ownership and by flow control.
 *
 * Guarantee: a sample gets its number only while its topic may be published on, looked at once a turn; who waits goes on
 * as soon as somebody says {@link Outlet.wake}, or the publisher is closed.
 */
import type { PublishedTopic } from "./published_topic.ts";
import { Turn } from "./turn.ts";
import { monotonic, wallAt } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import type { Lifecycle } from "../base/lifecycle.ts";
import { shown } from "../base/option_rules.ts";
import { checkPayload } from "../stream/payload.ts";
import { SampleClock } from "../stream/sample_clock.ts";

/** After so many bytes in one turn of the event loop the sockets get theirs. */
const TURN_BYTES = 256 * 1024;
/** Of so many suppressed samples one waits for the sockets' turn. */
const SUPPRESSED_A_TURN = 1024;

/** The outlet of one publisher. */
export class Outlet {
  readonly #topics: ReadonlyMap<string, PublishedTopic>;
  readonly #life: Lifecycle;
  readonly #waits: boolean;
  readonly #onWaiter: () => void;
  readonly #turn: Turn;
  readonly #clock = new SampleClock(monotonic);
  /** Topics with samples that are packed and not sent. */
  readonly #dirty: PublishedTopic[] = [];
  #turnNumber = 0;
  #turnBytes = 0;
  #last: PublishedTopic | undefined;
  #wakers = new Set<() => void>();
  #suppressed = 0;

  /**
   * @param waits whether a sample of a topic that somebody else owns waits; else it is dropped.
   * @param onWaiter called when somebody begins to wait.
   */
  constructor(
    topics: ReadonlyMap<string, PublishedTopic>,
    life: Lifecycle,
    waits: boolean,
    onWaiter: () => void,
  ) {
    this.#topics = topics;
    this.#life = life;
    this.#waits = waits;
    this.#onWaiter = onWaiter;
    this.#turn = new Turn(() => this.flush(), () => {
      this.#turnNumber++;
      this.#turnBytes = 0;
      this.#clock.interrupt();
    });
  }

  /** Samples that were dropped as somebody else owns their topic. */
  get suppressed(): number {
    return this.#suppressed;
  }
  /** Whether somebody waits for {@link wake}. */
  get awaited(): boolean {
    return this.#wakers.size > 0;
  }

  /** See the publisher's. */
  publish(topic: string, payload: Uint8Array | string): boolean | Promise<boolean> {
    const entry = this.#entry(topic);
    this.#life.check();
    checkPayload(topic, payload);
    this.#turn.touch();
    if (!entry.mayPublish(this.#turnNumber)) {
      if (this.#waits) return this.#publishLater(entry, payload);
      this.#suppressed++;
      // A source that never rests must not keep the process from hearing that it owns the topic.
      return this.#suppressed % SUPPRESSED_A_TURN === 0 ? this.#turn.ended().then(() => false) : false;
    }
    if (entry.stream.full) return this.#publishLater(entry, payload);
    this.#add(entry, payload);
    return this.#turnBytes > TURN_BYTES ? this.#turn.ended().then(() => true) : true;
  }

  /** See the publisher's. */
  tryPublish(topic: string, payload: Uint8Array | string): boolean {
    const entry = this.#entry(topic);
    this.#life.check();
    checkPayload(topic, payload);
    this.#turn.touch();
    if (!entry.mayPublish(this.#turnNumber)) {
      this.#suppressed++;
      return false;
    }
    this.#add(entry, payload);
    return true;
  }

  #entry(topic: string): PublishedTopic {
    // Most samples are about the same topic as the one before.
    if (this.#last?.stream.topic === topic) return this.#last;
    const entry = this.#topics.get(topic);
    if (entry) return this.#last = entry;
    throw new UsageError(
      `Cannot publish on topic ${typeof topic === "string" ? topic : shown(topic)}: this publisher has ${
        [...this.#topics.keys()].join(", ")
      }`,
    );
  }

  #add(entry: PublishedTopic, payload: Uint8Array | string): void {
    const { stream } = entry;
    const now = this.#clock.next();
    this.#turnBytes += stream.add(wallAt(now), payload, now);
    if (entry.dirty) return;
    entry.dirty = true;
    this.#dirty.push(entry);
  }

  async #publishLater(entry: PublishedTopic, payload: Uint8Array | string): Promise<boolean> {
    for (;;) {
      if (this.#life.leaving.aborted) this.#life.check();
      this.#turn.touch();
      const may = entry.mayPublish(this.#turnNumber);
      if (!may && !this.#waits) {
        this.#suppressed++;
        return false;
      }
      if (may && !entry.stream.full) break;
      if (may && entry.stream.heldUp) entry.stream.flow.blocked(monotonic());
      this.flush();
      await this.woken();
    }
    entry.stream.flow.unblocked(monotonic());
    this.#add(entry, payload);
    return true;
  }

  /** Resolves when something has changed, or a tick has passed. */
  woken(): Promise<void> {
    this.#onWaiter();
    return new Promise((resolve) => this.#wakers.add(resolve));
  }

  /** Let those who wait look again. */
  wake(): void {
    const wakers = this.#wakers;
    this.#wakers = new Set();
    for (const wake of wakers) wake();
  }

  /** Send what is packed. */
  flush(): void {
    if (this.#dirty.length === 0) return;
    const now = monotonic();
    for (const entry of this.#dirty) {
      entry.dirty = false;
      entry.stream.flush(now);
    }
    this.#dirty.length = 0;
  }
}
