/**
 * The subscriber's latency file: one row a delivered sample, CSV by RFC 4180 with line feeds.
 *
 *     publisher,topic,total_time_seconds,sequence,epoch,publish_time,receive_time,historical
 *
 * The first three columns are the earlier framework's; `total_time_seconds` is receive time minus publish time with
 * microseconds; both times are milliseconds since the epoch with three decimals; `historical` is 0 or 1.
 *
 * Rows gather in memory and are written by a task of their own, at the latest 250 ms after they came, so a killed
 * process leaves nearly all of them. At most `limit` characters wait: then `add` returns a promise to wait for.
 * When a write fails (disk full) the file is cut behind its last whole row, `onFailure` is told once, later rows are
 * dropped, and samples go on.
 */
import { csvField } from "../base/csv.ts";
import { PubsubError, reasonOf } from "../base/errors.ts";
import type { EncodableBatch } from "./sample_encoder.ts";

/** The header row. */
export const LATENCY_HEADER =
  "publisher,topic,total_time_seconds,sequence,epoch,publish_time,receive_time,historical";

/** The rows of the first `count` samples of `batch`, each ended by a line feed. */
export function latencyRows(batch: EncodableBatch, count: number): string {
  const { epoch, firstSequence, receiveTime } = batch;
  const prefix = `${csvField(batch.publisher)},${csvField(batch.topic)},`;
  const suffix = `,${receiveTime.toFixed(3)},${batch.historical ? 1 : 0}\n`;
  let rows = "";
  batch.forEach((publishTime, _start, _end, sequence) => {
    if (sequence - firstSequence >= count) return;
    const seconds = ((receiveTime - publishTime) / 1000).toFixed(6);
    rows += `${prefix}${seconds},${sequence},${epoch},${publishTime.toFixed(3)}${suffix}`;
  });
  return rows;
}

/** A name for client `number` of several: `s1.csv` becomes `s1-2.csv`. */
export function numberedPath(path: string, number: number): string {
  const slash = path.lastIndexOf("/") + 1;
  const dot = path.lastIndexOf(".");
  return dot > slash ? `${path.slice(0, dot)}-${number}${path.slice(dot)}` : `${path}-${number}`;
}

/** Characters of rows that wait to be written. */
const LONGEST_WAITING = 1_048_576;

/** Where the rows go. */
export interface CsvFile {
  write(bytes: Uint8Array): Promise<number>;
  truncate(length: number): Promise<void>;
  close(): void;
}

const encoder = new TextEncoder();
const QUOTE = 34;
const LINE_FEED = 10;

/** The length of the whole rows at the beginning of `rows`: a line feed between quotes ends none. */
export function wholeRows(rows: Uint8Array): number {
  let whole = 0;
  let quoted = false;
  for (let at = 0; at < rows.length; at++) {
    if (rows[at] === QUOTE) quoted = !quoted;
    else if (rows[at] === LINE_FEED && !quoted) whole = at + 1;
  }
  return whole;
}

/** Writes the file in the background. */
export class LatencyCsv {
  readonly #file: CsvFile;
  readonly #onFailure: (reason: string) => void;
  readonly #limit: number;
  #rows = LATENCY_HEADER + "\n";
  #writing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Bytes of the file. */
  #length = 0;
  #failed = false;
  #closed = false;

  /**
   * Creates (or empties) the file at `path`.
   *
   * @throws {PubsubError} when that is not possible.
   */
  static async create(path: string, onFailure: (reason: string) => void): Promise<LatencyCsv> {
    let file: CsvFile;
    try {
      file = await Deno.open(path, { write: true, create: true, truncate: true });
    } catch (cause) {
      throw new PubsubError(`cannot write ${path}: ${reasonOf(cause)}`, { cause });
    }
    const csv = new LatencyCsv(file, onFailure);
    await csv.flush();
    return csv;
  }

  constructor(file: CsvFile, onFailure: (reason: string) => void, limit = LONGEST_WAITING) {
    this.#file = file;
    this.#onFailure = onFailure;
    this.#limit = limit;
  }

  /** Whether a write failed: the file is incomplete. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Adds the first `count` samples of `batch`. A promise when the disk is behind: wait for it. */
  add(batch: EncodableBatch, count: number): Promise<void> | undefined {
    if (this.#failed || this.#closed || count <= 0) return undefined;
    this.#rows += latencyRows(batch, count);
    if (this.#rows.length > 65_536) this.#writing ??= this.#pump();
    else this.#timer ??= setTimeout(() => void (this.#writing ??= this.#pump()), 250);
    return this.#rows.length > this.#limit ? this.#room() : undefined;
  }

  /** Writes what waits. Never rejects. */
  async flush(): Promise<void> {
    this.#stopTimer();
    if (this.#rows !== "") this.#writing ??= this.#pump();
    while (this.#writing) await this.#writing;
  }

  /** Writes what waits and closes the file. Never rejects; a second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.flush();
    this.#closed = true;
    this.#stopTimer();
    this.#file.close();
  }

  async #room(): Promise<void> {
    while (this.#writing && this.#rows.length > this.#limit) await this.#writing;
  }

  async #pump(): Promise<void> {
    this.#stopTimer();
    // The caller stores this promise first: only then may the end of this task clear it.
    await Promise.resolve();
    try {
      while (this.#rows !== "" && !this.#failed) {
        const bytes = encoder.encode(this.#rows);
        this.#rows = "";
        await this.#writeWhole(bytes);
      }
    } catch (error) {
      this.#failed = true;
      this.#rows = "";
      this.#onFailure(reasonOf(error));
    }
    this.#writing = undefined;
  }

  async #writeWhole(bytes: Uint8Array): Promise<void> {
    let at = 0;
    try {
      while (at < bytes.length) at += await this.#file.write(bytes.subarray(at));
    } catch (error) {
      // Not possible where it is no file, a pipe for instance: its reader has what it has.
      await this.#file.truncate(this.#length + wholeRows(bytes.subarray(0, at))).catch(() => {});
      throw error;
    }
    this.#length += bytes.length;
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
