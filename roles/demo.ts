/**
 * `pubsub demo`: the whole system in under half a minute, every part a process of its own.
 *
 * An embedded ZooKeeper, two zones with a primary and a standby each, publishers and subscribers in both modes; a
 * late subscriber gets its history, one that asks for too much is told, a stronger publisher takes a topic over, and
 * the primary that forwards is killed under load. What was promised is then checked from the files that the
 * subscribers wrote. Everything is ended whatever happens.
 */
import {
  checkNumbers,
  failoversIn,
  latencyQuantile,
  longestSilence,
  type Promised,
  type Row,
  rowsOf,
  type Summary,
  summaryIn,
  timeOf,
} from "../lib/demo/findings.ts";
import { monotonic, wallClock } from "../lib/base/clock.ts";
import { DeadlineError } from "../lib/base/errors.ts";
import { Processes, type Started } from "../lib/perf/processes.ts";
import { selfCommand } from "../lib/base/self_command.ts";
import type { RoleContext } from "./context.ts";

const SESSION_SECONDS = 2;
const RATE_PAUSE = "0.002";
const STEP_DEADLINE_MS = 15_000;
const POLL_MS = 25;

/** What is asked of the demonstration. */
export interface DemoOptions {
  /** Where logs and latency files go; they stay there. */
  readonly out: string;
}

/** A subscriber's name and what it brought home. */
interface Harvest {
  summary: Summary | undefined;
  rows: Row[];
}

/** Runs the demonstration. @returns 0 when every promise was kept, 1 when one was broken. */
export async function runDemo(options: DemoOptions, context: RoleContext): Promise<number> {
  await Deno.mkdir(options.out, { recursive: true });
  await using stage = new Stage(options.out, context);
  const killedAt = await play(stage);
  return report(stage, killedAt, context);
}

/** The processes of the demonstration, and their logs. */
class Stage implements AsyncDisposable {
  readonly #processes = new Processes();
  readonly #started = new Map<string, Started>();
  readonly #begin = monotonic();
  #zookeeper = "";

  constructor(readonly directory: string, readonly context: RoleContext) {}

