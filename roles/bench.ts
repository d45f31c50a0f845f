/**
 * `pubsub bench`: how fast this program is on this machine. Clients, broker and ZooKeeper are processes of their own;
 * every sample is checked by its content; the result is a line a run, or JSON, or a CSV file.
 *
 * Guarantee: exit code 1 when a sample was lost, repeated, out of order or damaged; when it ends, however it ends,
 * everything it started is gone.
 */
import { runJob, type Shape } from "../lib/bench/job.ts";
import type { JobResult } from "../lib/bench/job.ts";
import { type PubsubSettings, PubsubSystem } from "../lib/bench/pubsub_system.ts";
import { measureStartup } from "../lib/bench/startup.ts";
import { startupLines } from "../lib/bench/startup.ts";
import {
  checkText,
  csv,
  flatResult,
  rateText,
  resultLine,
  shapeText,
  spreadText,
} from "../lib/bench/table.ts";
import { PubsubError, reasonOf } from "../lib/base/errors.ts";
import { replaceFile } from "../lib/base/whole_file.ts";
import type { RoleContext } from "./context.ts";

/** What is measured and how it is told. */
export interface BenchOptions extends Shape, PubsubSettings {
  repeats: number;
  /** Without it an embedded one is started. */
  zookeeper?: string;
  /** One JSON document on standard output instead of lines. */
  json?: boolean;
  /** One row a run, besides. */
  csvPath?: string;
  /** Measure start-up, memory and idle CPU of each role instead. */
  startup?: boolean;
}

/** Run it. @returns the exit code. */
export async function runBench(options: BenchOptions, context: RoleContext): Promise<number> {
  if (options.startup) return await runStartup(options, context);
  const { mode, history, reliability, repeats, seconds, warmUpSeconds } = options;
  const system = new PubsubSystem(options, options.zookeeper);
  const shape = shapeOf(options);
  const tell = options.json ? context.note : context.out;
  tell(
    `${
      shapeText(shape)
    }, ${mode}, history ${history}, ${reliability}; ${repeats} × ${seconds} s after ${warmUpSeconds} s`,
  );
  const results: JobResult[] = [];
  try {
    for (let run = 1; run <= repeats; run++) {
      const result = await runJob(system, shape, context.signal);
      results.push(result);
      tell(`run ${run}: ${resultLine(result)}`);
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
  if (options.csvPath !== undefined) await writeCsv(options.csvPath, results);
  if (options.json) {
    context.out(JSON.stringify({ ...settingsOf(options), runs: results.map(flatResult) }));
  } else if (results.length > 1) {
    const rate = spreadText(results.map(({ perSubscriber }) => perSubscriber), rateText);
    const cpu = spreadText(results.map(({ cpuPerMillion }) => cpuPerMillion), (value) => value.toFixed(2));
    context.out(`median: ${rate} samples/s per subscriber; CPU ${cpu} s per million deliveries`);
  }
  const wrong = results.find(({ missing, repeated, corrupt }) => missing + repeated + corrupt > 0);
  if (wrong) context.note(`error: the samples received are not those sent: ${checkText(wrong)}`);
  return wrong || results.length < repeats ? 1 : 0;
}

async function runStartup(options: BenchOptions, context: RoleContext): Promise<number> {
  const figures = await measureStartup(
    { repeats: options.repeats, idleSeconds: options.seconds },
    context.signal,
  );
  if (options.json) context.out(JSON.stringify(figures));
  else for (const line of startupLines(figures)) context.out(line);
  return 0;
}

function shapeOf(options: BenchOptions): Shape {
  const { publishers, subscribers, payloadBytes, rate, warmUpSeconds, seconds } = options;
  return { publishers, subscribers, payloadBytes, rate, warmUpSeconds, seconds };
}

function settingsOf({ mode, history, reliability, take }: BenchOptions): PubsubSettings {
  return { mode, history, reliability, take };
}

async function writeCsv(path: string, results: JobResult[]): Promise<void> {
  try {
    await replaceFile(path, csv(results.map(flatResult)));
  } catch (error) {
    throw new PubsubError(`Cannot write ${path}: ${reasonOf(error)}`, { cause: error });
  }
}
