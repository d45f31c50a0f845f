/**
 * Latencies of one run, in microseconds. Percentiles by an HDR histogram: three significant digits, up to a minute.
 *
 * Travels between processes as pairs of value and count, which a client in any language can write.
 */
import { build } from "hdr-histogram-js";

const MINUTE_MICROSECONDS = 60_000_000;

/** Pairs of microseconds and how many samples took so long, ascending. */
export type LatencyPairs = [microseconds: number, count: number][];

/** Percentiles, microseconds. */
export interface LatencyFigures {
  count: number;
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

/** Counts latencies. */
export class Latencies {
  readonly #counts = new Map<number, number>();

  /** Count one sample. Clocks of two processes may disagree by a microsecond: below 0 counts as 0. */
  record(milliseconds: number): void {
    this.#add(Math.round(milliseconds * 1000), 1);
  }

  /** Count what was counted elsewhere. */
  addAll(pairs: LatencyPairs): void {
    for (const [microseconds, count] of pairs) this.#add(microseconds, count);
  }

  #add(microseconds: number, count: number): void {
    const value = Math.min(Math.max(0, microseconds), MINUTE_MICROSECONDS);
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + count);
  }

  /** What was counted. */
  pairs(): LatencyPairs {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }

  /** Undefined when nothing was counted. */
  figures(): LatencyFigures | undefined {
    if (this.#counts.size === 0) return undefined;
    const histogram = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: MINUTE_MICROSECONDS,
      numberOfSignificantValueDigits: 3,
    });
    for (const [value, count] of this.#counts) histogram.recordValueWithCount(value, count);
    return {
      count: histogram.totalCount,
      p50: histogram.getValueAtPercentile(50),
      p99: histogram.getValueAtPercentile(99),
      p999: histogram.getValueAtPercentile(99.9),
      max: histogram.maxValue,
    };
  }
}
