/**
 * The simulated sockets are those of the library, as far as brokers and clients use them: the same steps, taken on both,
 * come to the same messages and events.
 */
import assert from "node:assert/strict";
import { contextsEnded } from "../../../lib/zmq/context.ts";
import { Forwarder } from "../../../lib/zmq/forwarder.ts";
import { Socket } from "../../../lib/zmq/socket.ts";
import type { MessageSocket, Sockets } from "../../../lib/zmq/sockets.ts";
import { delay } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { inTask } from "../../simulation/machine.ts";
import { Network } from "../../simulation/network.ts";
import { simulatedSockets } from "../../simulation/sockets.ts";
import { World } from "../../simulation/world.ts";
import { frame, subscribe, unsubscribe } from "./support.ts";

const SETTLE_MS = 400;

/** What steps are taken with. */
interface Bench {
  readonly sockets: Sockets;
  /** Everything that is under way arrives. */
  settle(): Promise<void>;
}

/** Steps, and what came of them: a line each. */
type Steps = (bench: Bench, host: string, log: (line: string) => void) => Promise<void>;

const native: Sockets = {
  socket: (kind, options) => new Socket(kind, options),
  forwarder: (options) => new Forwarder(options),
  guard: () => ({ [Symbol.dispose]() {} }),
};

function text(bytes: Uint8Array): string {
  // deno-lint-ignore no-control-regex
  return new TextDecoder().decode(bytes).replace(/[\0-\x1f]/g, (byte) => `<${byte.charCodeAt(0)}>`);
}

/** Tells everything that comes; frames but not who sent it. */
function read(socket: MessageSocket, name: string, log: (line: string) => void, from = 0): void {
  void (async () => {
    for await (const messages of socket.messages()) {
      for (const message of messages) log(`${name} gets ${message.slice(from).map(text).join("|")}`);
    }
    log(`${name} has no more messages`);
  })();
}

function watch(socket: MessageSocket, name: string, log: (line: string) => void): void {
  void (async () => {
    for await (const { type } of socket.peers()) if (type !== "retrying") log(`${name}: ${type}`);
  })();
}

