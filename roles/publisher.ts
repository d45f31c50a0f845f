/**
 * `pubsub publisher`: publishes events it makes itself, or the lines of standard input, until it has published as
 * many as asked, its input ends, or it is asked to leave. One event is one sample on each of its topics.
 *
 * Guarantee: before it leaves, every joined reliable subscriber has acknowledged everything, or is named with what it has
 * not got, and with flow `wait` the exit code is 1. Session suspended: it goes on publishing; lost: it is not the owner of its topics until it is again.
 */
import { monotonic, wallClock } from "../lib/base/clock.ts";
import { PubsubError } from "../lib/base/errors.ts";
import { EventClock } from "../lib/output/event_clock.ts";
import { type MadeSource, payloadMaker, splitKeyed } from "../lib/output/event_source.ts";
import { LineSplitter } from "../lib/base/line_splitter.ts";
import { logger } from "../lib/base/log.ts";
import { standardInput } from "../lib/base/patience.ts";
import { Publisher } from "../lib/client/publisher.ts";
import type { PublisherOptions } from "../lib/client/publisher_options.ts";
import type { RoleContext } from "./context.ts";
import { memberId, orLeaving, pause, runSeveral, watchFailure } from "./leaving.ts";

/** What is asked of the publishers of one process. */
export interface PublisherRoleOptions extends PublisherOptions {
  /** Publishers in this process. */
  readonly count: number;
  readonly source: MadeSource | { readonly kind: "lines"; readonly keyed: boolean };
  /** Events to publish; without it as many as there are. */
  readonly maxEvents?: number;
  /** Pause between events, 0 for none. */
  readonly sleepMs: number;
  /** Subscribers that must have joined before the first event. */
  readonly waitForSubscribers: number;
}

/** A longer line of standard input is refused. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

const log = logger("publisher");

/** Runs the publishers. `input` is the source of lines, standard input by default. */
export async function runPublisher(
  options: PublisherRoleOptions,
  context: RoleContext,
  input: () => ReadableStream<Uint8Array> = standardInput,
): Promise<number> {
  const complete = await runSeveral(options.count, context.signal, async (number, signal) => {
    const publisher = new Publisher(publisherOptions(options, number));
    const life = watchFailure(signal, publisher.failed);
    try {
      await publisher.start(life.signal);
      await waitForSubscribers(publisher, options.waitForSubscribers, life.signal);
      const turn = new Turn(publisher, options, life.signal);
      if (options.source.kind === "lines") {
        await publishLines(turn, options, options.source.keyed, input(), life.signal);
      } else await publishMade(turn, options, options.source, publisher, life.signal);
      life.throwIfFailed();
      if (!life.signal.aborted) await orLeaving(publisher.drain(life.signal), life.signal);
    } catch (error) {
      life.throwIfFailed();
      if (!life.signal.aborted) throw error;
    } finally {
      await publisher.close();
      const { published, suppressed } = publisher.stats();
      const failed = options.flow === "wait" && publisher.undelivered.length > 0;
      const but = failed ? ", not all of them delivered: see above" : "";
      log.info(`${publisher.id}: published ${published} samples, suppressed ${suppressed}${but}`);
    }
    return options.flow !== "wait" || publisher.undelivered.length === 0;
  });
  return complete.every(Boolean) ? 0 : 1;
}

/** What its class takes. */
function publisherOptions(options: PublisherRoleOptions, number: number): PublisherOptions {
  const { count, source: _source, maxEvents: _max, sleepMs: _sleep, waitForSubscribers: _wait, ...own } =
    options;
  return { ...own, ...memberId(options.id, number, count) };
}

async function waitForSubscribers(publisher: Publisher, wanted: number, signal: AbortSignal): Promise<void> {
  let told = false;
  while (!signal.aborted && publisher.stats().subscribers < wanted) {
    if (!told) {
      log.info(`${publisher.id}: waiting for ${wanted} ${wanted === 1 ? "subscriber" : "subscribers"}`);
    }
    told = true;
    await pause(20, signal);
  }
}

