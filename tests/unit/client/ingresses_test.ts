import assert from "node:assert/strict";
import { Ingresses } from "../../../lib/client/ingresses.ts";
import type { PeerEvent, Socket } from "../../../lib/zmq/socket.ts";
import { until } from "../../harness/condition.ts";

const HERE = "tcp://10.0.0.7:5";

Deno.test("a lost broker is connected to from the beginning once much was subscribed to, and only then", async () => {
  const calls: string[] = [];
  const events: PeerEvent[] = [];
  let more = () => {};
  const socket = {
    connect: () => void calls.push("connect"),
    disconnect: () => void calls.push("disconnect"),
    async *peers() {
      for (;;) {
        while (events.length > 0) yield events.shift()!;
        await new Promise<void>((resolve) => more = resolve);
        if (events.length === 0) return;
      }
    },
  } as unknown as Socket;
  const ingresses = new Ingresses(socket);
  ingresses.reach([HERE]);
  const watching = ingresses.watch();
  const happens = async (type: PeerEvent["type"]) => {
    events.push({ type, endpoint: HERE } as PeerEvent);
    more();
    await until("it is seen", () => (ingresses.down.length === 0) === (type === "handshaken"));
  };
  await happens("handshaken");
  ingresses.subscribed(1024 * 1024);
  await happens("disconnected");
  assert.deepEqual(calls, ["connect"]);
  await happens("handshaken");
  // What is withdrawn does not count.
  ingresses.subscribed(-1);
  ingresses.subscribed(1);
  await happens("disconnected");
  assert.deepEqual(calls, ["connect"]);
  await happens("handshaken");
  ingresses.subscribed(1);
  await happens("disconnected");
  assert.deepEqual(calls, ["connect", "disconnect", "connect"]);
  // What was still to be told of a connection that was given up.
  await happens("handshaken");
  await happens("retrying");
  ingresses.close();
  more();
  await watching;
});
