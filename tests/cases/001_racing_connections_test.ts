/**
 * Case 1: connections that race under one routing id, and honest cuts, aborted the broker (an assertion of libzmq's).
 * What no broker survives is said in `lib/zmq/options.ts`; larger: `deno run -A tests/chaos/floods.ts`.
 */
import assert from "node:assert/strict";
import { delay, until } from "../harness/condition.ts";
import type { Pubsub } from "../harness/process.ts";
import { systemTest } from "../harness/system.ts";
import { TcpProxy } from "../harness/tcp_proxy.ts";
import { freePort } from "../harness/zookeeper.ts";
import { FormatError } from "../../lib/base/errors.ts";
import { decodeBrokerMessage, encodeControl } from "../../lib/wire/control.ts";
import { Socket } from "../../lib/zmq/socket.ts";

const STATUS = encodeControl({ type: "status", brief: true });
const silent = { heartbeatIntervalMs: 0, linger: 200 };

async function controlOf(broker: Pubsub): Promise<string> {
  return /control (tcp:\S+),/.exec(await broker.says(/control tcp:/))![1]!;
}

/** How many clients the broker serves. */
async function clientsOf(control: string): Promise<number | undefined> {
  await using socket = new Socket("dealer", silent);
  socket.connect(control);
  socket.send(STATUS);
  const timer = setTimeout(() => socket.close(), 3000);
  const { value } = await socket.messages().next();
  clearTimeout(timer);
  const answer = decodeBrokerMessage(value?.[0]?.at(-1) ?? new Uint8Array());
  if (answer instanceof FormatError || answer.type !== "status") return undefined;
  return answer.status.clients as number;
}

async function serves(broker: Pubsub, control: string): Promise<void> {
  assert.notEqual(await clientsOf(control), undefined, broker.stderr.slice(-3).join("\n"));
  assert.ok(broker.running);
}

/** The first message that comes, or nothing after `ms`. */
async function heard(socket: Socket, ms: number): Promise<void> {
  const timer = setTimeout(() => socket.close(), ms);
  await socket.messages().next();
  clearTimeout(timer);
}

systemTest(
  "case 1: a second connection under a name, and the end of the first, are survived",
  async (system) => {
    const broker = await system.broker("--address", "127.0.0.1");
    const control = await controlOf(broker);
    await Promise.all(Array.from({ length: 10 }, async (_, index) => {
      const dealer = () => {
        const socket = new Socket("dealer", { ...silent, routingId: `x:${index}` });
        socket.connect(control);
        socket.send(STATUS);
        return socket;
      };
      await using first = dealer();
      await heard(first, 5000);
      await using second = dealer();
      await heard(second, 300);
      first.send(STATUS);
      await delay(100);
      first.close();
      // The broker asks for signs of life meanwhile, twice: that ended it.
      await delay(2200);
    }));
    await serves(broker, control);
  },
);

systemTest("case 1: 300 pairs of connections that race under one name are survived", async (system) => {
  const broker = await system.broker("--address", "127.0.0.1");
  const control = await controlOf(broker);
  for (let round = 0; round < 30; round++) {
    const sockets = Array.from({ length: 20 }, (_, index) => {
      const socket = new Socket("dealer", { ...silent, routingId: `same:${index >> 1}` });
      socket.connect(control);
      socket.send(encodeControl({ type: "resync", id: "same" }));
      return socket;
    });
    await delay(50);
    for (const socket of sockets) socket.close();
  }
  await delay(1200);
  await serves(broker, control);
});

systemTest(
  "case 1: 30 idle subscribers whose link is cut for 3 s are back with the same broker",
  async (system) => {
    const ports = [freePort(), freePort(), freePort()] as const;
    const outside = "127.0.0.2";
    const proxies = ports.map((port) => new TcpProxy({ target: port, port, hostname: outside }));
    try {
      const broker = await system.broker(
        ...["--bind", "127.0.0.1", "--address", outside, "--control-port", String(ports[0])],
        ...["--ingress-port", String(ports[1]), "--egress-port", String(ports[2])],
      );
      const subscribers = system.start(
        ["subscriber", "--topics", "A", "--count", "30", "--centralized", "--indefinite"],
      );
      const control = `tcp://127.0.0.1:${ports[0]}`;
      await until("30 clients", async () => await clientsOf(control) === 30, 20_000);
      for (const proxy of proxies) proxy.hold();
      await delay(3000);
      for (const proxy of proxies) proxy.release();
      await delay(1500);
      await until("30 clients again", async () => await clientsOf(control) === 30, 20_000);
      assert.ok(broker.running && subscribers.running);
    } finally {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    }
  },
);
