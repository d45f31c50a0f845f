/** What `send`, `bind`, `connect` and their opposites promise: they never wait, and say in one line what is wrong. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { PubsubError } from "../../../lib/base/errors.ts";
import { contextsEnded } from "../../../lib/zmq/context.ts";
import { Socket, type SocketKind } from "../../../lib/zmq/socket.ts";
import { zeromqVersion } from "../../../lib/zmq/version.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { ANY, frame, PeerReader, Reader, startChild, subscribe, texts } from "./support.ts";

const KINDS: SocketKind[] = ["router", "dealer", "xpub", "xsub"];

function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

test("the library says which version it is", () => {
  assert.match(zeromqVersion(), /^4\.\d+\.\d+$/);
});

test("a router says at once that it has no such peer, and which it has", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const reader = new Reader(router);
  assert.equal(router.send([frame("nobody"), frame("hello")]), false);
  await using dealer = new Socket("dealer", { routingId: "somebody" });
  dealer.connect(endpoint);
  dealer.send(frame("hello"));
  await reader.first(1);
  assert.equal(router.send([frame("somebody"), frame("hello")]), true);
  assert.equal(router.send([frame("nobody"), frame("hello")]), false);
  const { value } = await within("the reply", dealer.messages().next());
  assert.deepEqual(value?.map(texts), [["hello"]]);
  assert.deepEqual(router.counters, { sent: 1, unsent: 2, received: 1 });
  await dealer[Symbol.asyncDispose]();
  await until("the peer to be gone", () => !router.send([frame("somebody"), frame("hello")]));
});

test("a dealer says when nobody is there to take a message, or its queue is full", async () => {
  await using dealer = new Socket("dealer", { sendHighWaterMark: 10 });
  assert.equal(dealer.send(frame("nobody")), false);
  dealer.connect("tcp://127.0.0.1:1");
  for (let index = 0; index < 10; index++) assert.equal(dealer.send(frame("queued")), true);
  assert.equal(dealer.send([frame("one too many"), frame("of two frames")]), false);
  assert.deepEqual(dealer.counters, { sent: 10, unsent: 2, received: 0 });
});

test("a router says when a peer's queue is full, and the other peers do not notice", async () => {
  await using router = new Socket("router", { sendHighWaterMark: 10 });
  const endpoint = router.bind(ANY);
  const reader = new Reader(router);
  const quiet = { heartbeatIntervalMs: 0, receiveHighWaterMark: 1 };
  await using stalled = new Socket("dealer", { ...quiet, routingId: "stalled" });
  await using lively = new Socket("dealer", { ...quiet, routingId: "lively" });
  for (const dealer of [stalled, lively]) {
    dealer.connect(endpoint);
    dealer.send(frame("hello"));
  }
  await reader.first(2);
  const big = new Uint8Array(1024 * 1024);
  await until("a full queue", () => !router.send([frame("stalled"), big]));
  const received = new Reader(lively);
  for (let index = 0; index < 100; index++) {
    await until("room for the other", () => router.send([frame("lively"), frame(`${index}`)]));
  }
  await received.first(100);
});

test("nothing throws and nothing is sent after close", async () => {
  for (const kind of KINDS) {
    const socket = new Socket(kind);
    socket.bind(ANY);
    socket.close();
    socket.close();
    await socket[Symbol.asyncDispose]();
    assert.equal(socket.closed, true);
    assert.equal(socket.send(frame("late")), false);
    assert.equal(socket.send([frame("late"), frame("late")]), false);
    assert.equal(socket.counters.unsent, 2);
    socket.disconnect("tcp://127.0.0.1:1");
    assert.throws(() => socket.connect("tcp://127.0.0.1:1"), PubsubError);
    assert.throws(() => socket.bind(ANY), /Cannot listen on tcp:\/\/127\.0\.0\.1:0: the socket is closed/);
    assert.deepEqual(await socket.messages().next(), { done: true, value: undefined });
  }
});

test("the bytes of a message may be overwritten as soon as send returns", async () => {
  await using receiver = new Socket("dealer");
  const endpoint = receiver.bind(ANY);
  await using sender = new Socket("dealer", { sendHighWaterMark: 0 });
  sender.connect(endpoint);
  const bytes = new Uint8Array(100_000);
  for (let index = 0; index < 100; index++) {
    bytes.fill(index);
    sender.send([bytes.subarray(0, 10), bytes]);
  }
  bytes.fill(255);
  let count = 0;
  for await (const batch of receiver.messages()) {
    for (const [head, body] of batch) {
      assert.ok(head?.length === 10 && head.every((byte) => byte === count));
      assert.ok(body?.length === 100_000 && body.every((byte) => byte === count));
      count++;
    }
    if (count === 100) break;
  }
});

test("frames of every size arrive as they were sent, the empty one too", async () => {
  await using receiver = new Socket("dealer");
  const endpoint = receiver.bind(ANY);
  await using sender = new Socket("dealer");
  sender.connect(endpoint);
  const sizes = [0, 1, 32, 33, 64, 65, 255, 256, 4095, 4096, 4097, 8191, 65_535, 65_536, 1_000_000];
  const message = sizes.map((size) => new Uint8Array(size).map((_, index) => index * 7 + size));
  assert.ok(sender.send(message));
  const { value } = await within("the message", receiver.messages().next());
  assert.equal(value?.[0]?.length, sizes.length);
  value?.[0]?.forEach((bytes, index) => assert.deepEqual(bytes, message[index]));
  assert.equal(sender.send([]), false);
});

test("port 0 gives the real endpoint, and it is the one to connect to", async () => {
  await using router = new Socket("router");
  const endpoints = [router.bind(ANY), router.bind("tcp://127.0.0.1:*"), router.bind("tcp://lo:0")];
  const reader = new Reader(router);
  assert.equal(new Set(endpoints).size, 3);
  for (const [index, endpoint] of endpoints.entries()) {
    assert.match(endpoint, /^tcp:\/\/127\.0\.0\.1:\d+$/);
    await using dealer = new Socket("dealer");
    dealer.connect(endpoint);
    dealer.send(frame("hello"));
    await reader.first(index + 1);
  }
  assert.match(router.bind("tcp://*:0"), /^tcp:\/\/0\.0\.0\.0:\d+$/);
});

test("an IPv6 address works where the host has one", async () => {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
  } catch {
    return;
  }
  await using router = new Socket("router");
  const endpoint = router.bind("tcp://[::1]:0");
  const reader = new Reader(router);
  await using dealer = new Socket("dealer");
  dealer.connect(endpoint);
  dealer.send(frame("hello"));
  await reader.first(1);
  assert.match(router.bind(ANY), /^tcp:\/\/127/);
});

test("what cannot be listened on is told in one line", async () => {
  await using first = new Socket("router");
  const endpoint = first.bind(ANY);
  await using second = new Socket("xpub");
  const message = (endpoint: string) => {
    try {
      second.bind(endpoint);
    } catch (error) {
      assert.ok(error instanceof PubsubError);
      return error.message;
    }
    throw new Error(`${endpoint} was accepted`);
  };
  assert.equal(message(endpoint), `Cannot listen on ${endpoint}: address already in use`);
  assert.match(message("tcp://192.0.2.1:5555"), /^Cannot listen on tcp:\/\/192\.0\.2\.1:5555: [^\n]+$/);
  assert.match(message("nonsense"), /not a valid endpoint/);
  assert.match(message("tcp://no-such-interface:5555"), /must be an address, not a name/);
  assert.match(message("tcp://127.0.0.1:99999"), /not a valid endpoint/);
  assert.throws(() => second.connect("nonsense"), /^PubsubError: Cannot connect to nonsense/);
  // And the socket is as good as before.
  second.bind(ANY);
});

test("a routing id that is none is told in one line", async () => {
  assert.throws(() => new Socket("dealer", { routingId: "x".repeat(256) }), /1 to 255 bytes/);
  assert.throws(() => new Socket("dealer", { routingId: "" }), /1 to 255 bytes/);
  await contextsEnded();
});

test("connecting twice is one connection, disconnecting twice is fine, and it ends the connection", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const peers = new PeerReader(router);
  const reader = new Reader(router);
  await using dealer = new Socket("dealer");
  dealer.connect(endpoint);
  dealer.connect(endpoint);
  dealer.send(frame("1"));
  await reader.first(1);
  assert.equal(peers.count("connected"), 1);
  dealer.disconnect(endpoint);
  dealer.disconnect(endpoint);
  dealer.disconnect("tcp://127.0.0.1:1");
  await peers.seen("disconnected");
  assert.equal(dealer.send(frame("2")), false);
  dealer.connect(endpoint);
  dealer.send(frame("3"));
  await reader.first(2);
  assert.deepEqual(reader.messages.map(([, text]) => text), ["1", "3"]);
});

test("connecting to who is not there yet works once he comes", async () => {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const port = (probe.address() as { port: number }).port;
  await new Promise((resolve) => probe.close(resolve));
  await using dealer = new Socket("dealer", { reconnectIntervalMs: 10, reconnectMaxIntervalMs: 40 });
  dealer.connect(`tcp://127.0.0.1:${port}`);
  dealer.send(frame("early"));
  await delay(200);
  await using router = new Socket("router");
  router.bind(`tcp://127.0.0.1:${port}`);
  const reader = new Reader(router);
  await reader.first(1, 3000);
});

test("a second connection under a name is not heard, takes nothing over, and does no harm", async () => {
  await using router = new Socket("router", { heartbeatIntervalMs: 20, heartbeatTimeoutMs: 1000 });
  const endpoint = router.bind(ANY);
  const reader = new Reader(router);
  await using first = new Socket("dealer", { routingId: "client" });
  first.connect(endpoint);
  first.send(frame("first"));
  await reader.first(1);
  const replies = new Reader(first);
  for (let round = 1; round <= 10; round++) {
    const second = new Socket("dealer", { routingId: "client" });
    const peers = new PeerReader(second);
    second.connect(endpoint);
    second.send(frame("second"));
    await peers.seen("handshaken");
    first.send(frame("still here"));
    await reader.first(1 + round);
    second.close();
    router.send([frame("client"), frame("yours")]);
    await replies.first(round);
  }
  assert.ok(reader.messages.every(([, text]) => text !== "second"));
  await using nameless = new Socket("dealer");
  nameless.connect(endpoint);
  nameless.send(frame("mine is invented"));
  await reader.first(12);
});

test("a peer that is stopped is noticed, and is back when it goes on", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const reader = new Reader(router);
  const peers = new PeerReader(router);
  const child = startChild(["peer", endpoint]);
  try {
    await reader.first(1, 20_000);
    assert.equal(router.send([frame("peer"), frame("hello")]), true);
    child.kill("SIGSTOP");
    await peers.seen("disconnected", 1, 5000);
    await until("the peer to be forgotten", () => !router.send([frame("peer"), frame("anybody?")]));
    child.kill("SIGCONT");
    await peers.seen("handshaken", 2, 10_000);
    await until("the peer to be back", () => router.send([frame("peer"), frame("hello again")]));
  } finally {
    child.kill("SIGKILL");
    await child.output();
  }
});

test("a peer that sends a bigger frame than allowed is cut off, and only that one", async () => {
  await using router = new Socket("router", { maxMessageSize: 1000 });
  const endpoint = router.bind(ANY);
  const reader = new Reader(router);
  const peers = new PeerReader(router);
  await using good = new Socket("dealer", { routingId: "good" });
  await using bad = new Socket("dealer", { routingId: "bad" });
  for (const dealer of [good, bad]) {
    dealer.connect(endpoint);
    dealer.send(new Uint8Array(1000));
  }
  await reader.first(2);
  bad.send(new Uint8Array(1001));
  await peers.seen("disconnected");
  good.send(frame("still here"));
  await reader.first(3);
  assert.deepEqual(reader.messages.at(-1), ["good", "still here"]);
  assert.ok(reader.messages.every((message) => (message[1]?.length ?? 0) <= 1000));
});

test("a subscriber that does not read loses samples, and the publisher and the others are not held up", async () => {
  await using publisher = new Socket("xpub", { sendHighWaterMark: 100, heartbeatIntervalMs: 0 });
  const endpoint = publisher.bind(ANY);
  const subscriptions = new Reader(publisher);
  const quiet = { heartbeatIntervalMs: 0, receiveHighWaterMark: 100 };
  await using stalled = new Socket("xsub", quiet);
  await using lively = new Socket("xsub", quiet);
  const received = new Reader(lively);
  for (const [index, subscriber] of [stalled, lively].entries()) {
    subscriber.connect(endpoint);
    subscriber.send(subscribe(`${index}`));
    subscriber.send(subscribe("all"));
  }
  await subscriptions.first(3);
  await until("both subscriptions to all", () => {
    publisher.send([frame("all"), frame("first")]);
    return received.messages.length > 0;
  });
  const body = "x".repeat(10_000);
  const last = () => Number.parseInt(received.messages.at(-1)?.[1] ?? "");
  for (let index = 0; index < 2000; index++) {
    assert.equal(publisher.send([frame("all"), frame(`${index} ${body}`)]), true);
    if (index % 20 === 19) await until("the lively one to keep up", () => last() === index);
  }
  assert.equal(received.messages.filter((message) => message[1] !== "first").length, 2000);
  let count = 0;
  const late = new Reader(stalled, () => count++);
  await until("what was kept for the stalled one", () => count >= 100);
  await delay(200);
  assert.ok(late.messages.length < 1900, `nothing was dropped: ${late.messages.length}`);
});
