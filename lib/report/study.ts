/**
 * The results of a performance run as they lie on disk, read back. Lenient: a file that is missing or odd makes a
 * remark, not an error. Layout: lib/perf/layout.ts.
 */
import { PubsubError, reasonOf } from "../base/errors.ts";
import { dataDirectory, RUN_FILE, type RunKey } from "../perf/layout.ts";
import { parseRunRecord, type RunRecord } from "../perf/run_record.ts";
import { type Mode, MODES } from "../perf/results.ts";
import { parseSamples, type Samples } from "../perf/samples.ts";

/** A loss of a broker, a publisher or an owner as a subscriber saw it; null: not known. */
export interface FailoverRow {
  readonly subscriber: string;
  readonly event: string;
  readonly what: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly detectedMs: number | null;
  readonly dataBackMs: number | null;
  readonly controlBackMs: number | null;
  readonly recovered: number | null;
  readonly lost: number | null;
  readonly duplicates: number | null;
  readonly reordered: number | null;
}

/** How far a broker's clock is ahead of a subscriber's, by the keep-alives between them. */
export interface ClockEstimate {
  readonly subscriber: string;
  readonly offsetMs: number;
  /** The estimate's largest error. */
  readonly boundMs: number;
}

/** One subscriber of a run. */
export interface StudySubscriber {
  readonly name: string;
  readonly samples: Samples;
}

/** One run. */
export interface StudyRun {
  readonly key: RunKey;
  readonly record: Partial<RunRecord>;
  readonly subscribers: readonly StudySubscriber[];
  readonly failovers: readonly FailoverRow[];
  readonly clocks: readonly ClockEstimate[];
}

/** Everything that was found below a directory. */
export interface Study {
  readonly runs: readonly StudyRun[];
  /** What was odd, one line each. */
  readonly remarks: readonly string[];
}

/** Reads `root`. Throws when there is no run in it. */
export async function readStudy(root: string): Promise<Study> {
  const runs: StudyRun[] = [];
  const remarks: string[] = [];
  for (const mode of MODES) {
    for (const network of await directoriesIn(`${root}/data/${mode}`)) {
      for (const repeat of await repeatsOf(root, mode, network)) {
        const run = await readRun(root, { mode, network, repeat }, remarks);
        if (run.subscribers.length > 0) runs.push(run);
        else remarks.push(`${mode} ${network} repeat ${repeat}: no subscriber's file`);
      }
    }
  }
  if (runs.length === 0) {
    throw new PubsubError(
      `No results in ${root}: expected data/direct|centralized/<network>/subscriber-<i>.csv, as pubsub perf writes`,
    );
  }
  return { runs, remarks };
}

/** Names in natural order: subscriber-2 before subscriber-10. */
function naturally(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}

async function directoriesIn(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) if (entry.isDirectory) names.push(entry.name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort(naturally);
}

async function repeatsOf(root: string, mode: Mode, network: string): Promise<number[]> {
  const names = await directoriesIn(dataDirectory(root, { mode, network, repeat: 1 }));
  const later = names.map((name) => Number(/^repeat-(\d+)$/.exec(name)?.[1])).filter((number) => number > 1);
  return [1, ...later].sort((one, other) => one - other);
}

async function readRun(root: string, key: RunKey, remarks: string[]): Promise<StudyRun> {
  const directory = dataDirectory(root, key);
  const place = `${key.mode} ${key.network} repeat ${key.repeat}`;
  const names: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    const match = /^(subscriber-.+)\.csv$/.exec(entry.name);
    if (match?.[1] !== undefined) names.push(match[1]);
  }
  const subscribers: StudySubscriber[] = [];
  const failovers: FailoverRow[] = [];
  const clocks: ClockEstimate[] = [];
  for (const name of names.sort(naturally)) {
    const samples = parseSamples(await Deno.readTextFile(`${directory}/${name}.csv`));
    if (samples.invalid > 0) remarks.push(`${place}: ${samples.invalid} rows of ${name}.csv cannot be read`);
    if (samples.count > 0) subscribers.push({ name, samples });
    else remarks.push(`${place}: ${name}.csv holds no samples`);
    const events = await Deno.readTextFile(`${directory}/${name}.events.jsonl`).catch(() => "");
    for (const line of events.split("\n")) {
      const event = parseEvent(line, name);
      if (event !== undefined && "offsetMs" in event) clocks.push(event);
      else if (event !== undefined) failovers.push(event);
    }
  }
  const text = await Deno.readTextFile(`${directory}/${RUN_FILE}`).catch((error: unknown) => {
    remarks.push(`${place}: no ${RUN_FILE} (${reasonOf(error)})`);
    return "{}";
  });
  const record = parseRunRecord(text);
  if (record === undefined) remarks.push(`${place}: ${RUN_FILE} is not JSON`);
  return { key, record: record ?? {}, subscribers, failovers, clocks };
}

/**
 * One line of an events file: a loss, or (event `clock`, with `offset_ms` and `bound_ms`) an estimate of the clock;
 * undefined when it is neither.
 */
export function parseEvent(line: string, subscriber: string): FailoverRow | ClockEstimate | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  if (typeof fields.event !== "string" || typeof fields.time !== "number") return undefined;
  const number = (name: string) => typeof fields[name] === "number" ? fields[name] : null;
  if (fields.event === "clock") {
    const { offset_ms: offsetMs, bound_ms: boundMs } = fields;
    return typeof offsetMs === "number" && typeof boundMs === "number"
      ? { subscriber, offsetMs, boundMs }
      : undefined;
  }
  return {
    subscriber,
    event: fields.event,
    what: typeof fields.what === "string" ? fields.what : "",
    time: fields.time,
    detectedMs: number("detected_ms"),
    dataBackMs: number("data_back_ms"),
    controlBackMs: number("control_back_ms"),
    recovered: number("recovered"),
    lost: number("lost"),
    duplicates: number("duplicates"),
    reordered: number("reordered"),
  };
}
