/** Zones that follow the load: real pools, brokers and clients, each a process. */
import assert from "node:assert/strict";
import { delay, until } from "../../harness/condition.ts";
import { Observer } from "../../harness/observer.ts";
import type { Pubsub } from "../../harness/process.ts";
import { type System, systemTest } from "../../harness/system.ts";

const spread = (counts: readonly number[]) => Math.max(...counts) - Math.min(...counts);

/** Broker processes of a pool, as the operating system sees them. */
function brokersOf(pool: string): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      if (words.includes("pool-broker") && words.some((word) => word.startsWith(`${pool}-`))) {
        found.push(Number(name));
      }
    } catch {
      // It has just ended.
    }
  }
  return found;
}

let pools = 0;

async function startPool(system: System, ...args: string[]): Promise<{ id: string; process: Pubsub }> {
  const id = `pool${Deno.pid}x${++pools}`;
  const process = system.start(["backup-pool", "--id", id, "--address", "127.0.0.1", ...args]);
  await process.says(/up to \d+ zones here/);
  return { id, process };
}

const SHARED = ["--topics", "T", "--ownership", "shared", "--indefinite"];

/** So many subscribers in one process. */
function subscribers(system: System, count: number, ...args: string[]): Pubsub {
  return system.start([
    ...[
      "subscriber",
      "--count",
      String(count),
      "--quiet",
      "--assignment",
      "two-choices",
      "--address",
      "127.0.0.1",
    ],
    ...[...SHARED, ...args],
  ]);
}

/** Which clients a process's log says were sent elsewhere, in which steps: `client step`. */
function movesIn({ stderr }: Pubsub): string[] {
  return stderr.flatMap((line) => {
    const found = /control: (\S+): leaving broker .* reassigned to zone \d+: step (\d+),/.exec(line);
    return found ? [`${found[1]} ${found[2]}`] : [];
  });
}

async function fourFortyFour(system: System, many: number, mode: readonly string[]): Promise<void> {
  await using observer = new Observer(system.zookeeper);
  const operators = await system.broker("--zone", "1", "--address", "127.0.0.1");
  await operators.says(/primary of zone 1/);
  await startPool(system, "--load-threshold", "5", "--cooldown", "2");
  const publisher = system.start([
    ...[
      "publisher",
      "--id",
      "source",
      "--sleep",
      "0.02",
      "--assignment",
      "two-choices",
      "--address",
      "127.0.0.1",
    ],
    ...[...SHARED, "--flow", "wait"],
  ]);
  const few = subscribers(system, 3, "--id", "few", ...mode);
  await observer.sees(
    "four clients in one zone",
    () => observer.clients === 4 && observer.zones.length === 1,
  );
  const more = subscribers(system, many, "--id", "more", ...mode);
  const wanted = Math.ceil((many + 4) / 5);
  await observer.sees("all clients", () => observer.clients === many + 4);
  await observer.sees(
    `${wanted} zones, even`,
    () => observer.zones.length === wanted && spread(observer.counts) <= 1,
  );
  assert.equal(await more.interrupt(), 0);
  await observer.sees("four clients", () => observer.clients === 4);
  await observer.sees("one zone", () => observer.zones.length === 1 && observer.counts[0] === 4);
  assert.deepEqual(observer.zones, [1]);
  // What is on its way arrives.
  assert.equal(await publisher.interrupt(), 0);
  assert.equal(await few.interrupt(), 0);
  for (const { lost, duplicates, received } of [few.summary(), more.summary()]) {
    assert.deepEqual({ lost, duplicates }, { lost: 0, duplicates: 0 });
    assert.ok(received > 0);
  }
  const moves = [few, more, publisher].flatMap(movesIn);
  assert.ok(moves.length > 0, "somebody moved");
  assert.equal(new Set(moves).size, moves.length, "nobody moved twice in one step");
}

systemTest(
  "4, 40, 4 clients with threshold 5, direct: eight zones, even, then one; nothing lost",
  async (system) => {
    await fourFortyFour(system, 36, []);
  },
);

systemTest(
  "4, 20, 4 clients with threshold 5, centralized: four zones, even, then one; nothing lost",
  async (system) => {
    await fourFortyFour(system, 16, ["--centralized"]);
  },
);

systemTest(
  "the acting pool is killed while a zone is starting: exactly one new zone results",
  async (system) => {
    await using observer = new Observer(system.zookeeper);
    await (await system.broker("--zone", "1")).says(/primary of zone 1/);
    const first = await startPool(system, "--load-threshold", "5", "--warm", "0");
    await first.process.says(/acts/);
    const second = await startPool(system, "--load-threshold", "5", "--warm", "0");
    await delay(1100); // it has begun to decide
    const clients = subscribers(system, 8);
    await first.process.says(/zone 2 started on/);
    first.process.signal("SIGKILL");
    assert.deepEqual(observer.zones, [1], "the zone was starting");
    await second.process.says(/acts/);
    await observer.sees("two zones", () => observer.zones.length === 2);
    await delay(3000); // no further one comes
    assert.deepEqual(observer.zones, [1, 2]);
    assert.ok(
      observer.views.every((view) => view.zones.every(({ zone }) => zone <= 2)),
      "there never was another",
    );
    assert.equal(brokersOf(first.id).length, 0);
    assert.equal(brokersOf(second.id).length, 1);
    assert.ok(observer.steps.some((text) => text.startsWith(`zone 2 of ${first.id} is forgotten`)));
    assert.equal(await clients.interrupt(), 0);
  },
);

