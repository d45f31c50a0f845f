/** One publisher or subscriber of `pubsub bench`, in a process of its own: told by JSON, answers in JSON lines. */
import { publishAll, readyThenGo, receiveAll } from "../lib/bench/client.ts";
import { topicOf, topicsOf } from "../lib/bench/protocol.ts";
import type { PubsubTask } from "../lib/bench/pubsub_system.ts";
import { wallClock } from "../lib/base/clock.ts";
import { DeadlineError } from "../lib/base/errors.ts";
import { Publisher } from "../lib/client/publisher.ts";
import { Subscriber } from "../lib/client/subscriber.ts";

const JOIN_MS = 20_000;

/** Do what the task says. */
export async function runBenchClient(task: PubsubTask, signal: AbortSignal): Promise<void> {
  await (task.role === "publisher" ? publisher(task, signal) : subscriber(task, signal));
}

async function publisher(task: PubsubTask, signal: AbortSignal): Promise<void> {
  const topic = topicOf(task.index);
  await using publisher = new Publisher({
    zookeeper: task.address,
    id: `bench-publisher-${task.index}`,
    topics: [topic],
    history: task.history,
    flow: "wait",
    centralized: task.mode === "centralized",
  });
  await publisher.start(signal);
  if (!await publisher.joined(JOIN_MS, task.subscribers)) {
    throw new DeadlineError(`Not all ${task.subscribers} subscribers joined within ${JOIN_MS} ms`);
  }
  const go = await readyThenGo();
  await publishAll(task, go, {
    keepsPayload: false,
    publish: (payload) => publisher.publish(topic, payload),
    flush: () => publisher.drain(signal),
  });
}

async function subscriber(task: PubsubTask, signal: AbortSignal): Promise<void> {
  await using subscriber = new Subscriber({
    zookeeper: task.address,
    id: `bench-subscriber-${task.index}`,
    topics: topicsOf(task.publishers),
    history: task.history,
    reliability: task.reliability,
    centralized: task.mode === "centralized",
  });
  await subscriber.start(signal);
  const go = await readyThenGo();
  await receiveAll(task, go, async (tally, end, finished) => {
    // Whoever leaves the function waits for the same close.
    end.addEventListener("abort", () => void subscriber.close(), { once: true });
    if (task.take === "samples") {
      let message = 0;
      let now = 0;
      for await (const { payload, receiveTime } of subscriber) {
        // Samples that came together are looked at within microseconds: one reading of the clock does.
        if (receiveTime !== message) tally.at(now = wallClock());
        message = receiveTime;
        const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
        tally.add(view, 0, payload.length, now);
        if (tally.finished) finished();
      }
      return;
    }
    for await (const batch of subscriber.batches()) {
      const { bytes } = batch;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const now = wallClock();
      tally.at(now);
      batch.forEach((_time, start, finish) => tally.add(view, start, finish, now));
      if (tally.finished) finished();
    }
  });
}
