/** One publisher or subscriber on NATS, with NATS' own JavaScript client. Task as JSON argument. */
import { publishAll, readyThenGo, receiveAll } from "../../../lib/bench/client.ts";
import { type ClientTask, topicOf } from "../../../lib/bench/protocol.ts";
import { wallClock } from "../../../lib/base/clock.ts";

/** What we need of the client. */
interface Connection {
  publish(subject: string, payload: Uint8Array): void;
  subscribe(
    subject: string,
  ): AsyncIterable<{ data: Uint8Array }> & { unsubscribe(): void };
  flush(): Promise<void>;
  close(): Promise<void>;
}

// Named by a variable: the project itself, which does not have this package, can check this file.
const library = "@nats-io/transport-node";
const { connect } = await import(library) as {
  connect(options: { servers: string }): Promise<Connection>;
};

/** Samples after which a flat-out publisher waits for the server: what the client buffers stays bounded. */
const FLUSH_EVERY = 2048;

const task = JSON.parse(Deno.args[0]!) as ClientTask;
const connection = await connect({ servers: task.address });
if (task.role === "publisher") {
  const subject = topicOf(task.index);
  const go = await readyThenGo();
  let count = 0;
  await publishAll(task, go, {
    keepsPayload: true,
    publish(payload) {
      connection.publish(subject, payload);
      return ++count % FLUSH_EVERY === 0 ? connection.flush() : undefined;
    },
    flush: () => connection.flush(),
  });
} else {
  const subscription = connection.subscribe(">");
  await connection.flush();
  const go = await readyThenGo();
  await receiveAll(task, go, async (tally, end, finished) => {
    end.addEventListener("abort", () => subscription.unsubscribe(), {
      once: true,
    });
    let count = 0;
    let now = 0;
    for await (const { data } of subscription) {
      // At full speed the clock is read now and then; with a rate for every sample.
      if (task.rate > 0 || count++ % 64 === 0) tally.at(now = wallClock());
      tally.add(
        new DataView(data.buffer, data.byteOffset, data.length),
        0,
        data.length,
        now,
      );
      if (tally.finished) finished();
    }
  });
}
await connection.close();
