/** The forwarder: both directions, many on both sides, its end, and what may happen to its thread. */
import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/base/errors.ts";
import { Forwarder, type ForwarderOptions } from "../../../lib/zmq/forwarder.ts";
import { Socket, type SocketOptions } from "../../../lib/zmq/socket.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { ANY, frame, PeerReader, Reader, subscribe, threads, unsubscribe } from "./support.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

function forwarder(options: Partial<ForwarderOptions> = {}): Forwarder {
  return new Forwarder({ ingress: [ANY], egress: [ANY], ...options });
}

function publisherTo(broker: Forwarder, options: SocketOptions = {}): Socket {
  const socket = new Socket("xpub", { allSubscriptions: true, ...options });
  socket.connect(broker.ingress[0] as string);
  return socket;
}

function subscriberTo(broker: Forwarder, ...keys: string[]): Socket {
  const socket = new Socket("xsub");
  socket.connect(broker.egress[0] as string);
  for (const key of keys) socket.send(subscribe(key));
  return socket;
}

/** One publisher and one subscriber whose subscription to everything has reached it. */
async function flowing(broker: Forwarder) {
  const publisher = publisherTo(broker);
  const upstream = new Reader(publisher);
  const subscriber = subscriberTo(broker, "");
  const received = new Reader(subscriber);
  await upstream.first(1);
  return { publisher, upstream, subscriber, received };
}

test("2,000 samples go down through every ingress and egress endpoint, in order", async () => {
  await using broker = forwarder({ ingress: [ANY, ANY], egress: [ANY, ANY] });
  await using publisher = new Socket("xpub", { sendHighWaterMark: 0 });
  publisher.connect(broker.ingress[1] as string);
  const upstream = new Reader(publisher);
  await using subscriber = new Socket("xsub");
  subscriber.connect(broker.egress[1] as string);
  subscriber.send(subscribe("topic"));
  const received = new Reader(subscriber);
  await upstream.first(1);
  for (let index = 0; index < 2000; index++) {
    publisher.send([frame("topic"), frame(`${index}`)]);
    publisher.send([frame("other"), frame("nobody wants this")]);
    if (index % 100 === 99) await received.first(index - 400);
  }
  const messages = await received.first(2000);
  messages.forEach((message, index) => assert.deepEqual(message, ["topic", `${index}`]));
  assert.equal(new Set([...broker.ingress, ...broker.egress]).size, 4);
});

test("messages from below reach every publisher, a thousand of a thousand", async () => {
  await using broker = forwarder();
  const publishers = [publisherTo(broker), publisherTo(broker), publisherTo(broker)];
  const readers = publishers.map((publisher) => new Reader(publisher));
  await using subscriber = subscriberTo(broker, "topic");
  await Promise.all(readers.map((reader) => reader.first(1)));
  for (let index = 0; index < 1000; index++) {
    subscriber.send([frame(`acknowledge ${index}`)]);
    if (index % 50 === 49) await Promise.all(readers.map((reader) => reader.first(index - 100)));
  }
  for (const reader of readers) {
    const messages = await reader.first(1001);
    assert.equal(messages[0]?.[0], "\x01topic");
    assert.deepEqual(messages.slice(1), messages.slice(1).map((_, index) => [`acknowledge ${index}`]));
  }
  for (const publisher of publishers) await publisher[Symbol.asyncDispose]();
});

test("3,000 subscriptions made at once all reach the publisher, and all can be taken back", async () => {
  await using broker = forwarder();
  await using publisher = publisherTo(broker);
  const reader = new Reader(publisher);
  await using subscriber = subscriberTo(
    broker,
    ...Array.from({ length: 3000 }, (_, index) => `key ${index}`),
  );
  await reader.first(3000, 20_000);
  assert.equal(new Set(reader.messages.map(([text]) => text)).size, 3000);
  for (let index = 0; index < 3000; index++) subscriber.send(unsubscribe(`key ${index}`));
  await reader.first(6000, 20_000);
  assert.equal(new Set(reader.messages.slice(3000).map(([text]) => text)).size, 3000);
});

