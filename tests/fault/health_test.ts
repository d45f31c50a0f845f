/** What `pubsub status` tells of failures: subscribers that stand still, and failovers. */
import assert from "node:assert/strict";
import type { Failover } from "../../lib/model/client_options.ts";
import { until } from "../harness/condition.ts";
import { type System, systemTest } from "../harness/system.ts";

interface Status {
  slow: { publisher: string; subscribers: string[] }[];
  failovers: (Failover & { subscriber: string })[];
  unanswered: string[];
}

async function status(system: System): Promise<Status> {
  const process = system.start(["status", "--json"]);
  assert.equal(await process.exit(), 0, process.stderr.join("\n"));
  return JSON.parse(process.stdout.join("\n")) as Status;
}

systemTest(
  "a subscriber that stands still is named in status and by the publisher, until it goes on",
  async (system) => {
    await system.broker("--id", "b1");
    const slow = system.start([
      "subscriber",
      "--topics",
      "T",
      "--id",
      "slow",
      "--indefinite",
      "--history",
      "0",
    ]);
    await slow.says(/registered in zone/);
    const limits = ["--max-in-flight", "100", "--slow-subscriber", "0.5"];
    const publisher = system.start(
      [
        "publisher",
        "--topics",
        "T",
        "--id",
        "p1",
        "--indefinite",
        "--sleep",
        "0.002",
        "--flow",
        "wait",
        ...limits,
      ],
    );
    await publisher.says(/registered in zone/);
    await until("it has joined", () => slow.stdout.length > 0, 20_000);
    // It reads no further, but keeps its session: its publisher is to wait for it, and then no longer.
    slow.signal("SIGSTOP");
    await publisher.says(/subscriber slow of topic T stands still/);
    await until("status names it", async () => {
      const { slow } = await status(system);
      return slow.length === 1 && slow[0]!.publisher === "p1" && slow[0]!.subscribers.join() === "slow";
    });
    slow.signal("SIGCONT");
    await publisher.says(/subscriber slow of topic T has caught up/);
    await until("status no longer names it", async () => (await status(system)).slow.length === 0);
  },
);

systemTest("a failover is in status, and a primary that does not answer is named", async (system) => {
  const first = await system.broker("--id", "b1", "--session-timeout", "2");
  await first.says(/primary of zone 1/);
  const second = await system.broker("--id", "b2", "--session-timeout", "30");
  const subscriber = system.start(
    ["subscriber", "--topics", "T", "--id", "s1", "--indefinite", "--centralized", "--history", "0"],
  );
  await subscriber.says(/registered in zone/);
  const publisher = system.start([
    "publisher",
    "--topics",
    "T",
    "--id",
    "p1",
    "--indefinite",
    "--sleep",
    "0.01",
  ]);
  await publisher.says(/registered in zone/);
  await until("samples come", () => subscriber.stdout.length > 10);
  await first.kill();
  await second.says(/primary of zone 1/);
  await until("status tells of it", async () => {
    const { failovers, unanswered } = await status(system);
    return failovers.some(({ subscriber, event, data_back_ms, control_back_ms, lost }) =>
      subscriber === "s1" && event === "broker_lost" && data_back_ms !== null && control_back_ms !== null &&
      lost === 0
    ) && unanswered.length === 0;
  }, 20_000);
  second.signal("SIGSTOP");
  try {
    assert.deepEqual((await status(system)).unanswered, ["b2"]);
  } finally {
    second.signal("SIGCONT");
  }
});
