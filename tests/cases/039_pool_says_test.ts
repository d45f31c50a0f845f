/**
 * Case 39, of the backup pool: alone with clients that wait it never said why it starts no zone; and Ctrl-C of its
 * process group said that its brokers "are started again".
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Scaling, type ScalingFacts } from "../../lib/pool/scaling.ts";
import { until, within } from "../harness/condition.ts";
import { systemTest } from "../harness/system.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

Deno.test("case 39: no zone at all is said after a while, and not any longer when there is one", () => {
  const scaling = new Scaling("k", { threshold: 3, low: 1.5, minZones: 0, cooldownMs: 1000 }, 0);
  const facts = (zones: number[]): ScalingFacts => ({
    ...{ clients: 0, primaries: new Set(zones), occupied: new Set(zones) },
    pools: new Map([["k", { pool: "k", host: "h", most: 5, warm: 0, zones: [] }]]),
  });
  const first = scaling.decide(undefined, facts([]), 1500);
  assert.equal(first.plan?.waiting, undefined);
  assert.ok(first.againMs !== undefined && first.againMs <= 3000, "it looks again by itself");
  const later = scaling.decide(first.plan, facts([]), 4500);
  assert.match(later.plan?.waiting ?? "", /there is no zone, so no client can register.*--min-zones 1/);
  const after = scaling.decide(later.plan, facts([1]), 5000);
  assert.equal(after.plan?.waiting, undefined);
});

systemTest("case 39: a pool alone says why clients wait, and status does", async (system) => {
  const pool = system.start(["backup-pool", "--id", "k", "--warm", "0", "--address", "127.0.0.1"]);
  await pool.says(/acts/);
  await pool.says(/waiting: there is no zone, so no client can register/);
  const status = system.start(["status"]);
  assert.equal(await status.exit(), 0);
  assert.match(status.stdout.join("\n"), /waiting: there is no zone/);
  await system.broker("--address", "127.0.0.1");
  const subscriber = system.start(["subscriber", "--topics", "T", "--address", "127.0.0.1"]);
  await subscriber.says(/registered in zone 1/);
  assert.equal(pool.stderr.filter((line) => /waiting:/.test(line)).length, 1);
  assert.equal(await subscriber.interrupt(), 0);
});

systemTest(
  "case 39: Ctrl-C of a pool's process group starts nothing again, and says nothing of it",
  async (system) => {
    const broker = await system.broker("--address", "127.0.0.1", "--zone", "1");
    assert.ok(broker.running);
    const args = [
      ...["backup-pool", "--id", "g", "--min-zones", "3", "--warm", "1", "--address", "127.0.0.1"],
      ...["--zookeeper", system.zookeeper],
    ];
    // A group of its own, as a shell makes one for what is started in it.
    const pool = new Deno.Command("setsid", {
      args: [Deno.execPath(), "run", "-A", "--node-modules-dir=manual", MAIN, ...args],
      ...{ stdin: "null", stdout: "null", stderr: "piped" },
    }).spawn();
    let said = "";
    const reading = (async () => {
      for await (const text of pool.stderr.pipeThrough(new TextDecoderStream())) said += text;
    })();
    try {
      await until("two zones more lead", () => said.match(/primary of zone [23]/g)?.length === 2, 20_000);
      Deno.kill(-pool.pid, "SIGINT");
      assert.equal((await within("the pool ends", pool.status, 15_000)).code, 0);
      await reading;
      assert.doesNotMatch(said, /started again|has ended/);
    } finally {
      try {
        Deno.kill(-pool.pid, "SIGKILL");
      } catch {
        // The group has ended.
      }
    }
  },
);
