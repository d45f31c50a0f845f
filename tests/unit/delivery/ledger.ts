/**
 * The independent book of who published what and who got what: fed by the simulated publishers and by what the
 * subscribers hand out, it knows nothing of windows, requests or numbers waited for.
 */
import assert from "node:assert/strict";
import type { SampleBatch } from "../../../lib/wire/batch.ts";
import type { StreamCounters } from "../../../lib/stream/stream_surroundings.ts";

interface Published {
  epoch: bigint;
  payload: string;
}

/** One incarnation of a publisher, as published. */
export class PublishedBook {
  readonly samples: Published[] = [];

  constructor(readonly publisher: string, readonly incarnation: number) {}

  /** The next sample's payload: it names itself. */
  next(epoch: bigint, size: number): string {
    const payload = `${this.publisher}/${this.incarnation}/${this.samples.length + 1}/`.padEnd(size, "x");
    this.samples.push({ epoch, payload });
    return payload;
  }
  get last(): number {
    return this.samples.length;
  }
}

/** When a publisher let somebody join: what it had published by then. */
export interface Join {
  request: number;
  /** The last number that is history to the one who joined. */
  base: number;
  /** The last number published by then. */
  last: number;
  /** Whether it could give history: it owned the topic. */
  mayHaveHistory: boolean;
}

const decoder = new TextDecoder();

/** What one subscriber got of one stream, and what is to be true of it. */
export class ReceivedBook {
  readonly joins: Join[] = [];
  readonly lost: { from: number; to: number }[] = [];
  delivered = 0;
  historical = 0;
  readonly #fenced: number[] = [];
  #start: number | undefined;
  #expected = 0;
  #historyEnd = 0;

  constructor(
    readonly source: PublishedBook,
    readonly options: { requested: number; offered: number; topicEpochs: { highest: bigint } },
  ) {}

  /** The first number that was given to the user or reported as lost; undefined before. */
  get start(): number | undefined {
    return this.#start;
  }
  /** Number up to which everything is accounted for. */
  get accounted(): number {
    return this.#expected - 1;
  }

  onDelivered(batch: SampleBatch): void {
    for (const sample of batch) {
      const { sequence } = sample;
      this.#reach(sequence);
      const published = this.source.samples[sequence - 1];
      assert.ok(published, `${sequence} was never published`);
      assert.equal(decoder.decode(sample.payload), published.payload);
      // What is sent again by its owner carries the epoch of then.
      assert.ok(sample.epoch >= published.epoch, `epoch ${sample.epoch}, published in ${published.epoch}`);
      assert.ok(sample.epoch >= this.options.topicEpochs.highest, "a fenced sample was delivered");
      this.options.topicEpochs.highest = sample.epoch;
      if (sample.historical) {
        assert.ok(this.historical === this.delivered, "history comes before all else");
        this.historical++;
        this.#historyEnd = sequence;
      }
      this.delivered++;
      this.#expected = sequence + 1;
    }
  }

  onLost(from: number, to: number): void {
    assert.ok(to >= from);
    this.#reach(from);
    assert.ok(to <= this.source.last, `lost ${from} to ${to}, published only up to ${this.source.last}`);
    this.lost.push({ from, to });
    this.#expected = to + 1;
  }

  /** Dropped for a later owner, for good. */
  onFenced(from: number, to: number): void {
    assert.ok(to >= from);
    this.#reach(from);
    for (let sequence = from; sequence <= to; sequence++) {
      this.#mustBeStale(sequence);
      this.#fenced.push(sequence);
    }
    this.#expected = to + 1;
  }

  /** `sequence` is next, and nothing was skipped in front of it. */
  #reach(sequence: number): void {
    this.#start ??= sequence;
    if (this.#expected === 0) this.#expected = sequence;
    assert.equal(sequence, this.#expected, `${sequence} after ${this.#expected - 1}`);
  }

  #mustBeStale(sequence: number): void {
    const { epoch } = this.source.samples[sequence - 1]!;
    assert.ok(
      epoch < this.options.topicEpochs.highest,
      `${sequence} is neither delivered nor lost nor fenced`,
    );
  }

  get lostCount(): number {
    return this.lost.reduce((sum, { from, to }) => sum + to + 1 - from, 0);
  }

  /** Compare with the stream's own counters. @param next its next number; 0 when it never joined. */
  check(next: number, counters: StreamCounters): void {
    if (next === 0) return;
    if (this.#expected === 0) this.#expected = this.#start = next;
    assert.equal(next, this.#expected, "everything before the next number is accounted for");
    assert.equal(counters.delivered, this.delivered, "delivered");
    assert.equal(counters.lost, this.lostCount, "lost");
    assert.equal(counters.historical, this.historical, "historical");
    assert.ok(counters.recovered <= this.delivered - this.historical, "recovered");
    const open = counters.fenced - this.#fenced.length;
    assert.ok(open >= 0, "fenced");
    for (let sequence = next; sequence < next + open; sequence++) this.#mustBeStale(sequence);
  }

  /** The history was what it has to be, by one of the joins that the publisher granted. */
  checkHistory(): void {
    if (this.#start === undefined) return;
    const { requested, offered } = this.options;
    const fitting = this.joins.filter(({ base, last, mayHaveHistory }) => {
      const depth = mayHaveHistory ? Math.min(requested, offered, base) : 0;
      const exact = base + 1 - depth;
      // A repeated join names an earlier base; of what is offered since then, the older part may be gone.
      if (this.#start! < exact || this.#start! > Math.max(exact, last + 1 - offered)) return false;
      const lost = this.lost.filter(({ from }) => from <= base).reduce(
        (sum, { from, to }) => sum + Math.min(to, base) + 1 - from,
        0,
      );
      const accounted = Math.max(0, Math.min(base, this.accounted) + 1 - this.#start!);
      const fenced = this.#fenced.filter((number) => number <= base).length;
      return this.historical === accounted - lost - fenced && this.#historyEnd <= base;
    });
    assert.ok(
      fitting.length > 0,
      `joined with number ${this.#start} and ${this.historical} of history, ` +
        `granted: ${JSON.stringify(this.joins)} of ${requested} requested and ${offered} offered`,
    );
  }
}
