/** Sockets wake up, whatever happened at their connections before: each test is a case in which one went deaf. */
import assert from "node:assert/strict";
import { Socket } from "../../../lib/zmq/socket.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { ANY, frame, Reader, subscribe, texts } from "./support.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

test("an xpub sees subscribers that come one after another, with pauses", async () => {
  await using publisher = new Socket("xpub");
  const endpoint = publisher.bind(ANY);
  const reader = new Reader(publisher);
  for (let index = 0; index < 10; index++) {
    await using subscriber = new Socket("xsub");
    subscriber.connect(endpoint);
    subscriber.send(subscribe(`key ${index}`));
    await until(
      "the subscription",
      () => reader.messages.some(([text]) => text === `\x01key ${index}`),
      2000,
    );
    await subscriber[Symbol.asyncDispose]();
    await until("its end", () => reader.messages.some(([text]) => text === `\x00key ${index}`), 2000);
    await delay(index % 3 * 20);
  }
});

test("an xpub that publishes all the time sees later subscriptions of the same subscriber", async () => {
  await using publisher = new Socket("xpub");
  const endpoint = publisher.bind(ANY);
  const reader = new Reader(publisher);
  await using subscriber = new Socket("xsub");
  subscriber.connect(endpoint);
  const received = new Reader(subscriber);
  for (let index = 0; index < 100; index++) {
    subscriber.send(subscribe(`key ${index}`));
    await until("the subscription", () => {
      publisher.send(frame("key 0"));
      return reader.messages.length > index;
    }, 2000);
  }
  assert.ok(received.messages.length > 0);
});

test("a router hears dealers that come one after another, with pauses", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const reader = new Reader(router);
  for (let index = 0; index < 20; index++) {
    await using dealer = new Socket("dealer", { routingId: `dealer ${index}` });
    dealer.connect(endpoint);
    dealer.send(frame("hello"));
    await until("hello", () => reader.messages.at(-1)?.[0] === `dealer ${index}`, 2000);
    await delay(index % 4 * 10);
  }
});

test("a subscriber hears its publisher again after each of its restarts", async () => {
  await using subscriber = new Socket("xsub", { reconnectIntervalMs: 10, reconnectMaxIntervalMs: 50 });
  const reader = new Reader(subscriber);
  let endpoint = ANY;
  for (let restart = 0; restart < 6; restart++) {
    await using publisher = new Socket("xpub");
    endpoint = await until("the port to be free again", () => publisher.bind(endpoint));
    if (restart === 0) {
      subscriber.connect(endpoint);
      subscriber.send(subscribe(""));
    }
    await until("a sample of this start", () => {
      publisher.send(frame(`start ${restart}`));
      return reader.messages.at(-1)?.[0] === `start ${restart}`;
    }, 5000);
  }
});

test("a dealer and a router exchange 2,000 requests and replies, one at a time", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const echo = new Reader(router, (message) => assert.ok(router.send(message)));
  await using dealer = new Socket("dealer");
  dealer.connect(endpoint);
  const replies = dealer.messages();
  for (let index = 0; index < 2000; index++) {
    assert.ok(dealer.send(frame(`request ${index}`)));
    const { value } = await within(`reply ${index}`, replies.next(), 2000);
    assert.deepEqual(value?.map(texts), [[`request ${index}`]]);
  }
  assert.equal(echo.messages.length, 2000);
  assert.deepEqual(dealer.counters, { sent: 2000, unsent: 0, received: 2000 });
  assert.deepEqual(router.counters, { sent: 2000, unsent: 0, received: 2000 });
});

/** Keep this thread busy while the library's threads work. */
function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test("a message is not overlooked when sending on the same socket has swallowed its wake-up", async () => {
  await using publisher = new Socket("xpub");
  const endpoint = publisher.bind(ANY);
  const subscriptions = new Reader(publisher);
  await using other = new Socket("xsub");
  await using subscriber = new Socket("xsub");
  const received = new Reader(subscriber);
  const otherReceived = new Reader(other);
  for (const [socket, key] of [[other, "other"], [subscriber, "mine"]] as const) {
    socket.connect(endpoint);
    socket.send(subscribe(key));
  }
  await subscriptions.first(2);
  const waits: number[] = [];
  for (let round = 1; round <= 40; round++) {
    publisher.send(frame("other"));
    // The wait for all sockets ends with this message; nobody waits when the next one comes.
    spin(2);
    publisher.send(frame("mine"));
    spin(3);
    // Sending processes what happened to the connection, so the descriptor falls silent.
    subscriber.send(frame("upstream"));
    const started = performance.now();
    await until("my message", () => received.messages.length === round, 2000);
    waits.push(performance.now() - started);
  }
  assert.ok(otherReceived.messages.length > 0);
  // What is overlooked is found after up to 250 ms. Not a question of speed: of whether that net was needed.
  const found = waits.filter((ms) => ms > 60).length;
  assert.ok(found < 10, `${found} of 40 messages were found by the net`);
});

test("a message waits for a reader that comes late, and is not read before", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  await using dealer = new Socket("dealer");
  dealer.connect(endpoint);
  dealer.send(frame("early"));
  await delay(600);
  assert.equal(router.counters.received, 0);
  const { value } = await within("the early message", router.messages().next(), 2000);
  assert.equal(texts(value?.[0] ?? [])[1], "early");
});
