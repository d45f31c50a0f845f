/**
 * Whether a subscriber received everything: each stream's numbers 1 to N, each once and in order. Pure.
 */
import type { Samples } from "./samples.ts";

/** What was published. */
export interface Expected {
  readonly publishers: number;
  readonly topics: number;
  /** Samples of each publisher on each topic. */
  readonly events: number;
}

/** What a file holds of it. */
export interface Completeness {
  readonly expected: number;
  /** Different samples. */
  readonly received: number;
  /** Of those, how many were replayed history. */
  readonly historical: number;
  readonly duplicates: number;
  /** Samples that came after a later one of their stream. */
  readonly reordered: number;
  /** Samples that should be there and are not. */
  readonly missing: number;
}

/** Compares a file with what was published. */
export function completenessOf(samples: Samples, expected: Expected): Completeness {
  const streams = new Map<string, Set<number>>();
  const last = new Map<string, number>();
  let duplicates = 0;
  let reordered = 0;
  let historical = 0;
  for (let i = 0; i < samples.count; i++) {
    const key = `${samples.publisher[i]} ${samples.topic[i]}`;
    const sequence = samples.sequence[i] as number;
    const seen = streams.get(key) ?? new Set();
    streams.set(key, seen);
    if (seen.has(sequence)) duplicates++;
    else if (sequence < (last.get(key) ?? 0)) reordered++;
    if (!seen.has(sequence) && samples.historical[i] === 1) historical++;
    seen.add(sequence);
    last.set(key, Math.max(sequence, last.get(key) ?? 0));
  }
  const received = [...streams.values()].reduce((sum, seen) => sum + seen.size, 0);
  const total = expected.publishers * expected.topics * expected.events;
  // A stream with numbers beyond what was published is not the stream that was meant.
  const strange = [...streams.values()].flatMap((seen) => [...seen])
    .filter((sequence) => !(sequence >= 1 && sequence <= expected.events)).length;
  return {
    expected: total,
    received,
    historical,
    duplicates,
    reordered,
    missing: total - (received - strange),
  };
}

/** What is wrong with it, in words; empty when it is complete. */
export function faultsOf(completeness: Completeness): string {
  const { missing, duplicates, reordered, expected } = completeness;
  const faults = [];
  if (missing > 0) faults.push(`${missing} of ${expected} samples missing`);
  if (missing < 0) faults.push(`${-missing} samples more than the ${expected} published`);
  if (duplicates > 0) faults.push(`${duplicates} twice`);
  if (reordered > 0) faults.push(`${reordered} out of order`);
  return faults.join(", ");
}
