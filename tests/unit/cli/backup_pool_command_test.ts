import assert from "node:assert/strict";
import { Command } from "commander";
import { addBackupPoolCommand } from "../../../cli/backup_pool_command.ts";
import type { Launch } from "../../../cli/host.ts";
import { UsageError } from "../../../lib/base/errors.ts";

/** What the flags ask of a pool. */
async function request(line: string): Promise<Record<string, unknown>> {
  let launched: Launch | undefined;
  const program = new Command("pubsub");
  const host = {
    terminal: false,
    out: () => {},
    remark: () => {},
    launch: (launch: Launch) => {
      launched = launch;
      return Promise.resolve();
    },
  };
  addBackupPoolCommand(program, host, () => Promise.resolve());
  await program.parseAsync(`backup-pool ${line}`.trim().split(" "), { from: "user" });
  return launched!.options as Record<string, unknown>;
}

Deno.test("a pool without flags begins a new zone above three clients a zone", async () => {
  assert.deepEqual(await request(""), {
    zookeeper: "127.0.0.1:2181",
    loadThreshold: 3,
    rebalance: true,
    centralized: false,
  });
});

Deno.test("every flag of a pool is handed on", async () => {
  assert.deepEqual(
    await request(
      "-z zk:1 --load-threshold 4.5 --low-threshold 2 --min-zones 1 --max-zones 4 --cooldown 0.5 " +
        "--standbys 1 --warm 2 --no-rebalance -c -i --id pool1",
    ),
    {
      zookeeper: "zk:1",
      id: "pool1",
      loadThreshold: 4.5,
      lowThreshold: 2,
      minZones: 1,
      maxZones: 4,
      cooldownMs: 500,
      standbys: 1,
      warm: 2,
      rebalance: false,
      centralized: true,
    },
  );
});

Deno.test("the least is of all pools, the most of one: together they may be anything", async () => {
  const { minZones, maxZones } = await request("--min-zones 5 --max-zones 4");
  assert.deepEqual([minZones, maxZones], [5, 4]);
});

Deno.test("thresholds that contradict each other are refused with both values", async () => {
  await assert.rejects(request("--load-threshold 3 --low-threshold 3"), /below --load-threshold 3: got 3/);
  await assert.rejects(request("--load-threshold 0"), UsageError);
});
