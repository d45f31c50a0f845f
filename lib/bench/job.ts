/**
 * One run of the benchmark: servers, subscribers and publishers as processes of their own, started in that order,
 * set off together, measured for a while after a warm-up, and every sample accounted for.
 *
 * Guarantee: when it returns or throws, every process it started is gone.
 */
import { wallClock } from "../base/clock.ts";
import { PubsubError } from "../base/errors.ts";
import { Child, type CommandLine } from "./child.ts";
import { Latencies, type LatencyFigures } from "./latency.ts";
import { type ProcessFigures, processFigures } from "./process_figures.ts";
import type { ClientTask, Received } from "./protocol.ts";

const READY_MS = 30_000;
/** From the start signal to the first sample. */
const SET_OFF_MS = 150;
/** After the end of the measured time: what is on its way arrives, the silence of lost samples is noticed. */
const FINISH_MS = 30_000;

/** What is asked of the system under test. */
export interface Shape {
  publishers: number;
  subscribers: number;
  payloadBytes: number;
  /** Samples a second of each publisher; 0: as many as it can. */
  rate: number;
  warmUpSeconds: number;
  seconds: number;
}

/** A publish/subscribe system that can be measured. */
export interface System {
  readonly name: string;
  /** Start its servers. */
  start(shape: Shape, signal: AbortSignal): Promise<RunningSystem>;
}

/** Its servers, up and running. */
export interface RunningSystem extends AsyncDisposable {
  readonly address: string;
  /** Processes that carry samples; what they use is counted. */
  readonly servers: readonly { name: string; pid: number }[];
  /** How to start a client. */
  client(task: ClientTask): CommandLine;
}

/** CPU seconds a million deliveries and memory of one kind of process; all of that kind added up. */
export interface GroupFigures {
  cpuPerMillion: number;
  /** Share of one core. */
  cores: number;
  peakBytes: number;
}

/** What came out. */
export interface JobResult {
  system: string;
  shape: Shape;
  /** Samples a second at one subscriber, on average over the subscribers. */
  perSubscriber: number;
  /** Deliveries in the measured time, all subscribers. */
  deliveries: number;
  published: number;
  received: number;
  /** Samples that did not come, over all subscribers; and those that came twice, late or damaged. */
  missing: number;
  repeated: number;
  corrupt: number;
  cpuPerMillion: number;
  groups: Record<"publishers" | "servers" | "subscribers", GroupFigures>;
  /** From the time the schedule wanted a sample sent to its delivery, microseconds; only with a rate. */
  latency: LatencyFigures | undefined;
  /** From the time it was really sent. */
  latencyFromSent: LatencyFigures | undefined;
}

/** Run once. */
export async function runJob(system: System, shape: Shape, signal: AbortSignal): Promise<JobResult> {
  await using stack = new AsyncDisposableStack();
  const running = stack.use(await system.start(shape, signal));
  const start = async (role: ClientTask["role"], count: number) => {
    const children = Array.from({ length: count }, (_, index) => {
      const task = taskOf(role, index, shape, running.address);
      return stack.use(new Child(`${system.name} ${role} ${index + 1}`, running.client(task)));
    });
    await Promise.all(children.map((child) => child.message("ready", READY_MS, signal)));
    return children;
  };
  const subscribers = await start("subscriber", shape.subscribers);
  const publishers = await start("publisher", shape.publishers);
  const pids = {
    publishers: publishers.map(({ pid }) => pid),
    servers: running.servers.map(({ pid }) => pid),
    subscribers: subscribers.map(({ pid }) => pid),
  };
  const begin = wallClock() + SET_OFF_MS;
  const from = begin + shape.warmUpSeconds * 1000;
  const to = from + shape.seconds * 1000;
  const go = { type: "go", start: begin, from, to };
  await Promise.all([...subscribers, ...publishers].map((child) => child.tell(go)));
  const before = await figuresAt(from, pids, signal);
  const after = await figuresAt(to, pids, signal);
  const deadline = FINISH_MS;
  const published = await Promise.all(
    publishers.map((child) => child.message("published", deadline, signal)),
  );
  const received = await Promise.all(
    subscribers.map((child) => child.message("received", deadline, signal)),
  );
  const total = published.reduce((sum, { count }) => sum + count, 0);
  return summarise(system.name, shape, total, received, before, after);
}

function taskOf(role: ClientTask["role"], index: number, shape: Shape, address: string): ClientTask {
  const { publishers, subscribers, payloadBytes, rate } = shape;
  return { role, index, publishers, subscribers, payloadBytes, rate, address };
}

interface Snapshot {
  time: number;
  groups: Record<keyof JobResult["groups"], ProcessFigures[]>;
}

/** What the processes have used at `time`. */
async function figuresAt(
  time: number,
  pids: Record<keyof JobResult["groups"], number[]>,
  signal: AbortSignal,
): Promise<Snapshot> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, time - wallClock());
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
  signal.throwIfAborted();
  const look = (group: number[]) =>
    group.map((pid) => {
      const figures = processFigures(pid);
      if (figures === undefined) throw new PubsubError(`Process ${pid} ended while it was measured`);
      return figures;
    });
  const now = wallClock();
  return {
    time: now,
    groups: {
      publishers: look(pids.publishers),
      servers: look(pids.servers),
      subscribers: look(pids.subscribers),
    },
  };
}

function summarise(
  system: string,
  shape: Shape,
  published: number,
  results: Received[],
  before: Snapshot,
  after: Snapshot,
): JobResult {
  const sum = (pick: (result: Received) => number) =>
    results.reduce((total, result) => total + pick(result), 0);
  const received = sum((result) => result.received);
  const rate = sum((result) => result.seconds > 0 ? result.measured / result.seconds : 0);
  const seconds = (after.time - before.time) / 1000;
  const deliveries = rate * seconds;
  const group = (name: keyof JobResult["groups"]): GroupFigures => {
    const used = after.groups[name].reduce(
      (total, figures, i) => total + figures.cpuSeconds - before.groups[name][i]!.cpuSeconds,
      0,
    );
    return {
      cpuPerMillion: used / (deliveries / 1e6),
      cores: used / seconds,
      peakBytes: after.groups[name].reduce((total, { peakBytes }) => total + peakBytes, 0),
    };
  };
  const groups = {
    publishers: group("publishers"),
    servers: group("servers"),
    subscribers: group("subscribers"),
  };
  return {
    system,
    shape,
    perSubscriber: rate / shape.subscribers,
    deliveries: Math.round(deliveries),
    published,
    received,
    missing: Math.max(0, published * shape.subscribers - received),
    repeated: sum(({ faults }) => faults.repeated),
    corrupt: sum(({ faults }) => faults.corrupt),
    cpuPerMillion: Object.values(groups).reduce((total, { cpuPerMillion }) => total + cpuPerMillion, 0),
    groups,
    latency: figuresOf(results.map(({ intended }) => intended)),
    latencyFromSent: figuresOf(results.map(({ sent }) => sent)),
  };
}

function figuresOf(pairs: Received["intended"][]): LatencyFigures | undefined {
  const all = new Latencies();
  for (const each of pairs) all.addAll(each);
  return all.figures();
}