test("a publisher that comes later is told every subscription there is", async () => {
  await using broker = forwarder();
  await using subscriber = subscriberTo(broker, "a", "b", "c");
  const received = new Reader(subscriber);
  await delay(100);
  await using publisher = publisherTo(broker);
  const upstream = new Reader(publisher);
  await upstream.first(3);
  assert.deepEqual(upstream.messages.map(([text]) => text).sort(), ["\x01a", "\x01b", "\x01c"]);
  publisher.send(frame("b 1"));
  await received.first(1);
});

test("after a broker was replaced on the same ports, samples and messages from below flow again", async () => {
  const first = forwarder();
  const { publisher, upstream, subscriber, received } = await flowing(first);
  publisher.send(frame("before"));
  await received.first(1);
  await first.close();
  const replace = () => new Forwarder({ ingress: first.ingress, egress: first.egress });
  await using second = await until("the ports to be free", replace);
  await until("a sample through the second broker", () => {
    publisher.send(frame("after"));
    return received.messages.some(([text]) => text === "after");
  });
  await until("a message through it from below", () => {
    subscriber.send(frame("acknowledge"));
    return upstream.messages.some(([text]) => text === "acknowledge");
  });
  assert.deepEqual(second.ingress, first.ingress);
  await publisher[Symbol.asyncDispose]();
  await subscriber[Symbol.asyncDispose]();
});

test("a restart gives up every connection, and samples and messages from below flow again at the same ports", async () => {
  await using broker = forwarder();
  const { publisher, upstream, subscriber, received } = await flowing(broker);
  const events = new PeerReader(subscriber);
  for (let round = 1; round <= 5; round++) {
    broker.restart();
    broker.restart();
    await events.seen("handshaken", round);
    await until("a sample after it", () => {
      publisher.send(frame(`after ${round}`));
      return received.messages.some(([text]) => text === `after ${round}`);
    });
    await until("a message from below", () => {
      subscriber.send(frame(`up ${round}`));
      return upstream.messages.some(([text]) => text === `up ${round}`);
    });
  }
  broker.restart();
  await within("its end", broker.close(), 5000);
  await publisher[Symbol.asyncDispose]();
  await subscriber[Symbol.asyncDispose]();
});

test("a subscriber that is killed is forgotten: its subscriptions are taken back at the publisher", async () => {
  await using broker = forwarder();
  await using publisher = publisherTo(broker);
  const upstream = new Reader(publisher);
  const subscriber = subscriberTo(broker, "private key");
  await upstream.first(1);
  await subscriber[Symbol.asyncDispose]();
  await upstream.first(2);
  assert.equal(upstream.messages[1]?.[0], "\x00private key");
});

test("closing once, twice and at the same time ends it, and the ports are free", async () => {
  const broker = forwarder();
  await Promise.all([broker.close(), broker.close()]);
  await broker.close();
  await broker[Symbol.asyncDispose]();
  await within("its end", broker.ended, 1000);
  await using again = new Forwarder({ ingress: broker.ingress, egress: broker.egress });
  assert.deepEqual(again.ingress, broker.ingress);
});

test("closing in the middle of a flood ends it too, and nobody else is disturbed", async () => {
  const broker = forwarder();
  const { publisher, subscriber, received } = await flowing(broker);
  let flooding = true;
  const flood = (async () => {
    while (flooding) {
      for (let index = 0; index < 200; index++) publisher.send([frame("topic"), new Uint8Array(1000)]);
      await delay(0);
    }
  })();
  await received.first(5000);
  await within("its end", broker.close(), 5000);
  flooding = false;
  await flood;
  await publisher[Symbol.asyncDispose]();
  await subscriber[Symbol.asyncDispose]();
});

test("a port that is taken is told in one line, and what was opened is closed again", async () => {
  await using other = new Socket("router");
  const taken = other.bind(ANY);
  const before = [...Deno.readDirSync("/proc/self/fd")].length;
  for (let index = 0; index < 20; index++) {
    assert.throws(
      () => forwarder({ egress: [ANY, taken] }),
      (error) => {
        assert.ok(error instanceof PubsubError);
        assert.equal(error.message, `Cannot listen on ${taken}: address already in use`);
        return true;
      },
    );
  }
  assert.throws(() => forwarder({ ingress: [] }), /needs an ingress/);
  await until(
    "the descriptors to be closed",
    () => [...Deno.readDirSync("/proc/self/fd")].length <= before + 4,
  );
});

