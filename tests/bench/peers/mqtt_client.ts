/** One publisher or subscriber on MQTT, quality of service 0, with MQTT.js. Task as JSON argument. */
import { Buffer } from "node:buffer";
import { publishAll, readyThenGo, receiveAll } from "../../../lib/bench/client.ts";
import { type ClientTask, topicOf } from "../../../lib/bench/protocol.ts";
import { wallClock } from "../../../lib/base/clock.ts";

/** What we need of the client. */
interface Client {
  publish(topic: string, payload: Uint8Array): void;
  publishAsync(topic: string, payload: Uint8Array): Promise<unknown>;
  subscribeAsync(topic: string): Promise<unknown>;
  on(
    event: "message",
    listener: (topic: string, payload: Uint8Array) => void,
  ): void;
  endAsync(): Promise<void>;
}

// Named by a variable: the project itself, which does not have this package, can check this file.
const library = "mqtt";
const { default: mqtt } = await import(library) as {
  default: {
    connectAsync(
      url: string,
      options: { reconnectPeriod: number },
    ): Promise<Client>;
  };
};

/** Samples after which a flat-out publisher waits until they are written. */
const FLUSH_EVERY = 64;

const task = JSON.parse(Deno.args[0]!) as ClientTask;
const client = await mqtt.connectAsync(`mqtt://${task.address}`, {
  reconnectPeriod: 0,
});
if (task.role === "publisher") {
  const topic = topicOf(task.index);
  const go = await readyThenGo();
  let count = 0;
  await publishAll(task, go, {
    keepsPayload: true,
    publish(payload) {
      const bytes = Buffer.from(
        payload.buffer,
        payload.byteOffset,
        payload.length,
      );
      if (++count % FLUSH_EVERY === 0) return client.publishAsync(topic, bytes);
      client.publish(topic, bytes);
      return undefined;
    },
    flush: () => Promise.resolve(),
  });
} else {
  await client.subscribeAsync("#");
  const go = await readyThenGo();
  await receiveAll(task, go, (tally, _end, finished) => {
    let count = 0;
    let now = 0;
    client.on("message", (_topic, data) => {
      if (task.rate > 0 || count++ % 64 === 0) tally.at(now = wallClock());
      tally.add(
        new DataView(data.buffer, data.byteOffset, data.length),
        0,
        data.length,
        now,
      );
      if (tally.finished) finished();
    });
  });
}
await client.endAsync();
