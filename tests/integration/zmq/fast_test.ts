/** While messages come fast this thread waits for them itself: nothing else may notice. */
import assert from "node:assert/strict";
import { Socket } from "../../../lib/zmq/socket.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { ANY, frame, Reader } from "./support.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

/** A router that echoes and a dealer that sends the next one as soon as the last one is back. */
async function pingPong(whileRunning: (rounds: () => number) => Promise<void>): Promise<void> {
  await using router = new Socket("router");
  const endpoint = router.bind(ANY);
  new Reader(router, (message) => router.send(message));
  await using dealer = new Socket("dealer");
  dealer.connect(endpoint);
  let rounds = 0;
  new Reader(dealer, () => {
    rounds++;
    dealer.send(frame("next"));
  });
  dealer.send(frame("first"));
  await whileRunning(() => rounds);
}

test("timers come while messages come fast", async () => {
  await pingPong(async (rounds) => {
    let timers = 0;
    const timer = setInterval(() => timers++, 1);
    await delay(500);
    clearInterval(timer);
    assert.ok(rounds() > 500, `${rounds()} rounds`);
    assert.ok(timers > 50, `${timers} timers`);
  });
});

test("another connection's bytes come while messages come fast", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  using client = await Deno.connect({ hostname: "127.0.0.1", port: (listener.addr as Deno.NetAddr).port });
  using server = await accepted;
  await pingPong(async (rounds) => {
    await until("the first rounds", () => rounds() > 10);
    const thereAndBack = async () => {
      const byte = new Uint8Array(1);
      for (let i = 0; i < 2000; i++) {
        await client.write(byte);
        await server.read(byte);
      }
    };
    await within("2,000 bytes there and back", thereAndBack(), 20_000);
  });
});

test("what is planned for the next turn of the event loop runs while messages come fast", async () => {
  await pingPong(async (rounds) => {
    const turns = async () => {
      for (let i = 0; i < 20_000; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    await within("20,000 turns", turns(), 20_000);
    assert.ok(rounds() > 0);
  });
});

test("when the messages stop, the process waits without using the processor", async () => {
  await pingPong(async (rounds) => {
    await delay(200);
    assert.ok(rounds() > 100);
  });
  await using idle = new Socket("router");
  idle.bind(ANY);
  await delay(50);
  const before = Deno.readTextFileSync("/proc/self/stat").split(" ");
  await delay(1000);
  const after = Deno.readTextFileSync("/proc/self/stat").split(" ");
  const ticks = [13, 14].reduce((sum, field) => sum + Number(after[field]) - Number(before[field]), 0);
  assert.ok(ticks < 20, `${ticks} hundredths of a second of a second`);
});
