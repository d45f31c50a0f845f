/**
 * The body of a benchmark client, whatever system it uses: says when it is ready, waits for the start, publishes
 * by the schedule or flat out, checks what it receives. Used by pubsub's own clients and by those of other systems
 * that run in JavaScript, so that the comparison measures the systems and not two ways of counting.
 */
import { wallClock } from "../base/clock.ts";
import { ExactSleep, Schedule } from "./pace.ts";
import type { ClientTask, Go } from "./protocol.ts";
import { SampleWriter } from "./sample.ts";
import { Tally } from "./tally.ts";

/** A subscriber gives up when nothing has come for so long after the end. */
const SILENCE_MS = 3000;
/** Flat out, the clock is read once in so many samples. */
const CLOCK_EVERY = 64;

const encoder = new TextEncoder();

/** Say something to the driver. */
export function say(message: unknown): void {
  const bytes = encoder.encode(JSON.stringify(message) + "\n");
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** Say that we are ready and wait for the start. */
export async function readyThenGo(): Promise<Go> {
  say({ type: "ready" });
  let text = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("\n")) return JSON.parse(text.slice(0, text.indexOf("\n"))) as Go;
  }
  throw new Error("The driver is gone");
}

/** What a publisher of the system under test can do. */
export interface Outlet {
  /** Whether the system keeps the bytes it is given: then every sample gets its own. */
  readonly keepsPayload: boolean;
  /** A promise when there is something to wait for. */
  publish(payload: Uint8Array): unknown;
  /** Hand everything over to the network. */
  flush(): Promise<unknown>;
}

/** Publish as the task says. @returns the number of samples. */
export async function publishAll(task: ClientTask, go: Go, outlet: Outlet): Promise<number> {
  const writer = new SampleWriter(task.index, task.payloadBytes, { own: outlet.keepsPayload });
  using sleep = new ExactSleep(wallClock);
  await sleep.until(go.start);
  if (task.rate > 0) await publishScheduled(task, go, outlet, writer, sleep);
  else await publishFlatOut(go, outlet, writer);
  writer.last();
  await outlet.publish(writer.next(0, 0));
  await outlet.flush();
  say({ type: "published", count: writer.count });
  return writer.count;
}

async function publishFlatOut(go: Go, outlet: Outlet, writer: SampleWriter): Promise<void> {
  for (;;) {
    for (let i = 0; i < CLOCK_EVERY; i++) {
      const outcome = outlet.publish(writer.next(0, 0));
      if (outcome instanceof Promise) await outcome;
    }
    if (wallClock() >= go.to) return;
  }
}

async function publishScheduled(
  task: ClientTask,
  go: Go,
  outlet: Outlet,
  writer: SampleWriter,
  sleep: ExactSleep,
): Promise<void> {
  const schedule = new Schedule(go.start, task.rate, task.index / task.publishers);
  for (;;) {
    const intended = schedule.time(writer.count);
    if (intended >= go.to) return;
    await sleep.until(intended);
    const outcome = outlet.publish(writer.next(intended, wallClock()));
    if (outcome instanceof Promise) await outcome;
  }
}

/**
 * Count what `source` brings until the last samples have come, or nothing any more, and tell the driver.
 *
 * @param source calls `tally.at` and `tally.add`; ends, or is left alone, when `signal` aborts.
 */
export async function receiveAll(
  task: ClientTask,
  go: Go,
  source: (tally: Tally, signal: AbortSignal, finished: () => void) => unknown,
): Promise<void> {
  const tally = new Tally(task, go);
  const end = new AbortController();
  const finished = Promise.withResolvers<void>();
  let seen = 0;
  let quietSince = wallClock();
  const watch = setInterval(() => {
    const now = wallClock();
    if (tally.received !== seen || now < go.to) quietSince = now;
    seen = tally.received;
    if (now - quietSince > SILENCE_MS) finished.resolve();
  }, 250);
  const running = source(tally, end.signal, finished.resolve);
  await finished.promise;
  clearInterval(watch);
  end.abort();
  say(tally.result());
  await running;
}
