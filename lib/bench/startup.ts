/**
 * How long each role takes from the start of its process, and what it uses when nothing happens.
 *
 * The roles are the real commands, watched from outside by what they print.
 */
import { wallClock } from "../base/clock.ts";
import { Child } from "./child.ts";
import { processFigures } from "./process_figures.ts";
import { pubsubCommand, startZooKeeper } from "./pubsub_system.ts";
import { mebibytes, spreadText } from "./table.ts";

const READY_MS = 30_000;

/** How often and how long. */
export interface StartupOptions {
  repeats: number;
  /** How long everything is left alone to see what it uses. */
  idleSeconds: number;
}

/** One role. */
export interface RoleStartup {
  role: "zookeeper" | "broker" | "publisher" | "subscriber";
  /** Milliseconds from process start to listening (zookeeper), primary (broker), registered (clients). */
  readyMs: number[];
  /** Milliseconds from process start to the first sample: sent by the publisher, handed out by the subscriber. */
  firstSampleMs: number[];
  /** Resident once idle. */
  residentBytes: number[];
  /** Share of one core when idle. */
  idleCores: number[];
}

/** Measure all roles, `repeats` times. */
export async function measureStartup(options: StartupOptions, signal: AbortSignal): Promise<RoleStartup[]> {
  const roles = new Map<string, RoleStartup>(
    (["zookeeper", "broker", "publisher", "subscriber"] as const).map((role) => [
      role,
      { role, readyMs: [], firstSampleMs: [], residentBytes: [], idleCores: [] },
    ]),
  );
  for (let i = 0; i < options.repeats; i++) await measureOnce(options, roles, signal);
  return [...roles.values()];
}

async function measureOnce(
  { idleSeconds }: StartupOptions,
  roles: Map<string, RoleStartup>,
  signal: AbortSignal,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const ready = (child: Child) => roles.get(child.name)!.readyMs.push(performance.now() - child.started);
  const zookeeper = await startZooKeeper(signal);
  stack.use(zookeeper.child);
  ready(zookeeper.child);
  const start = (role: string, ...args: string[]) =>
    stack.use(new Child(role, pubsubCommand(role, ...args, "--zookeeper", zookeeper.address)));
  const broker = start("broker");
  await broker.line(/: primary of zone/, READY_MS, signal);
  ready(broker);
  const publisherStart = wallClock();
  const publisher = start("publisher", "--topics", "A", "--indefinite", "--sleep", "3600", "--history", "1");
  await publisher.line(/: registered in zone/, READY_MS, signal);
  ready(publisher);
  await publisher.line(/: owns topic/, READY_MS, signal);
  const subscriber = start(
    "subscriber",
    "--topics",
    "A",
    "--history",
    "1",
    "--json",
    "--max-event-count",
    "2",
  );
  await subscriber.line(/: registered in zone/, READY_MS, signal);
  ready(subscriber);
  // The publisher's one sample, as history.
  const [, time] = await subscriber.line(/"publish_time":([0-9.]+)/, READY_MS, signal);
  roles.get("subscriber")!.firstSampleMs.push(performance.now() - subscriber.started);
  roles.get("publisher")!.firstSampleMs.push(Number(time) - publisherStart);
  const children = [zookeeper.child, broker, publisher, subscriber];
  await idle(1000, signal);
  const before = children.map(({ pid }) => processFigures(pid));
  const began = performance.now();
  await idle(idleSeconds * 1000, signal);
  const seconds = (performance.now() - began) / 1000;
  children.forEach((child, i) => {
    const after = processFigures(child.pid);
    if (!after) return;
    const figures = roles.get(child.name)!;
    figures.residentBytes.push(after.residentBytes);
    figures.idleCores.push((after.cpuSeconds - before[i]!.cpuSeconds) / seconds);
  });
}

async function idle(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
  signal.throwIfAborted();
}

/** The figures as text, a line a role. */
export function startupLines(figures: RoleStartup[]): string[] {
  const ms = (value: number) => `${value.toFixed(0)}`;
  return figures.map(({ role, readyMs, firstSampleMs, residentBytes, idleCores }) => {
    const parts = [`${role}: ready after ${spreadText(readyMs, ms)} ms`];
    if (firstSampleMs.length > 0) parts.push(`first sample after ${spreadText(firstSampleMs, ms)} ms`);
    parts.push(`memory ${spreadText(residentBytes, mebibytes)}`);
    parts.push(`idle ${spreadText(idleCores, (value) => (value * 100).toFixed(2))} % of a core`);
    return parts.join("; ");
  });
}
