/**
 * What goes up through a broker's forwarder while a publisher takes nothing: tens of thousands of subscriptions and
 * their withdrawals, which both publishers must get, the one that reads and the one that begins to read afterwards.
 *
 *     deno run -A tests/chaos/upstream.ts [--rounds 10]
 *
 * Exit code 1 when something is missing, or has not come within 30 s.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { Forwarder } from "../../lib/zmq/forwarder.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import { ANY, Reader, subscribe } from "../integration/zmq/support.ts";

const COUNT = 30_000;
const PATIENCE_MS = 30_000;
const PREFIX = "x".repeat(200);

const { values } = parseArgs({ options: { rounds: { type: "string", default: "10" } } });

async function round(): Promise<void> {
  // Without signs of life, which who does not read would not answer.
  const silent = { heartbeatIntervalMs: 0 };
  await using broker = new Forwarder({ ingress: [ANY], egress: [ANY], sendHighWaterMark: 100, ...silent });
  // Nobody reads it: the library's queue is full at once, then the system's.
  await using slow = new Socket("xpub", { allSubscriptions: true, receiveHighWaterMark: 1 });
  await using other = new Socket("xpub", { allSubscriptions: true });
  for (const publisher of [slow, other]) publisher.connect(broker.ingress[0]!);
  const upstream = new Reader(other);
  const subscriber = new Socket("xsub", silent);
  subscriber.connect(broker.egress[0]!);
  for (let index = 0; index < COUNT; index++) subscriber.send(subscribe(`${PREFIX}${index}`));
  await upstream.first(COUNT, PATIENCE_MS);
  await subscriber[Symbol.asyncDispose]();
  await upstream.first(2 * COUNT, PATIENCE_MS);
  const late = await new Reader(slow).first(2 * COUNT, PATIENCE_MS);
  const held = new Set<string>();
  for (const [message] of late) {
    if (message!.startsWith("\x01")) held.add(message!.slice(1));
    else assert.ok(held.delete(message!.slice(1)), `a withdrawal of what was not there: ${message}`);
  }
  assert.equal(held.size, 0, `${held.size} subscriptions were not withdrawn`);
}

for (let index = 1; index <= Number(values.rounds); index++) {
  const started = performance.now();
  await round();
  console.log(`round ${index}: ${COUNT} subscriptions, ${(performance.now() - started).toFixed(0)} ms`);
}
