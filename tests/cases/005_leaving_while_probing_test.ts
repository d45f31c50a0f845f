/**
 * Case 5: Ctrl-C of a broker waited for the search for its own address, up to 5 s for each ZooKeeper host that swallows
 * packets, and the line that says what it waits for came only after.
 */
import assert from "node:assert/strict";
import { Inside, INSIDE_ZOOKEEPER, namespaceTest } from "../harness/namespace.ts";
import { firstConnection } from "../../lib/net/first_connection.ts";
import { addressOnceReachable, addressTowards } from "../../lib/net/local_address.ts";
import { parseZkAddress } from "../../lib/zk/address.ts";
import { title, unrestricted } from "../harness/permissions.ts";

namespaceTest(
  "case 5: who waits for a ZooKeeper that swallows packets says so and leaves at once",
  async () => {
    await using inside = await Inside.create();
    await inside.namespace.swallow(3001);
    const nowhere = ["-z", "127.0.0.1:3001,127.0.0.1:3001,[::1]:3002"];
    const waiting = ["broker", "publisher -t A", "subscriber -t A", "backup-pool"].map((words) =>
      inside.start(...words.split(" "), ...nowhere)
    );
    // One round through the hosts took 10 s, and the word came after it.
    for (const process of waiting) await process.says(/waiting for ZooKeeper|cannot be reached/, 5000);
    for (const process of waiting) {
      process.signal("SIGINT");
      await process.exit(2000);
    }
    const broker = inside.start("broker", "-z", `127.0.0.1:3001,${INSIDE_ZOOKEEPER}`);
    await broker.says(/primary of zone 1/);
  },
);

Deno.test({
  name: title(
    "case 5: the search for our address ends as soon as it is not wanted any more, and names what it waits for",
  ),
  ignore: !unrestricted,
  fn: async () => {
    // Nobody listens there: whoever connects is refused.
    const zookeeper = parseZkAddress("127.0.0.1:1,[::1]:1");
    const leaving = new AbortController();
    const told = Promise.withResolvers<void>();
    const search = addressOnceReachable(zookeeper, told.resolve, leaving.signal);
    await told.promise;
    leaving.abort(new Error("leaving"));
    await assert.rejects(search, /leaving/);
    assert.equal(await addressTowards(zookeeper, leaving.signal), undefined);
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    assert.equal(await addressTowards(parseZkAddress(`[::1]:1,127.0.0.1:${port}`)), "127.0.0.1");
    const [one, other] = [1, port].map((port) => ({ hostname: "127.0.0.1", port }));
    const connection = await firstConnection([one!, other!], 5000);
    assert.equal(connection?.remoteAddr.port, port);
    connection?.close();
    assert.equal(await firstConnection([one!], 5000), undefined);
  },
});