systemTest("a pool that is killed takes its brokers with it, the waiting ones too", async (system) => {
  await using observer = new Observer(system.zookeeper);
  const pool = await startPool(system, "--min-zones", "2", "--standbys", "1", "--warm", "2");
  await observer.sees(
    "two zones with a standby each",
    () => observer.zones.length === 2 && observer.view!.zones.every(({ standbys }) => standbys.length === 1),
  );
  await observer.sees("two that wait", () => observer.view!.scaling.pools[0]?.warm === 2);
  assert.equal(brokersOf(pool.id).length, 6);
  await pool.process.kill();
  await until("its brokers have gone", () => brokersOf(pool.id).length === 0);
  await observer.sees("no zones", () => observer.view!.zones.length === 0);
});

systemTest(
  "a broker that dies is started again for its zone, after pauses that grow, and that is told",
  async (system) => {
    await using observer = new Observer(system.zookeeper);
    const pool = await startPool(system, "--min-zones", "1", "--warm", "0");
    let before = 0;
    for (let death = 1; death <= 3; death++) {
      await observer.sees(
        "its zone",
        () =>
          observer.zones.length === 1 && observer.view!.scaling.pools[0]?.zones[0]?.state === "serving" &&
          brokersOf(pool.id).some((pid) => pid !== before),
      );
      before = brokersOf(pool.id)[0]!;
      Deno.kill(before, "SIGKILL");
      await pool.process.says(
        new RegExp(
          `-${death} has ended \\(zone 1\\): signal SIGKILL; started again in ${0.25 * 2 ** (death - 1)} s`,
        ),
      );
    }
    await observer.sees("restarts are told", () => observer.view!.scaling.pools[0]?.zones[0]?.restarts === 3);
    await observer.sees("its zone again", () => observer.zones.length === 1);
    assert.deepEqual(observer.zones, [1]);
  },
);

systemTest("a zone whose clients stay in it is kept, with the reason; the others end", async (system) => {
  await using observer = new Observer(system.zookeeper);
  await (await system.broker("--zone", "1")).says(/primary of zone 1/);
  await startPool(system, "--load-threshold", "2", "--cooldown", "1");
  const clients = subscribers(system, 5);
  await observer.sees("three zones", () => observer.zones.length === 3);
  const pinned = subscribers(system, 1, "--zone", "3");
  await observer.sees("it is there", () => observer.clients === 6);
  assert.equal(await clients.interrupt(), 0);
  await observer.sees("two zones", () => observer.zones.length === 2);
  assert.deepEqual(observer.zones, [1, 3]);
  await observer.sees(
    "why",
    () => observer.steps.some((text) => /zone 3 of .* is kept: 1 of its clients stay/.test(text)),
  );
  assert.ok(pinned.stderr.every((line) => !line.includes("leaving broker")), "it was left alone");
  assert.equal(await pinned.interrupt(), 0);
});

systemTest("status --watch shows zones come and go, with the reasons", async (system) => {
  await (await system.broker("--zone", "1")).says(/primary of zone 1/);
  await startPool(system, "--load-threshold", "2", "--cooldown", "1");
  const status = system.start(["status", "--watch"]);
  const clients = subscribers(system, 4);
  const shows = (what: string, pattern: RegExp) =>
    until(what, () => status.stdout.some((line) => pattern.test(line)), 30_000);
  await shows("the second zone", /^2 +pool/);
  await shows(
    "why it was started",
    /zone 2 started on pool\S+: load [34] is above 2: [34] clients in 1 zone/,
  );
  await shows("the move", /[12] clients? from zone 1 to zone 2: zone 2 is new/);
  await clients.interrupt();
  await shows("why it is ended", /zone 2 of pool\S+ drains: load \S+ is below 1: \d clients? in 2 zones/);
  await shows("that it has ended", /zone 2 of pool\S+ has ended/);
  const last = status.stdout.slice(status.stdout.findLastIndex((line) => line.startsWith("load ")));
  assert.match(last[0]!, /^load 0: 0 clients in 1 zone/);
  status.signal("SIGINT");
});

systemTest(
  "a pool that leaves sends its clients away first: nothing is lost, other pools go on",
  async (system) => {
    await using observer = new Observer(system.zookeeper);
    await (await system.broker("--zone", "1", "--centralized")).says(/primary of zone 1/);
    const first = await startPool(system, "--load-threshold", "3", "--centralized", "--cooldown", "60");
    await first.process.says(/acts/);
    const publisher = system.start(["publisher", ...SHARED, "--sleep", "0.01", "--id", "source"]);
    const clients = subscribers(system, 5);
    await observer.sees("two zones", () => observer.zones.length === 2 && spread(observer.counts) <= 1);
    const second = await startPool(system, "--load-threshold", "3", "--centralized", "--cooldown", "60");
    assert.equal(await first.process.interrupt(), 0);
    assert.equal(brokersOf(first.id).length, 0);
    await second.process.says(/acts/);
    await observer.sees(
      "two zones again",
      () => observer.zones.length === 2 && observer.counts.every((n) => n === 3),
    );
    assert.equal(await publisher.interrupt(), 0);
    assert.equal(await clients.interrupt(), 0);
    const { lost, duplicates } = clients.summary();
    assert.deepEqual({ lost, duplicates }, { lost: 0, duplicates: 0 });
  },
);