/** Publishes event by event: at its time, up to the limit, waiting where the flow control wants it. */
class Turn {
  readonly #publisher: Publisher;
  readonly #clock: EventClock | undefined;
  readonly #signal: AbortSignal;
  readonly #limit: number;
  #events = 0;

  constructor(publisher: Publisher, options: PublisherRoleOptions, signal: AbortSignal) {
    this.#publisher = publisher;
    this.#signal = signal;
    this.#limit = options.maxEvents ?? Infinity;
    if (options.sleepMs > 0) this.#clock = new EventClock(options.sleepMs, monotonic());
  }

  /** Whether there is no further event to publish. */
  get over(): boolean {
    return this.#events >= this.#limit || this.#signal.aborted;
  }

  /** Something to wait for before the next event, if there is. */
  ready(): Promise<void> | undefined {
    if (!this.#clock) return undefined;
    const wait = this.#clock.wait(monotonic());
    return wait > 0 ? pause(wait, this.#signal) : undefined;
  }

  /** One event was begun. */
  begin(): void {
    this.#events++;
    this.#clock?.take(monotonic());
  }

  /** Publishes one sample. A promise when there is something to wait for. */
  publish(topic: string, payload: Uint8Array): Promise<unknown> | undefined {
    const result = this.#publisher.publish(topic, payload);
    return typeof result === "boolean" ? undefined : orLeaving(result, this.#signal);
  }
}

async function publishMade(
  turn: Turn,
  options: PublisherRoleOptions,
  source: MadeSource,
  publisher: Publisher,
  signal: AbortSignal,
): Promise<void> {
  const address = publisher.endpoint.replace(/^tcp:\/\//, "") || publisher.id;
  const make = payloadMaker(source, address);
  while (!turn.over) {
    const wait = turn.ready();
    if (wait) await wait;
    if (signal.aborted) return;
    turn.begin();
    for (const topic of options.topics) {
      const waiting = turn.publish(topic, make(topic, wallClock()));
      if (waiting) await waiting;
    }
  }
}

async function publishLines(
  turn: Turn,
  options: PublisherRoleOptions,
  keyed: boolean,
  input: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const splitter = new LineSplitter(MAX_LINE_BYTES);
  const topics = new Set(options.topics);
  let number = 0;
  const publishAll = async (lines: Uint8Array[]) => {
    for (const line of lines) {
      if (turn.over) return;
      const wait = turn.ready();
      if (wait) await wait;
      if (signal.aborted) return;
      number++;
      turn.begin();
      if (keyed) {
        const { topic, payload } = keyOf(line, number, topics);
        const waiting = turn.publish(topic, payload);
        if (waiting) await waiting;
        continue;
      }
      for (const topic of topics) {
        const waiting = turn.publish(topic, line);
        if (waiting) await waiting;
      }
    }
  };
  const reader = input.getReader();
  while (!turn.over) {
    const chunk = await orLeaving(reader.read(), signal);
    if (chunk === undefined) return;
    if (chunk.done) {
      const last = splitter.end();
      if (last) await publishAll([last]);
      return;
    }
    await publishAll(splitter.push(chunk.value));
  }
}

function keyOf(
  line: Uint8Array,
  number: number,
  topics: ReadonlySet<string>,
): { topic: string; payload: Uint8Array } {
  const keyed = splitKeyed(line);
  if (!keyed) {
    throw new PubsubError(
      `line ${number} of the input has no tab: with --keyed it must be TOPIC<TAB>payload`,
    );
  }
  const { topic, payload } = keyed;
  if (topic === undefined) {
    const bytes = line.subarray(0, Math.min(line.indexOf(9), 32)).toHex();
    throw new PubsubError(`line ${number} of the input has a topic that is no UTF-8: its bytes are ${bytes}`);
  }
  if (!topics.has(topic)) {
    throw new PubsubError(
      `line ${number} of the input is for topic ${JSON.stringify(topic)}, which is not in --topics`,
    );
  }
  return { topic, payload };
}
