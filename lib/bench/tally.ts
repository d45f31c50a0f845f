/**
 * What one subscriber of the benchmark sees: every sample checked, counted in the measured time, and its latencies.
 * Pure: times come in.
 */
import { Latencies } from "./latency.ts";
import type { ClientTask, Go, Received } from "./protocol.ts";
import { SampleReader } from "./sample.ts";

/** Counts one subscriber's samples. */
export class Tally {
  readonly #reader: SampleReader;
  readonly #go: Go;
  readonly #publishers: number;
  readonly #timed: boolean;
  readonly #intended = new Latencies();
  readonly #sent = new Latencies();
  #first: { time: number; count: number } | undefined;
  #last: { time: number; count: number } | undefined;

  constructor(task: ClientTask, go: Go) {
    this.#reader = new SampleReader(task.publishers, task.payloadBytes);
    this.#go = go;
    this.#publishers = task.publishers;
    this.#timed = task.rate > 0;
  }

  /** Whether every publisher's last sample has come. */
  get finished(): boolean {
    return this.#reader.finished >= this.#publishers;
  }
  get received(): number {
    return this.#reader.received;
  }

  /** Before the samples of one wake-up: they came at `now`. */
  at(now: number): void {
    if (now < this.#go.from) return;
    const count = this.#reader.received;
    this.#first ??= { time: now, count };
    if (now <= this.#go.to || this.#last === undefined) this.#last = { time: now, count };
  }

  /** One sample, that came at `now`. */
  add(view: DataView, start: number, end: number, now: number): void {
    const reader = this.#reader;
    if (!reader.check(view, start, end) || !this.#timed) return;
    const { from, to } = this.#go;
    if (reader.intended < from || reader.intended >= to) return;
    this.#intended.record(now - reader.intended);
    this.#sent.record(now - reader.sent);
  }

  /** The result. */
  result(): Received {
    const { received, faults } = this.#reader;
    const first = this.#first;
    const last = this.#last;
    return {
      type: "received",
      received,
      faults,
      measured: first && last ? last.count - first.count : 0,
      seconds: first && last ? (last.time - first.time) / 1000 : 0,
      intended: this.#intended.pairs(),
      sent: this.#sent.pairs(),
    };
  }
}
