/** Whatever a stranger sends to a bound socket, it goes on serving its peers and does not grow. */
import assert from "node:assert/strict";
import { Forwarder } from "../../../lib/zmq/forwarder.ts";
import { Socket, type SocketKind } from "../../../lib/zmq/socket.ts";
import { delay } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { ANY, frame, PeerReader, Reader, sendUntil, subscribe } from "./support.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

const GREETING = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, ...frame("NULL"), ...new Array(48).fill(0)];

/** A READY command of a socket type. */
function ready(type: string): number[] {
  const property = [11, ...frame("Socket-Type"), 0, 0, 0, type.length, ...frame(type)];
  const body = [5, ...frame("READY"), ...property];
  return [4, body.length, ...body];
}

function random(length: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length }, () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16 & 0xff);
}

/** What strangers send: each is one connection. */
const ATTACKS: number[][] = [
  [],
  [0],
  [0xff],
  [...frame("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
  random(10, 1),
  random(64, 2),
  random(1000, 3),
  random(100_000, 4),
  new Array(5000).fill(0),
  new Array(5000).fill(0xff),
  GREETING.slice(0, 11),
  GREETING,
  [...GREETING, ...random(500, 5)],
  [...GREETING, 4, 255, ...random(10, 6)],
  // A READY command with a property that is longer than the command.
  [...GREETING, 4, 20, 5, ...frame("READY"), 11, ...frame("Socket-Type"), 0xff, 0xff, 0xff, 0xff],
  [...GREETING, ...ready("NONSENSE")],
  [...GREETING, ...ready("PAIR")],
  // Proper peers that then send a frame of 2^62 bytes, and random bytes as frames.
  ...["DEALER", "SUB", "XPUB"].flatMap((type) => [
    [...GREETING, ...ready(type), 2, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3],
    [...GREETING, ...ready(type), ...random(3000, 7)],
    [...GREETING, ...ready(type), 0, 3, 1, 65, 66, 1, 1, 0, 1, 1, 0],
  ]),
];

/** Connect, send in two parts, and leave. Being cut off by the other end is fine. */
async function attack(endpoint: string, bytes: number[], pauseMs: number): Promise<void> {
  const port = Number(endpoint.split(":").at(-1));
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    const data = Uint8Array.from(bytes);
    const half = data.length >> 1;
    for (const part of [data.subarray(0, half), data.subarray(half)]) {
      for (let sent = 0; sent < part.length;) sent += await connection.write(part.subarray(sent));
      await delay(pauseMs);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)) {
      throw error;
    }
  } finally {
    connection.close();
  }
}

async function attackWithEverything(endpoint: string): Promise<void> {
  for (let start = 0; start < ATTACKS.length; start += 6) {
    await Promise.all(
      ATTACKS.slice(start, start + 6).map((bytes, index) => attack(endpoint, bytes, index * 4)),
    );
  }
}

const PARTNER: Record<SocketKind, SocketKind> = {
  router: "dealer",
  dealer: "router",
  xpub: "xsub",
  xsub: "xpub",
};

for (const kind of Object.keys(PARTNER) as SocketKind[]) {
  test(`garbage sent to a bound ${kind} does no harm`, async () => {
    await using socket = new Socket(kind);
    const endpoint = socket.bind(ANY);
    const peers = new PeerReader(socket);
    const reader = new Reader(socket);
    if (kind === "xsub") socket.send(subscribe(""));
    await attackWithEverything(endpoint);
    await using partner = new Socket(PARTNER[kind], { routingId: "partner" });
    partner.connect(endpoint);
    const answers = new Reader(partner);
    const sent = kind === "xpub" ? subscribe("real") : frame("real");
    await sendUntil(
      () => partner.send(kind === "dealer" ? [frame(""), sent] : sent),
      () => kind === "dealer" || reader.messages.some((message) => message.at(-1)?.endsWith("real")),
    );
    if (kind !== "xsub") {
      await sendUntil(
        () => socket.send(kind === "router" ? [frame("partner"), frame("real")] : frame("real")),
        () => answers.messages.some((message) => message.at(-1) === "real"),
      );
    }
    assert.ok(peers.count("refused") > 0 || peers.count("disconnected") > 5, `${peers.types}`);
  });
}

test("garbage sent to both sides of a forwarder does no harm", async () => {
  await using broker = new Forwarder({ ingress: [ANY], egress: [ANY] });
  await using publisher = new Socket("xpub");
  publisher.connect(broker.ingress[0] as string);
  await using subscriber = new Socket("xsub");
  subscriber.connect(broker.egress[0] as string);
  subscriber.send(subscribe("key"));
  const received = new Reader(subscriber);
  const upstream = new Reader(publisher);
  await attackWithEverything(broker.ingress[0] as string);
  await attackWithEverything(broker.egress[0] as string);
  await sendUntil(() => publisher.send(frame("key 1")), () => received.messages.length > 0);
  await sendUntil(
    () => subscriber.send(frame("upstream")),
    () => upstream.messages.some(([text]) => text === "upstream"),
  );
});

test("peers of a kind that does not fit never get through the handshake, and cannot send", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const reader = new Reader(router);
  const peers = new PeerReader(router);
  await using wrong = new Socket("xpub");
  wrong.connect(endpoint);
  await peers.seen("disconnected");
  for (let index = 0; index < 20; index++) wrong.send(frame("hello"));
  await delay(100);
  assert.equal(peers.count("handshaken"), 0);
  assert.equal(reader.messages.length, 0);
});

test("200 connections that say nothing do not keep a peer from being served", async () => {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  const reader = new Reader(router);
  const port = Number(endpoint.split(":").at(-1));
  const idle = await Promise.all(
    Array.from({ length: 200 }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  try {
    await using dealer = new Socket("dealer");
    dealer.connect(endpoint);
    dealer.send(frame("hello"));
    await reader.first(1);
  } finally {
    for (const connection of idle) connection.close();
  }
});
