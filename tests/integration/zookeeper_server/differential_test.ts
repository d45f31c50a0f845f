/** The embedded server against Apache ZooKeeper: the same random operations, the same answers. */
import assert from "node:assert/strict";
import { seeded } from "../../../lib/base/random.ts";
import { ZooKeeperServer } from "../../../lib/zookeeper_server/server.ts";
import { within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { apacheInstalled, startCoordinator } from "../../harness/zookeeper.ts";
import { DifferentialSide, type Operation, OperationMaker } from "../../harness/zookeeper_differential.ts";

const OPERATIONS = 3000;
const compare = unrestricted && apacheInstalled();
if (unrestricted && !compare) console.warn("Apache ZooKeeper is NOT INSTALLED: nothing is compared with it.");

Deno.test({
  name: compare || !unrestricted
    ? title("Random operations are answered as Apache ZooKeeper answers them")
    : "Random operations are answered as Apache ZooKeeper answers them (IGNORED: Apache is not installed)",
  ignore: !compare,
  fn: async () => {
    const seed = Number(Deno.env.get("PUBSUB_TEST_SEED") ?? Date.now() % 1_000_000);
    await using apache = await startCoordinator({ backend: "apache", tickMs: 2000 });
    await using embedded = await ZooKeeperServer.start({ listen: "127.0.0.1:0" });
    await using left = await DifferentialSide.open(apache.servers);
    await using right = await DifferentialSide.open(embedded.address);
    const maker = new OperationMaker(seeded(seed));
    const recent: Operation[] = [];
    for (let index = 0; index < OPERATIONS; index++) {
      const operation = maker.next(index);
      recent.push(operation);
      if (recent.length > 5) recent.shift();
      const [expected, actual] = await Promise.all([
        within(`Apache's answer to ${JSON.stringify(operation)}`, left.run(index, operation)),
        within(`the embedded server's answer to ${JSON.stringify(operation)}`, right.run(index, operation)),
      ]);
      const story = `seed ${seed}, operation ${index}; the last ones:\n${
        recent.map((one) => JSON.stringify(one)).join("\n")
      }\n`;
      assert.deepEqual(
        actual,
        expected,
        `${story}Apache: ${JSON.stringify(expected)}\nembedded: ${JSON.stringify(actual)}`,
      );
    }
  },
});
