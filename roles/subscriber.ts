/**
 * `pubsub subscriber`: writes the samples it receives to standard output and their latency to a CSV file, until it
 * has received as many as asked or is asked to leave; then one line of summary on standard error.
 *
 * Guarantee: every sample counted in the summary has been handed to standard output and to the file, in order, also
 * when it ends by Ctrl-C; and none is acknowledged before standard output has taken it. A slow reader slows this subscriber only. When the file cannot be written the samples go
 * on, and the exit code is 1. Session suspended or lost: the samples go on.
 */
import { wallClock } from "../lib/base/clock.ts";
import { PubsubError, reasonOf } from "../lib/base/errors.ts";
import { DeliverySummary } from "../lib/output/delivery_summary.ts";
import { LatencyCsv, numberedPath } from "../lib/output/latency_csv.ts";
import { logger } from "../lib/base/log.ts";
import { type OutputFormat, sampleEncoder } from "../lib/output/sample_encoder.ts";
import { SampleOutput } from "../lib/output/sample_output.ts";
import { Subscriber } from "../lib/client/subscriber.ts";
import type { SubscriberOptions } from "../lib/client/subscriber_options.ts";
import { appendLine } from "../lib/base/whole_file.ts";
import type { RoleContext } from "./context.ts";
import { memberId, orLeaving, pause, runSeveral, watchFailure } from "./leaving.ts";

/** What is asked of the subscribers of one process. */
export interface SubscriberRoleOptions extends SubscriberOptions {
  /** Subscribers in this process. */
  readonly count: number;
  /** Samples each of them receives, historical ones included; without it as many as there are. */
  readonly maxEvents?: number;
  readonly format: OutputFormat;
  /** Latency file. */
  readonly csvPath?: string;
  /** File of failures that were recovered from. */
  readonly eventsPath?: string;
}

/** How long a reader of standard output that stands still is waited for when leaving. */
const OUTPUT_GRACE_MS = 2000;

const log = logger("subscriber");

/** Runs the subscribers. */
export async function runSubscriber(options: SubscriberRoleOptions, context: RoleContext): Promise<number> {
  const encode = sampleEncoder(options.format);
  const output = encode &&
    new SampleOutput(encode, (bytes) => context.outBytes(bytes), (count) => context.takeBack?.(count));
  const summary = new DeliverySummary();
  const counts = { lost: 0, fenced: 0, duplicates: 0, recovered: 0 };
  let incomplete = false;
  const failures: unknown[] = [];
  await runSeveral(options.count, context.signal, async (number, signal) => {
    const member = new Member(options, number, output, summary);
    try {
      await member.run(signal);
    } finally {
      await member.close();
      summary.clock(member.subscriber.clock);
      const stats = member.subscriber.stats();
      counts.lost += stats.lost;
      counts.fenced += stats.fenced;
      counts.duplicates += stats.duplicates;
      counts.recovered += stats.recovered;
      incomplete ||= member.incomplete;
    }
  }).catch((error) => failures.push(error));
  await finish(output, context.signal).catch((error) => failures.push(error));
  context.note(summary.line(counts));
  if (failures.length > 0) throw failures[0];
  return incomplete ? 1 : 0;
}

/** Waits for the reader; when leaving, only as long as it reads. */
async function finish(output: SampleOutput | undefined, signal: AbortSignal): Promise<void> {
  if (!output) return;
  const written = output.finish().then(() => true);
  let done = await orLeaving(written, signal);
  for (let before = -1; !done && before < output.written;) {
    before = output.written;
    const patience = new AbortController();
    done = await Promise.race([written, pause(OUTPUT_GRACE_MS, patience.signal).then(() => false)]);
    patience.abort();
  }
  if (!done) log.warn("standard output is not read: the last samples are not written");
}

/** One subscriber with its file. */
class Member {
  readonly subscriber: Subscriber;
  readonly #options: SubscriberRoleOptions;
  readonly #number: number;
  readonly #output: SampleOutput | undefined;
  readonly #track;
  #csv: LatencyCsv | undefined;
  #events: Promise<void> = Promise.resolve();
  #eventsFailed = false;
  /** It ends for a reason of its own: what was not written it has not got. */
  #failed = false;

  constructor(
    options: SubscriberRoleOptions,
    number: number,
    output: SampleOutput | undefined,
    summary: DeliverySummary,
  ) {
    this.#options = options;
    this.#number = number;
    this.#output = output;
    this.#track = summary.track();
    const { count, maxEvents: _max, format: _format, csvPath: _csv, eventsPath: _events, ...own } = options;
    this.subscriber = new Subscriber({ ...own, ...memberId(options.id, number, count) });
  }

  /** Whether a file could not be written to its end. */
  get incomplete(): boolean {
    return this.#eventsFailed || (this.#csv?.failed ?? false);
  }

  async run(outer: AbortSignal): Promise<void> {
    const life = watchFailure(outer, this.subscriber.failed);
    try {
      await this.#openFiles();
      await this.subscriber.start(life.signal);
      await this.#receive(life.signal);
    } catch (error) {
      life.throwIfFailed();
      if (!life.signal.aborted) {
        this.#failed = true;
        throw error;
      }
    }
    life.throwIfFailed();
  }

  async close(): Promise<void> {
    await this.#csv?.flush();
    await this.subscriber.close(!this.#failed);
    await this.#csv?.close();
    await this.#events;
  }

  async #receive(signal: AbortSignal): Promise<void> {
    let remaining = this.#options.maxEvents ?? Infinity;
    const batches = this.subscriber.batches()[Symbol.asyncIterator]();
    while (remaining > 0) {
      const next = await orLeaving(batches.next(), signal);
      if (next === undefined || next.done) return;
      const batch = next.value;
      const count = Math.min(batch.count, remaining);
      remaining -= count;
      const disk = this.#csv?.add(batch, count);
      const reader = this.#output?.add(batch, count, this.subscriber.id);
      if (disk || reader) await Promise.all([disk, reader && orLeaving(reader, signal)]);
      this.#track.add(batch, count);
      // Asking for more would acknowledge what may not be written yet.
      if (signal.aborted) return;
    }
  }

  #pathOf(path: string): string {
    return this.#options.count === 1 ? path : numberedPath(path, this.#number);
  }

  async #openFiles(): Promise<void> {
    const { csvPath, eventsPath } = this.#options;
    if (csvPath !== undefined) {
      const path = this.#pathOf(csvPath);
      this.#csv = await LatencyCsv.create(
        path,
        (reason) => log.error(`cannot write ${path}: ${reason}; samples go on without it`),
      );
    }
    if (eventsPath !== undefined) {
      const path = this.#pathOf(eventsPath);
      await Deno.writeTextFile(path, "").catch((cause) => {
        throw new PubsubError(`cannot write ${path}: ${reasonOf(cause)}`, { cause });
      });
      this.#events = this.#writeEvents(path);
    }
  }

  /**
   * One line a failure that was recovered from, until the subscriber is closed; then one of what its broker's clock
   * was by then. Never rejects.
   */
  async #writeEvents(path: string): Promise<void> {
    const write = (record: unknown) => appendLine(path, JSON.stringify(record));
    try {
      for await (const event of this.subscriber.events()) {
        if (event.type === "failover") await write(event.failover);
      }
      const { clock } = this.subscriber;
      if (clock !== undefined) {
        const { offset, bound } = clock;
        await write({ time: wallClock(), event: "clock", offset_ms: offset, bound_ms: bound });
      }
    } catch (error) {
      this.#eventsFailed = true;
      log.error(`cannot write ${path}: ${reasonOf(error)}; samples go on without it`);
    }
  }
}
