/**
 * What a subscriber received, as one line: counts, latency percentiles, the longest silence. Pure: times come in.
 *
 * Latency percentiles count live samples only (a historical sample's age says nothing about the path), by an HDR
 * histogram with three significant digits from 1 microsecond to one hour. `max_gap_ms` is the longest time between
 * two deliveries that follow each other in one subscriber; 0 when there were fewer than two.
 */
import { build, type Histogram } from "hdr-histogram-js";
import type { EncodableBatch } from "./sample_encoder.ts";

const HOUR_MICROSECONDS = 3_600_000_000;

/** A clock that was compared with ours, milliseconds. */
export interface ClockDifference {
  /** By how much it is ahead of ours. */
  readonly offset: number;
  /** How far that may be wrong. */
  readonly bound: number;
}

/** Clocks that differ by less than this, above what the comparison may be wrong by, are said to agree. */
const CLOCKS_AGREE_MS = 1;
/** A latency below 0 by less than this is the resolution of two readings of one clock. */
const READING_MS = 1;

/** What the subscriber counts itself. */
export interface DeliveryCounts {
  /** Samples whose number was skipped because no window held them any more. */
  readonly lost: number;
  /** Samples that were dropped for a later owner of their topic. */
  readonly fenced: number;
  /** Samples that came a second time and were dropped. */
  readonly duplicates: number;
  /** Samples that were missed and asked for again. */
  readonly recovered: number;
}

/** Counts deliveries of one process: one {@link DeliveryTrack} a subscriber. */
export class DeliverySummary {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HOUR_MICROSECONDS,
    numberOfSignificantValueDigits: 3,
  });
  #received = 0;
  #historical = 0;
  #maxGap = 0;
  #negative = 0;
  #clock: ClockDifference | undefined;
  /** Of the publisher whose clock differs most from its broker's. */
  #publisherClock = 0;

  /** Samples delivered, historical ones included. */
  get received(): number {
    return this.#received;
  }

  /** Where one subscriber's deliveries are counted. */
  track(): DeliveryTrack {
    let last: number | undefined;
    return {
      add: (batch, count) => {
        if (count <= 0) return;
        const { receiveTime, receivedAt } = batch;
        if (last !== undefined) this.#maxGap = Math.max(this.#maxGap, receivedAt - last);
        last = receivedAt;
        this.#received += count;
        const { clockOffset } = batch;
        if (Math.abs(clockOffset) > Math.abs(this.#publisherClock)) this.#publisherClock = clockOffset;
        if (batch.historical) {
          this.#historical += count;
          return;
        }
        const { firstSequence } = batch;
        batch.forEach((publishTime, _start, _end, sequence) => {
          if (sequence - firstSequence < count) this.#record(receiveTime - publishTime);
        });
      },
    };
  }

  /** What the clock of a subscriber's broker is; the one that differs most is told. */
  clock(difference: ClockDifference | undefined): void {
    if (difference === undefined) return;
    const most = Math.abs(this.#clock?.offset ?? 0) - (this.#clock?.bound ?? 0);
    const { offset, bound } = difference;
    if (Math.abs(offset) > bound + CLOCKS_AGREE_MS && Math.abs(offset) - bound > most) {
      this.#clock = difference;
    }
  }

  #record(latencyMs: number): void {
    if (latencyMs < -READING_MS) this.#negative++;
    const microseconds = Math.round(latencyMs * 1000);
    // Two hosts' clocks may disagree: a negative latency counts as none, and is said.
    this.#histogram.recordValue(
      microseconds >= 0 ? Math.min(microseconds, HOUR_MICROSECONDS) : 0,
    );
  }

  /**
   * `summary received=... max_gap_ms=...`; a percentile of no samples is `-`. Where clocks differ, it goes on with
   * `negative=...` (samples from the future), `clock_offset_ms=... clock_bound_ms=...` and
   * `publisher_clock_offset_ms=...`.
   */
  line(counts: DeliveryCounts): string {
    const percentile = (p: number) =>
      this.#histogram.totalCount === 0 ? "-" : (this.#histogram.getValueAtPercentile(p) / 1000).toFixed(3);
    return `summary received=${this.#received} historical=${this.#historical} lost=${counts.lost} ` +
      `fenced=${counts.fenced} duplicates=${counts.duplicates} recovered=${counts.recovered} p50_ms=${
        percentile(50)
      } ` +
      `p99_ms=${percentile(99)} max_gap_ms=${this.#maxGap.toFixed(3)}` +
      (this.#negative === 0 ? "" : ` negative=${this.#negative}`) +
      (this.#clock === undefined ? "" : ` clock_offset_ms=${this.#clock.offset.toFixed(3)} ` +
        `clock_bound_ms=${this.#clock.bound.toFixed(3)}`) +
      (this.#publisherClock === 0 ? "" : ` publisher_clock_offset_ms=${Math.round(this.#publisherClock)}`);
  }
}

/** One subscriber's deliveries. */
export interface DeliveryTrack {
  /** The first `count` samples of `batch` were delivered. */
  add(batch: EncodableBatch & { readonly receivedAt: number }, count: number): void;
}