const STEPS: Record<string, Steps> = {
  "samples go to those who have subscribed to their beginning": async (bench, host, log) => {
    const publisher = bench.sockets.socket("xpub", {});
    const endpoint = publisher.bind(`tcp://${host}:0`);
    read(publisher, "publisher", log);
    const [one, two] = [bench.sockets.socket("xsub", {}), bench.sockets.socket("xsub", {})];
    read(one, "one", log);
    read(two, "two", log);
    one.connect(endpoint);
    two.connect(endpoint);
    await bench.settle();
    one.send(subscribe("a"));
    await bench.settle();
    // Of several only the first one's is told, and the last one's withdrawal.
    two.send(subscribe("a"));
    two.send(subscribe("ab"));
    await bench.settle();
    for (const key of ["a1", "ab2", "b3", "", "A"]) publisher.send(frame(key));
    await bench.settle();
    one.send(unsubscribe("a"));
    await bench.settle();
    publisher.send(frame("a4"));
    await bench.settle();
    two.send(unsubscribe("a"));
    await bench.settle();
    publisher.send(frame("a5"));
    publisher.send(frame("ab6"));
    await bench.settle();
    log(`sent ${publisher.counters.sent}, got by two ${two.counters.received}`);
    for (const socket of [one, two]) socket.close();
    await bench.settle();
    publisher.close();
  },
  "what is no subscription goes up as it is": async (bench, host, log) => {
    const publisher = bench.sockets.socket("xpub", {});
    read(publisher, "publisher", log);
    const subscriber = bench.sockets.socket("xsub", {});
    subscriber.connect(publisher.bind(`tcp://${host}:0`));
    await bench.settle();
    subscriber.send(frame("\x02hello"));
    subscriber.send([frame("\x02two"), frame("parts")]);
    await bench.settle();
    for (const socket of [subscriber, publisher]) socket.close();
  },
  "a forwarder passes samples down, subscriptions and other messages up": async (bench, host, log) => {
    const forwarder = bench.sockets.forwarder({ ingress: [`tcp://${host}:0`], egress: [`tcp://${host}:0`] });
    const [one, two] = [bench.sockets.socket("xpub", {}), bench.sockets.socket("xpub", {})];
    read(one, "one", log);
    one.connect(forwarder.ingress[0]!);
    const reader = bench.sockets.socket("xsub", {});
    read(reader, "reader", log);
    reader.connect(forwarder.egress[0]!);
    await bench.settle();
    reader.send(subscribe("t"));
    await bench.settle();
    reader.send(frame("\x02up"));
    one.send(frame("t1"));
    one.send(frame("u1"));
    await bench.settle();
    // Who comes later is told what is subscribed to.
    read(two, "two", log);
    two.connect(forwarder.ingress[0]!);
    await bench.settle();
    two.send(frame("t2"));
    await bench.settle();
    const other = bench.sockets.socket("xsub", {});
    other.connect(forwarder.egress[0]!);
    await bench.settle();
    other.send(subscribe("t"));
    await bench.settle();
    reader.close();
    await bench.settle();
    log("one reader is left");
    other.close();
    await bench.settle();
    for (const socket of [one, two]) socket.close();
    await forwarder.close();
    await forwarder.ended;
  },
  "a dealer and a router talk, and who is not there is not sent to": async (bench, host, log) => {
    const router = bench.sockets.socket("router", {});
    const endpoint = router.bind(`tcp://${host}:0`);
    const dealer = bench.sockets.socket("dealer", {});
    log(`without a peer: ${dealer.send(frame("early"))}`);
    read(dealer, "dealer", log);
    dealer.connect(endpoint);
    log(`queued: ${dealer.send(frame("first"))}`);
    let route: Uint8Array | undefined;
    void (async () => {
      for await (const messages of router.messages()) {
        for (const [from, ...rest] of messages) {
          route = from!.slice();
          log(`router gets ${rest.map(text).join("|")} of ${from!.length} bytes`);
          log(`answered: ${router.send([from!, frame("answer")])}`);
        }
      }
    })();
    await bench.settle();
    dealer.send([frame("two"), frame("parts")]);
    await bench.settle();
    dealer.close();
    await bench.settle();
    log(`after it has left: ${router.send([route!, frame("late")])}`);
    router.close();
    log(`closed: ${router.closed}, ${router.send([route!, frame("later")])}`);
  },
  "a connection that is lost comes back, and what was subscribed to with it": async (bench, host, log) => {
    const reader = bench.sockets.socket("xsub", {});
    read(reader, "reader", log);
    watch(reader, "reader", log);
    const first = bench.sockets.socket("xpub", {});
    const endpoint = first.bind(`tcp://${host}:0`);
    reader.connect(endpoint);
    reader.send(subscribe("k"));
    await bench.settle();
    first.send(frame("k1"));
    await bench.settle();
    first.close();
    await bench.settle();
    const second = bench.sockets.socket("xpub", {});
    read(second, "second", log);
    second.bind(endpoint);
    await bench.settle();
    await bench.settle();
    await bench.settle();
    second.send(frame("k2"));
    await bench.settle();
    reader.disconnect(endpoint);
    await bench.settle();
    second.send(frame("k3"));
    await bench.settle();
    reader.connect(endpoint);
    await bench.settle();
    second.send(frame("k4"));
    await bench.settle();
    reader.close();
    await bench.settle();
    second.close();
  },
};

async function onLibrary(steps: Steps): Promise<string[]> {
  const lines: string[] = [];
  await steps({ sockets: native, settle: () => delay(SETTLE_MS) }, "127.0.0.1", (line) => lines.push(line));
  await contextsEnded();
  return lines;
}

function inWorld(steps: Steps): Promise<string[]> {
  return inTask(() => {
    const world = new World(1);
    const lines: string[] = [];
    const settle = () => new Promise<void>((resolve) => setTimeout(resolve, SETTLE_MS));
    const sockets = simulatedSockets(new Network(world));
    let over = false;
    world.spawn("all", async (process) => {
      await steps({ sockets, settle }, process.host, (line) => lines.push(line));
      over = true;
    });
    world.runUntil(60_000, () => over);
    assert.deepEqual(world.crashes, []);
    return lines;
  });
}

/** The order is that of each socket: which of two is told first is chance. */
function bySpeaker(lines: readonly string[]): string[] {
  const speaker = (line: string) => line.split(" ")[0]!;
  return lines.toSorted((one, other) => speaker(one).localeCompare(speaker(other)));
}

for (const [name, steps] of Object.entries(STEPS)) {
  Deno.test({
    name: title(`simulated as in the library: ${name}`),
    ignore: !unrestricted,
    async fn() {
      const [real, simulated] = [bySpeaker(await onLibrary(steps)), bySpeaker(await inWorld(steps))];
      assert.ok(real.length > 1, "nothing has happened");
      assert.deepEqual(simulated, real);
    },
  });
}
