/** A simulated disk keeps what was synced, and the scribe sees when a coordination server does not. */
import assert from "node:assert/strict";
import type { DiskFile } from "../../../lib/zookeeper_server/disk.ts";
import { Disks } from "../../simulation/disk.ts";
import { inTask } from "../../simulation/machine.ts";
import { System } from "../../simulation/system.ts";
import { World } from "../../simulation/world.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const HOST = "10.1.0.1";

/** Runs one program after the other on one host, each to its end, on a disk that loses its power after each. */
function programs(seed: number, ...all: ((disks: Disks) => Promise<void>)[]): Promise<void> {
  return inTask(() => {
    const world = new World(seed);
    const disks = new Disks(world);
    for (const program of all) {
      let done = false;
      const process = world.spawn("server", async () => {
        await program(disks);
        done = true;
      }, HOST);
      world.runUntil(world.now + 10_000);
      assert.deepEqual(world.crashes, []);
      assert.ok(done);
      world.kill(process, true);
    }
  });
}

async function textOf(disks: Disks, path: string): Promise<string> {
  return new TextDecoder().decode(await disks.read(path));
}

Deno.test("what was synced under a name that was synced is there after the power was lost, and a part of the rest", async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 100; seed++) {
    await programs(seed, async (disks) => {
      const file = await disks.create("/data/a");
      await file.write(encode("kept,"));
      await file.sync();
      await disks.syncDirectory();
      await file.write(encode("perhaps"));
      assert.equal(await textOf(disks, "/data/a"), "kept,perhaps");
    }, async (disks) => {
      const text = await textOf(disks, "/data/a");
      assert.ok("kept,perhaps".startsWith(text.replaceAll("\0", "")) && text.startsWith("kept,"), text);
      seen.add(text);
    });
  }
  assert.ok(seen.size > 3, [...seen].join());
});

Deno.test("a name that was not synced may be there or not, the earlier before the later", async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 50; seed++) {
    await programs(seed, async (disks) => {
      await disks.create("/data/a");
      await disks.syncDirectory();
      await disks.create("/data/b");
      await disks.remove("/data/a");
      await disks.rename("/data/b", "/data/c");
      assert.deepEqual(await disks.list("/data"), ["c"]);
    }, async (disks) => {
      seen.add((await disks.list("/data")).toSorted().join());
    });
  }
  // In the midst of a renaming it has both names.
  assert.deepEqual([...seen].toSorted(), ["a", "a,b", "b", "b,c", "c"]);
});

Deno.test("a file that is there already is not created, one that is not is not read, a lock is had once", async () => {
  await programs(1, async (disks) => {
    const file: DiskFile = await disks.create("/data/a");
    await file.write(encode("12345"));
    await disks.rename("/data/a", "/data/b");
    await file.write(encode("x"));
    assert.equal(await textOf(disks, "/data/b"), "12345x");
    await disks.create("/data/a");
    await assert.rejects(disks.create("/data/a"), /File exists/);
    await assert.rejects(disks.read("/data/c"), /No such file/);
    await assert.rejects(disks.remove("/data/c"), /No such file/);
    assert.ok(await disks.lock("/data/lock"));
    assert.equal(await disks.lock("/data/lock"), undefined);
  }, async (disks) => {
    const lock = await disks.lock("/data/lock");
    assert.ok(lock, "it ends with its process");
    lock[Symbol.dispose]();
    assert.ok(await disks.lock("/data/lock"));
  });
});

/** What is broken when this happens to a coordination server that somebody looks after. */
function brokenBy(strike: (system: System) => void): Promise<string[]> {
  return inTask(() => {
    const system = new System(1, { sampleMs: 10 }, { durable: true, scribe: true });
    try {
      for (let round = 0; round < 10; round++) {
        system.world.runUntil(system.world.now + 3000);
        strike(system);
      }
      system.world.runUntil(system.world.now + 3000);
      system.scribe!.leave();
      system.world.runUntil(system.world.now + 3000, () => system.scribe!.hasLeft);
      assert.ok(system.scribe!.hasLeft);
      assert.deepEqual(system.world.crashes, []);
      return system.ledger.violations.map(({ what }) => what);
    } finally {
      system.end();
    }
  });
}

Deno.test("a coordination server that is killed, loses power, or whose disk fails has all that it has answered", async () => {
  assert.deepEqual(await brokenBy((system) => system.coordination.restart(false, 100)), []);
  assert.deepEqual(await brokenBy((system) => system.coordination.restart(true, 100)), []);
  assert.deepEqual(await brokenBy((system) => system.coordination.failDisk(100)), []);
});

Deno.test("one that has lost what it had answered is seen to", async () => {
  assert.match((await brokenBy((system) => system.coordination.wipe())).join("\n"), /scribe: /);
});
