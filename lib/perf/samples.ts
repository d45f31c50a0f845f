/**
 * A subscriber's latency CSV as columns. Total: any text gives samples and a count of rows that are none.
 *
 * The first three columns are the earlier framework's; a file that has only these is read too, then the times and
 * numbers are NaN and every row counts as live.
 */

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

/** The fields of a row by RFC 4180; a line break inside quotes is not supported, topics and ids are on one line. */
export function csvFields(row: string): string[] {
  if (!row.includes('"')) return row.split(",");
  const fields: string[] = [];
  for (let at = 0; at <= row.length;) {
    if (row[at] === '"') {
      let field = "";
      let from = at + 1;
      for (;;) {
        const quote = row.indexOf('"', from);
        if (quote < 0) return [...fields, field + row.slice(from)];
        field += row.slice(from, quote);
        if (row[quote + 1] !== '"') {
          fields.push(field);
          at = quote + 2;
          break;
        }
        field += '"';
        from = quote + 2;
      }
    } else {
      const comma = row.indexOf(",", at);
      const end = comma < 0 ? row.length : comma;
      fields.push(row.slice(at, end));
      at = end + 1;
    }
  }
  return fields;
}

/** Reads a latency file. */
export function parseSamples(text: string): Samples {
  const lines = text.split(/\r?\n/);
  const header = csvFields(lines[0] ?? "").map((name) => name.trim());
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
  const rows = at.latency < 0 ? [] : lines.slice(1).filter((line) => line !== "");
  const publishers = new Names();
  const topics = new Names();
  const samples = {
    publisher: new Uint32Array(rows.length),
    topic: new Uint32Array(rows.length),
    latency: new Float64Array(rows.length),
    sequence: new Float64Array(rows.length),
    publishTime: new Float64Array(rows.length),
    receiveTime: new Float64Array(rows.length),
    historical: new Uint8Array(rows.length),
  };
  let count = 0;
  for (const row of rows) {
    const fields = csvFields(row);
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
    ...samples,
    latency: samples.latency.subarray(0, count),
    count,
    publishers: publishers.list,
    topics: topics.list,
    invalid: rows.length - count + (at.latency < 0 ? lines.filter((line) => line !== "").length : 0),
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
