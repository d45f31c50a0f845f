/**
 * A subscriber's latency CSV as columns. Total: any text gives samples and a count of rows that are none.
 *
 * The first three columns are the earlier framework's; a file that has only these is read too, then the times and
 * numbers are NaN and every row counts as live.
 */
import { csvRows } from "../base/csv.ts";

/** The samples of one file, column by column, in the file's order. */
export interface Samples {
  readonly count: number;
  /** Index into `publishers` and `topics`. */
  readonly publisher: Uint32Array;
  readonly topic: Uint32Array;
  readonly publishers: readonly string[];
  readonly topics: readonly string[];
  /** Milliseconds. */
  readonly latency: Float64Array;
  readonly sequence: Float64Array;
  /** Milliseconds since the epoch. */
  readonly publishTime: Float64Array;
  readonly receiveTime: Float64Array;
  /** 1: history that was replayed to a late subscriber, not counted in latencies. */
  readonly historical: Uint8Array;
  /** Rows that could not be read. */
  readonly invalid: number;
}

/** Numbers names in the order they come. */
class Names {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.list.length);
    return this.list.push(name) - 1;
  }
}

function lineFeeds(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

/** Reads a latency file. */
export function parseSamples(text: string): Samples {
  const rows = csvRows(text);
  const header: string[] = (rows.next().value ?? []).map((name: string) => name.trim());
  const column = (name: string) => header.indexOf(name);
  const at = {
    publisher: column("publisher"),
    topic: column("topic"),
    latency: column("total_time_seconds"),
    sequence: column("sequence"),
    publishTime: column("publish_time"),
    receiveTime: column("receive_time"),
    historical: column("historical"),
  };
  const readable = at.latency >= 0;
  const most = readable ? lineFeeds(text) + 1 : 0;
  const publishers = new Names();
  const topics = new Names();
  const samples = {
    publisher: new Uint32Array(most),
    topic: new Uint32Array(most),
    latency: new Float64Array(most),
    sequence: new Float64Array(most),
    publishTime: new Float64Array(most),
    receiveTime: new Float64Array(most),
    historical: new Uint8Array(most),
  };
  let count = 0;
  let all = header.length > 0 && !readable ? 1 : 0;
  for (const fields of rows) {
    all++;
    if (!readable) continue;
    const number = (index: number) => {
      const field = fields[index];
      return field === undefined || field.trim() === "" ? NaN : Number(field);
    };
    const latency = number(at.latency) * 1000;
    if (!Number.isFinite(latency) || fields.length < header.length) continue;
    samples.publisher[count] = publishers.numberOf(fields[at.publisher] ?? "");
    samples.topic[count] = topics.numberOf(fields[at.topic] ?? "");
    samples.latency[count] = latency;
    samples.sequence[count] = number(at.sequence);
    samples.publishTime[count] = number(at.publishTime);
    samples.receiveTime[count] = number(at.receiveTime);
    samples.historical[count] = fields[at.historical] === "1" ? 1 : 0;
    count++;
  }
  return {
    publisher: samples.publisher.subarray(0, count),
    topic: samples.topic.subarray(0, count),
    latency: samples.latency.subarray(0, count),
    sequence: samples.sequence.subarray(0, count),
    publishTime: samples.publishTime.subarray(0, count),
    receiveTime: samples.receiveTime.subarray(0, count),
    historical: samples.historical.subarray(0, count),
    count,
    publishers: publishers.list,
    topics: topics.list,
    invalid: all - count,
  };
}

/** The latencies of the live samples that `wanted` accepts. */
export function liveLatencies(
  samples: Samples,
  wanted: (index: number) => boolean = () => true,
): Float64Array {
  const kept = new Float64Array(samples.count);
  let length = 0;
  for (let i = 0; i < samples.count; i++) {
    if (samples.historical[i] === 0 && wanted(i)) kept[length++] = samples.latency[i] as number;
  }
  return kept.subarray(0, length);
}
