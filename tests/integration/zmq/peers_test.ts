/** Peer events: none missed, none stuck, over many connections. */
import assert from "node:assert/strict";
import { Socket } from "../../../lib/zmq/socket.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { ANY, frame, PeerReader, Reader } from "./support.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

test("both ends see all of 200 connections come and go, in order", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const server = new PeerReader(router);
  for (let cycle = 1; cycle <= 200; cycle++) {
    await using dealer = new Socket("dealer");
    const client = new PeerReader(dealer);
    dealer.connect(endpoint);
    await client.seen("handshaken", 1, 5000);
    await server.seen("handshaken", cycle, 5000);
    dealer.close();
    await within("the end of the client's events", client.ended, 1000);
    assert.deepEqual(client.types, ["connected", "handshaken"]);
    assert.deepEqual(client.endpoints, [endpoint, endpoint]);
    await server.seen("disconnected", cycle, 5000);
  }
  assert.equal(server.types.length, 600);
  for (let cycle = 0; cycle < 200; cycle++) {
    assert.deepEqual(server.types.slice(cycle * 3, cycle * 3 + 3), [
      "connected",
      "handshaken",
      "disconnected",
    ]);
  }
});

test("a client sees its server go, the attempts to reach it, and its return, 20 times", async () => {
  await using client = new Socket("dealer", { reconnectIntervalMs: 5, reconnectMaxIntervalMs: 20 });
  const events = new PeerReader(client);
  let endpoint = ANY;
  for (let cycle = 1; cycle <= 20; cycle++) {
    await using server = new Socket("router");
    endpoint = await until("the port", () => server.bind(endpoint));
    if (cycle === 1) client.connect(endpoint);
    await events.seen("handshaken", cycle, 5000);
    await server[Symbol.asyncDispose]();
    await events.seen("disconnected", cycle, 5000);
    if (cycle % 5 === 0) await delay(60);
  }
  const story = events.types.filter((type) => type === "handshaken" || type === "disconnected");
  story.forEach((type, index) => assert.equal(type, index % 2 === 0 ? "handshaken" : "disconnected"));
  assert.ok(events.count("retrying") > 0);
});

test("50 clients at once are each seen to come and to go", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const server = new PeerReader(router);
  const clients = Array.from({ length: 50 }, () => new Socket("dealer"));
  for (const client of clients) client.connect(endpoint);
  await server.seen("handshaken", 50);
  for (const client of clients) client.close();
  await server.seen("disconnected", 50);
  assert.equal(server.count("connected"), 50);
});

test("events wait for a consumer that comes late or is slow, and leaving the loop ends the watching", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const events = router.peers();
  await using dealer = new Socket("dealer");
  dealer.connect(endpoint);
  await delay(200);
  const seen: string[] = [];
  for await (const event of events) {
    seen.push(event.type);
    if (event.type === "handshaken") break;
  }
  assert.deepEqual(seen, ["connected", "handshaken"]);
  dealer.disconnect(endpoint);
  await delay(100);
  const again = new PeerReader(router);
  dealer.connect(endpoint);
  await again.seen("handshaken");
  assert.deepEqual(again.types, ["connected", "handshaken"]);
});

test("watching does not disturb the messages, and a socket that is not watched costs no descriptor", async () => {
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const before = open();
  const events = new PeerReader(router);
  assert.ok(open() > before);
  const reader = new Reader(router);
  await using dealer = new Socket("dealer");
  dealer.connect(endpoint);
  for (let index = 0; index < 500; index++) dealer.send(frame(`${index}`));
  await reader.first(500);
  assert.equal(events.count("handshaken"), 1);
  router.close();
  await within("the end of the events", events.ended, 1000);
});