test("six forwarders at once work side by side, and their threads end with them", async () => {
  const before = threads();
  const brokers = Array.from({ length: 6 }, () => forwarder());
  const flows = await Promise.all(brokers.map((broker) => flowing(broker)));
  await Promise.all(flows.map(async ({ publisher, received }, index) => {
    for (let count = 0; count < 100; count++) publisher.send(frame(`${index} ${count}`));
    const messages = await received.first(100);
    assert.ok(messages.every(([text]) => text?.startsWith(`${index} `)));
  }));
  for (const { publisher, subscriber } of flows) {
    publisher.close();
    subscriber.close();
  }
  for (const broker of brokers) await broker.close();
  // Idle threads of the pool go after some seconds; what must not stay is one that still runs a proxy.
  assert.ok(threads() <= before + 8, `${before} threads before, ${threads()} after`);
});

test("a subscriber that does not read holds up neither the other subscribers nor the publishers", async () => {
  await using broker = forwarder({ sendHighWaterMark: 100, heartbeatIntervalMs: 0 });
  await using publisher = publisherTo(broker, { heartbeatIntervalMs: 0 });
  const upstream = new Reader(publisher);
  await using stalled = new Socket("xsub", { receiveHighWaterMark: 10, heartbeatIntervalMs: 0 });
  stalled.connect(broker.egress[0] as string);
  stalled.send(subscribe(""));
  await upstream.first(1);
  await using lively = subscriberTo(broker, "");
  const received = new Reader(lively);
  await until("the lively one to hear", () => {
    publisher.send(frame("first"));
    return received.messages.length > 0;
  });
  const body = "x".repeat(20_000);
  for (let index = 0; index < 1500; index++) {
    publisher.send(frame(`${index} ${body}`));
    if (index % 20 === 19) {
      await until("the lively one to keep up", () => received.messages.at(-1)?.[0]?.startsWith(`${index} `));
    }
  }
  await delay(100);
  const late = new Reader(stalled);
  await late.first(50);
  await delay(300);
  assert.ok(late.messages.length < 1500, "the stalled one lost nothing: it must have held up the others");
});

test("signals at its thread do not stop it", async () => {
  await using broker = forwarder();
  const { publisher, subscriber, received } = await flowing(broker);
  const library = Deno.dlopen("libc.so.6", {
    tgkill: { parameters: ["i32", "i32", "i32"], result: "i32" },
  });
  let caught = 0;
  const onSignal = () => {
    caught++;
  };
  Deno.addSignalListener("SIGUSR2", onSignal);
  try {
    for (let round = 0; round < 100; round++) {
      // Every thread of the process is hit: Deno has no way to tell which one runs the proxy.
      for (const task of Deno.readDirSync("/proc/self/task")) {
        library.symbols.tgkill(Deno.pid, Number(task.name), 12);
      }
      publisher.send(frame(`sample ${round}`));
      await delay(2);
    }
    await until("a sample after the last signal", () => {
      publisher.send(frame("after"));
      return received.messages.some(([text]) => text === "after");
    });
    // A signal may cost the message that the thread has in its hands.
    assert.ok(received.messages.filter(([text]) => text !== "after").length >= 80);
    assert.ok(caught > 0);
  } finally {
    Deno.removeSignalListener("SIGUSR2", onSignal);
    library.close();
  }
  await publisher[Symbol.asyncDispose]();
  await subscriber[Symbol.asyncDispose]();
});

test("connections to it stand through all of this: nobody was cut off by its own heartbeats", async () => {
  await using broker = forwarder();
  const { publisher, subscriber, received } = await flowing(broker);
  const peers = [new PeerReader(publisher), new PeerReader(subscriber)];
  await delay(1500);
  publisher.send(frame("still"));
  await received.first(1);
  for (const peer of peers) assert.equal(peer.count("disconnected"), 0);
  await publisher[Symbol.asyncDispose]();
  await subscriber[Symbol.asyncDispose]();
});
