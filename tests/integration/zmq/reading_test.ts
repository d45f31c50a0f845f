/** What `messages()` promises: everything once, in order, in bounded pieces, and nobody else starves. */
import assert from "node:assert/strict";
import { BATCH_BYTES, BATCH_MESSAGES, Socket } from "../../../lib/zmq/socket.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { ANY, frame, Reader } from "./support.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

test("20,000 messages arrive once and in order, in items of at most 256", async () => {
  // Without limit: a reader that is at its limit does not answer signs of life either.
  await using receiver = new Socket("dealer", { receiveHighWaterMark: 0 });
  const endpoint = receiver.bind(ANY);
  await using sender = new Socket("dealer", { sendHighWaterMark: 0 });
  sender.connect(endpoint);
  const reader = new Reader(receiver);
  for (let index = 0; index < 20_000; index++) assert.ok(sender.send(frame(`${index}`)));
  const messages = await reader.first(20_000, 20_000);
  messages.forEach(([text], index) => assert.equal(text, `${index}`));
  assert.ok(reader.batches.every((size) => size >= 1 && size <= BATCH_MESSAGES));
  // Waking up for each message alone would be a fault of its own.
  assert.ok(reader.batches.length < 15_000, `${reader.batches.length} items`);
});

test("an item of big messages ends beyond 1 MiB", async () => {
  await using receiver = new Socket("dealer");
  const endpoint = receiver.bind(ANY);
  await using sender = new Socket("dealer");
  sender.connect(endpoint);
  const size = 300_000;
  for (let index = 0; index < 40; index++) assert.ok(sender.send(new Uint8Array(size)));
  await delay(200);
  const batches: number[] = [];
  let count = 0;
  for await (const batch of receiver.messages()) {
    batches.push(batch.length);
    count += batch.length;
    if (count === 40) break;
  }
  assert.ok(batches.every((length) => (length - 1) * size < BATCH_BYTES), `${batches}`);
});

test("a flood on one socket does not keep another socket or a timer from its turn", async () => {
  await using flooded = new Socket("dealer", { receiveHighWaterMark: 0 });
  const floodEndpoint = flooded.bind(ANY);
  await using quiet = new Socket("router");
  const quietEndpoint = quiet.bind(ANY);
  await using flooder = new Socket("dealer", { sendHighWaterMark: 0 });
  flooder.connect(floodEndpoint);
  for (let index = 0; index < 100_000; index++) flooder.send(frame("flood"));
  let timers = 0;
  const timer = setInterval(() => timers++, 1);
  const echo = new Reader(quiet, (message) => quiet.send(message));
  await using dealer = new Socket("dealer");
  dealer.connect(quietEndpoint);
  const replies = new Reader(dealer, () => dealer.send(frame("again")));
  dealer.send(frame("first"));
  let read = 0;
  for await (const batch of flooded.messages()) {
    read += batch.length;
    if (read === 100_000) break;
  }
  clearInterval(timer);
  assert.ok(timers > 5, `${timers} timers in the flood`);
  assert.ok(replies.messages.length > 5, `${replies.messages.length} round trips in the flood`);
  assert.ok(echo.messages.length > 5);
});

test("a consumer that takes its time leaves the messages where they are, and loses none", async () => {
  const quiet = { heartbeatIntervalMs: 0 };
  await using receiver = new Socket("dealer", { ...quiet, receiveHighWaterMark: 50 });
  const endpoint = receiver.bind(ANY);
  await using sender = new Socket("dealer", { ...quiet, sendHighWaterMark: 50 });
  sender.connect(endpoint);
  const bytes = new Uint8Array(100_000);
  let accepted = 0;
  const fill = async () => {
    for (let idle = 0; idle < 20; idle++) {
      while (sender.send(bytes)) {
        accepted++;
        idle = 0;
      }
      await delay(5);
    }
  };
  await fill();
  assert.equal(receiver.counters.received, 0);
  assert.ok(accepted >= 100 && accepted < 2000, `${accepted} were taken`);
  let count = 0;
  for await (const batch of receiver.messages()) {
    count += batch.length;
    await delay(1);
    if (count === accepted) break;
  }
  assert.equal(receiver.counters.received, accepted);
});

test("a subscriber that pauses keeps its connection and misses nothing", async () => {
  await using publisher = new Socket("xpub");
  const endpoint = publisher.bind(ANY);
  const subscriptions = new Reader(publisher);
  await using subscriber = new Socket("xsub");
  subscriber.connect(endpoint);
  subscriber.send(frame("\x01"));
  await subscriptions.first(1);
  const lost: string[] = [];
  void (async () => {
    for await (const event of subscriber.peers()) if (event.type === "disconnected") lost.push(event.type);
  })();
  // Longer than the heartbeat's time-out, with more messages than any default limit.
  for (let round = 0; round < 60; round++) {
    for (let index = 0; index < 50; index++) publisher.send(frame(`${round * 50 + index}`));
    await delay(15);
  }
  assert.equal(subscriber.counters.received, 0);
  const reader = new Reader(subscriber);
  const messages = await reader.first(3000);
  messages.forEach(([text], index) => assert.equal(text, `${index}`));
  assert.deepEqual(lost, []);
});

test("leaving the loop keeps the rest for the next one, and two consumers at once are refused", async () => {
  await using receiver = new Socket("dealer");
  const endpoint = receiver.bind(ANY);
  await using sender = new Socket("dealer");
  sender.connect(endpoint);
  sender.send(frame("1"));
  for await (const batch of receiver.messages()) {
    assert.equal(batch.length, 1);
    break;
  }
  const next = receiver.messages().next();
  await assert.rejects(receiver.messages().next(), /one consumer/);
  sender.send(frame("2"));
  assert.equal((await within("the second message", next)).value?.length, 1);
});

test("closing ends the consumer, whether it waits or works", async () => {
  await using receiver = new Socket("dealer");
  const endpoint = receiver.bind(ANY);
  const waiting = new Reader(receiver);
  await delay(20);
  receiver.close();
  await within("the end of a waiting consumer", waiting.ended, 1000);

  await using other = new Socket("dealer");
  const otherEndpoint = await until("an endpoint", () => other.bind(endpoint));
  await using sender = new Socket("dealer");
  sender.connect(otherEndpoint);
  for (let index = 0; index < 1000; index++) sender.send(frame("x"));
  const working = new Reader(other, () => other.close());
  await within("the end of a working consumer", working.ended);
  assert.ok(working.messages.length >= 1);
});

test("opening and closing 300 times in a row, with and without traffic, leaves nothing behind", async () => {
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const round = async (index: number) => {
    await using router = new Socket("router");
    const endpoint = router.bind(ANY);
    const reader = new Reader(router);
    await using dealer = new Socket("dealer");
    dealer.connect(endpoint);
    if (index % 3 === 0) {
      dealer.send(frame("hello"));
      await reader.first(1);
    }
  };
  await round(0);
  const before = open();
  for (let index = 0; index < 300; index++) await round(index);
  assert.ok(open() <= before + 5, `${open() - before} descriptors more`);
});
