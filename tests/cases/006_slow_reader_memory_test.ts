/** Case 6: a slow reliable subscriber that was no longer waited for grew without bound: 122 → 863 MiB. */
import assert from "node:assert/strict";
import { Subscriber } from "../../lib/mod.ts";
import { delay, until } from "../harness/condition.ts";
import { Lines } from "../harness/lines.ts";
import { systemTest } from "../harness/system.ts";

const MIB = 1024 * 1024;
const COUNT = 15_000;

/** Bytes of memory that a process has. */
function residentBytes(pid: number): number {
  return Number(/VmRSS:\s*(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) * 1024;
}

systemTest(
  "case 6: whoever is not waited for any more holds a bounded amount, and gets what is still there later",
  async (system) => {
    await system.broker();
    const fifo = system.file("reader");
    assert.ok((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success);
    // Opened for both, as opening one end waits for the other.
    const reader = await Deno.open(fifo, { read: true, write: true });
    const subscriber = system.start(["subscriber", "--topics", "A", "--raw"], { stdoutFile: fifo });
    await subscriber.says(/registered in zone/);
    const idle = residentBytes(subscriber.pid);
    const publisher = system.start([
      ...["publisher", "--topics", "A", "--payload-size", "20000", "--sleep", "0.0002"],
      ...["--flow", "wait", "--slow-subscriber", "0.3", "-m", `${COUNT}`],
    ]);
    await publisher.says(/owns topic A/);
    const idlePublisher = residentBytes(publisher.pid);
    await subscriber.says(/\d+ MiB wait to be taken: what finds no room is asked for later/);
    await publisher.says(/stands still: not waited for any more/);
    let most = 0;
    let mostOfPublisher = 0;
    for (let i = 0; i < 15; i++) {
      await delay(100);
      most = Math.max(most, residentBytes(subscriber.pid));
      mostOfPublisher = Math.max(mostOfPublisher, residentBytes(publisher.pid));
    }
    const grown = [most - idle, mostOfPublisher - idlePublisher].map((bytes) => Math.round(bytes / MIB));
    assert.ok(grown.every((mebibytes) => mebibytes < 64), `${grown} MiB above their idle sizes`);

    // The reader goes on: with what is lost it gets everything.
    const reading = new Deno.Command("cat", { args: [fifo], stdout: "null" }).spawn();
    await publisher.exit();
    await subscriber.says(/publisher .* of topic A is gone/);
    await subscriber.interrupt();
    reader.close();
    await reading.status;
    const { received, lost, recovered } = subscriber.summary();
    assert.equal(received! + lost!, COUNT);
    assert.ok(lost! > 0);
    assert.ok(recovered! > 0, "asked for when there was room");
  },
);

systemTest(
  "case 6: what finds no room is freed at once, and not when the collector notices",
  async (system) => {
    const { zookeeper } = system;
    await system.broker();
    await using subscriber = new Subscriber({ zookeeper, topics: ["A"] });
    await subscriber.start();
    const before = Deno.memoryUsage().external;
    const publisher = system.start([
      ...["publisher", "--topics", "A", "--payload-size", "20000", "--sleep", "0.0002"],
      ...["--flow", "wait", "--slow-subscriber", "0.3", "-m", `${COUNT}`],
    ]);
    let most = 0;
    // The user takes nothing, and has other things to do: what has come meanwhile is read at once.
    await until("all have come", () => {
      const { received, refused } = subscriber.stats();
      if (refused > 0) most = Math.max(most, Deno.memoryUsage().external - before);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      return received + refused >= COUNT;
    }, 60_000);
    await publisher.kill();
    assert.ok(most < 26 * MIB, `${(most / MIB).toFixed(1)} MiB are held, the limit is 24 MiB and a message`);
  },
);

systemTest(
  "case 6: what found no room, of a publisher that is killed and does not come back, is lost in the end",
  async (system) => {
    const { zookeeper } = system;
    await system.broker();
    const lines = new Lines();
    await using subscriber = new Subscriber({ zookeeper, topics: ["A"] });
    await subscriber.start();
    const publisher = system.start(
      ["publisher", "--topics", "A", "--stdin", "--flow", "drop", "--session-timeout", "2"],
      { stdin: lines.stream },
    );
    await publisher.says(/owns topic A/);
    // The user takes nothing: about 600 find room.
    for (let count = 100; count <= 1500; count += 100) {
      lines.add(100, 40_000);
      await until(
        `${count} have come`,
        () => subscriber.stats().received + subscriber.stats().refused >= count,
      );
    }
    assert.ok(subscriber.stats().refused > 0);
    publisher.signal("SIGKILL");
    lines.end();
    await publisher.kill();
    await until("the stream is given up", () => subscriber.stats().streams === 0, 30_000);
    assert.equal(subscriber.stats().lost, 0, "it may come back");
    await subscriber.close();
    const { received, lost } = subscriber.stats();
    assert.equal(received + lost, 1500);
  },
);