  /** Seconds since the curtain rose. */
  get elapsed(): number {
    return (monotonic() - this.#begin) / 1000;
  }

  step(text: string): void {
    this.context.note(`${this.elapsed.toFixed(1).padStart(5)} s  ${text}`);
  }

  start(name: string, ...args: string[]): void {
    const { command, args: own } = selfCommand();
    const log = this.file(`${name}.log`);
    // A log of an earlier demonstration would be read as this one's.
    Deno.writeTextFileSync(log, "");
    const where = this.#zookeeper === "" ? [] : ["--zookeeper", this.#zookeeper];
    this.#started.set(name, this.#processes.start(name, [command, ...own, ...args, ...where], log));
  }

  file(name: string): string {
    return `${this.directory}/${name}`;
  }

  log(name: string): string {
    return Deno.readTextFileSync(this.file(`${name}.log`));
  }

  /** Wait until a process has said something. */
  async says(name: string, pattern: RegExp): Promise<RegExpExecArray> {
    const end = monotonic() + STEP_DEADLINE_MS;
    for (;;) {
      const found = pattern.exec(this.log(name));
      if (found) return found;
      const ended = this.#started.get(name)?.result;
      if (ended || monotonic() > end) {
        const why = ended
          ? `ended with ${ended.code}`
          : `has not said ${pattern} in ${STEP_DEADLINE_MS / 1000} s`;
        throw new DeadlineError(`${name} ${why}; see ${this.file(`${name}.log`)}`);
      }
      await this.pause(POLL_MS);
    }
  }

  async zookeeper(): Promise<void> {
    this.start("zookeeper", "zookeeper", "--listen", "127.0.0.1:0", "--tick-time", "500");
    this.#zookeeper = (await this.says("zookeeper", /listening on ([\d.]+:\d+)/))[1]!;
  }

  pause(ms: number): Promise<void> {
    this.context.signal.throwIfAborted();
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** `kill -9`. @returns when. */
  kill(name: string): number {
    Deno.kill(this.#started.get(name)!.pid, "SIGKILL");
    return wallClock();
  }

  /** Ctrl-C, and wait for the end. */
  async leave(...names: string[]): Promise<void> {
    for (const name of names) this.#started.get(name)!.terminate();
    for (const name of names) await this.#started.get(name)!.ended;
  }

  harvest(name: string): Harvest {
    return {
      summary: summaryIn(this.log(name)),
      rows: rowsOf(Deno.readTextFileSync(this.file(`${name}.csv`))),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#processes.close();
  }
}

/** The acts. @returns when the primary was killed. */
async function play(stage: Stage): Promise<number> {
  const session = ["--session-timeout", String(SESSION_SECONDS)];
  await stage.zookeeper();
  stage.step("embedded ZooKeeper is up");

  for (const [name, zone] of [["primary-1", "1"], ["primary-2", "2"]] as const) {
    stage.start(name, "broker", "--zone", zone, "--id", name, ...session);
  }
  for (const name of ["primary-1", "primary-2"]) await stage.says(name, /primary of zone/);
  for (const [name, zone] of [["standby-1", "1"], ["standby-2", "2"]] as const) {
    stage.start(name, "broker", "--zone", zone, "--id", name, ...session);
  }
  for (const name of ["standby-1", "standby-2"]) await stage.says(name, /standby of zone/);
  stage.step("two zones: a primary and a standby each");

  const receive = (name: string, ...args: string[]) =>
    stage.start(
      name,
      "subscriber",
      "--id",
      name,
      "--quiet",
      "--indefinite",
      "--filename",
      stage.file(`${name}.csv`),
      "--events",
      stage.file(`${name}.jsonl`),
      ...session,
      ...args,
    );
  const publish = (name: string, ...args: string[]) =>
    stage.start(name, "publisher", "--id", name, "--indefinite", "--sleep", RATE_PAUSE, ...session, ...args);
  receive("sub-direct", "--topics", "direct", "--zone", "2");
  receive("sub-centralized", "--topics", "central", "--centralized", "--zone", "1");
  for (const name of ["sub-direct", "sub-centralized"]) await stage.says(name, /registered in zone/);
  publish("pub-direct", "--topics", "direct", "--history", "20", "--zone", "1");
  publish("pub-central", "--topics", "central", "--centralized", "--zone", "2");
  await stage.says("pub-direct", /owns topic direct/);
  await stage.says("pub-central", /owns topic central/);
  stage.step("500 samples/s each: directly, and through zone 1's broker from a publisher in zone 2");

  await stage.pause(1000);
  receive("sub-late", "--topics", "direct", "--history", "10");
  receive("sub-greedy", "--topics", "direct", "--history", "50");
  await stage.says("sub-late", /matched with publisher pub-direct/);
  await stage.says("sub-greedy", /no match on topic direct/);
  stage.step(
    "a late subscriber asks for 10 samples of history, one for 50 where 20 are offered: it is told why not",
  );

  const killedAt = stage.kill("primary-1");
  stage.step("kill -9 on zone 1's primary, which forwards the centralized samples");
  await stage.says("standby-1", /primary of zone 1/);
  stage.step("the standby is zone 1's primary now");
  await stage.says("sub-centralized", /registered in zone \d+ with broker (?!primary-1)/);

  publish("pub-strong", "--topics", "central", "--centralized", "--strength", "10");
  await stage.says("pub-strong", /owns topic central/);
  await stage.pause(1000);
  stage.step("a stronger publisher has taken topic central over");

  await stage.leave("pub-direct", "pub-central", "pub-strong");
  await stage.leave("sub-direct", "sub-centralized", "sub-late", "sub-greedy");
  stage.step("everybody has left");
  return killedAt;
}

function report(stage: Stage, killedAt: number, { out }: RoleContext): number {
  const direct = stage.harvest("sub-direct");
  const centralized = stage.harvest("sub-centralized");
  const late = stage.harvest("sub-late");
  const failovers = failoversIn(Deno.readTextFileSync(stage.file("sub-centralized.jsonl")));
  const broker = failovers.find(({ event, time }) =>
    event === "broker_lost" && Math.abs(time - killedAt) < 1000
  );
  const elected = timeOf(stage.log("standby-1"), /primary of zone 1/);
  const ms = (value: number | null | undefined) => value == null ? "never" : `${value.toFixed(0)} ms`;

  out("Failover of zone 1 (milliseconds after kill -9)");
  const row = (what: string, value: string) => out(`  ${what.padEnd(46)} ${value.padStart(9)}`);
  const after = (value: number | null | undefined) =>
    broker === undefined || value == null ? undefined : broker.time + value - killedAt;
  row("the subscriber noticed after", ms(after(broker?.detected_ms)));
  row("samples were back after", ms(after(broker?.data_back_ms)));
  row("longest silence at the subscriber", ms(longestSilence(centralized.rows)));
  row("the standby was elected after", ms(elected && elected - killedAt));
  row("samples asked for again", String(broker?.recovered ?? 0));

  out("");
  out(
    `  ${"subscriber".padEnd(18)}${
      ["received", "history", "recovered", "lost", "twice", "p50 ms", "p99 ms"].map((head) =>
        head.padStart(10)
      ).join("")
    }`,
  );
  for (
    const [name, { summary, rows }] of [["sub-direct", direct], ["sub-centralized", centralized], [
      "sub-late",
      late,
    ]] as const
  ) {
    const figures = [
      summary?.received,
      summary?.historical,
      summary?.recovered,
      summary?.lost,
      summary?.duplicates,
    ]
      .map((figure) => String(figure ?? "-"));
    const latencies = [0.5, 0.99].map((quantile) => latencyQuantile(rows, quantile).toFixed(2));
    out(`  ${name.padEnd(18)}${[...figures, ...latencies].map((figure) => figure.padStart(10)).join("")}`);
  }

  const promises = judge({ direct, centralized, late }, elected && elected - killedAt);
  out("");
  for (const { what, kept, seen } of promises) out(`  ${kept ? "kept  " : "BROKEN"}  ${what} (${seen})`);
  out("");
  out(
    `  latencies: ${
      ["sub-direct", "sub-centralized", "sub-late"].map((name) => stage.file(`${name}.csv`)).join(" ")
    }`,
  );
  out(`  logs: ${stage.directory}/*.log, all in ${stage.elapsed.toFixed(1)} s`);
  return promises.every(({ kept }) => kept) ? 0 : 1;
}

/** What was promised, from the summaries and, independently, from the rows. */
function judge(
  { direct, centralized, late }: Record<"direct" | "centralized" | "late", Harvest>,
  electedAfter: number | undefined,
): Promised[] {
  const promises: Promised[] = [];
  for (const [name, { summary, rows }] of Object.entries({ direct, centralized, late })) {
    const { holes, doubles } = checkNumbers(rows);
    const bad = (summary?.lost ?? NaN) + (summary?.duplicates ?? NaN) + holes + doubles;
    promises.push({
      what: `${name}: nothing lost, nothing twice`,
      kept: bad === 0 && rows.length > 0 && rows.length === summary?.received,
      seen: `${rows.length} samples, ${holes} missing, ${doubles} twice`,
    });
  }
  const historical = late.rows.filter((row) => row.historical).length;
  promises.push({
    what: "the late subscriber got exactly the 10 samples of history it asked for, first",
    kept: historical === 10 && late.rows.slice(0, 10).every((row) => row.historical),
    seen: `${historical} historical`,
  });
  const owners = [...new Set(centralized.rows.map(({ publisher }) => publisher))];
  const changes = centralized.rows.filter(({ publisher }, i, all) =>
    i > 0 && publisher !== all[i - 1]!.publisher
  );
  promises.push({
    what: "one owner at a time: first pub-central, then the stronger pub-strong",
    kept: owners.join() === "pub-central,pub-strong" && changes.length === 1,
    seen: `${owners.join(", then ")}; ${changes.length} change`,
  });
  const limit = (SESSION_SECONDS + 1) * 1000;
  promises.push({
    what: `a new primary within the session time-out plus one second (${limit} ms)`,
    kept: electedAfter !== undefined && electedAfter <= limit,
    seen: electedAfter === undefined ? "never" : `${electedAfter.toFixed(0)} ms`,
  });
  return promises;
}

/** A directory of its own for a demonstration that was not told where. */
export function demoDirectory(): string {
  return Deno.makeTempDirSync({ prefix: "pubsub-demo-" });
}
