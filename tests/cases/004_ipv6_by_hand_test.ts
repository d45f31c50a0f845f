/**
 * Case 4: `--address '[::1]'` became `tcp://[[::1]]:…`, `::1` was refused, and a name that has an IPv6 address only was
 * listened for on 0.0.0.0.
 */
import assert from "node:assert/strict";
import { pubsub } from "../harness/process.ts";
import { Inside, namespaceTest } from "../harness/namespace.ts";
import { title, unrestricted } from "../harness/permissions.ts";
import { systemTest } from "../harness/system.ts";

for (const mode of ["--direct", "--centralized"]) {
  systemTest(`case 4: IPv6 by hand, with and without brackets, ${mode}`, async (system) => {
    await system.broker("--address", "[::1]", "--bind", "::1");
    const subscriber = system.start([
      "subscriber",
      "-t",
      "A",
      "-t",
      "B",
      "-m",
      "6",
      mode,
      "--address",
      "::1",
    ]);
    await subscriber.says(/registered in zone 1/);
    const publishers = ["::1", "[::1]"].map((address, i) => {
      const topic = "AB"[i]!;
      const forms = ["--address", address, "--bind", address];
      return system.start(["publisher", "-t", topic, "-m", "3", "--sleep", "0.05", ...forms]);
    });
    assert.equal(await subscriber.exit(), 0);
    for (const publisher of publishers) assert.equal(await publisher.exit(), 0);
    assert.equal(subscriber.summary().lost, 0);
  });
}

systemTest(
  "case 4: a coordination server on IPv6 is found in every way it can be written",
  async (system) => {
    const server = system.start(["zookeeper", "--listen", "::1:0"]);
    const [line] = await server.prints(1);
    const port = /\[::1\]:(\d+)$/.exec(line!)![1]!;
    const broker = system.start(["broker", "-z", `[::1]:${port}`]);
    await broker.says(/primary of zone 1.*/);
    const status = system.start(["status"], { zookeeper: `[::1]:${port}` });
    assert.equal(await status.exit(), 0);
    assert.match(status.stdout.join("\n"), /tcp:\/\/\[::1\]:\d+/);
    const embedded = system.start(["broker", "--embedded-zookeeper", "[::1]:0"]);
    await embedded.says(/primary of zone 1/);
    assert.match(embedded.stderr.join("\n"), /others: --zookeeper \[::1\]:\d+/);
    const refused = system.start(["status", "-z", "::1:2181"]);
    assert.equal(await refused.exit(), 2);
    assert.match(refused.stderr.join("\n"), /write an IPv6 address in brackets/);
  },
);

namespaceTest(
  "case 4: names with addresses of IPv6, of both kinds, and of one kind that is not listened on",
  async () => {
    await using inside = await Inside.create([
      "::1 six.example",
      "127.0.0.7 four.example",
      "::1 four.example",
    ]);
    const broker = inside.start("broker", "--address", "six.example");
    await broker.says(/primary of zone 1/);
    const modes = ["--direct", "--centralized"];
    const subscribers = modes.map((mode) =>
      inside.start("subscriber", "-t", "A", "-t", "B", "-t", "C", "-m", "9", mode)
    );
    for (const subscriber of subscribers) await subscriber.says(/registered in zone 1/);
    const names = [["six.example"], ["four.example", "--bind", "::1"], ["localhost"]];
    const publishers = names.map((name, i) =>
      inside.start(
        "publisher",
        "-t",
        "ABC"[i]!,
        "-m",
        "3",
        "--wait-for-subscribers",
        "2",
        "--address",
        ...name,
      )
    );
    for (const one of [...subscribers, ...publishers]) assert.equal(await one.exit(), 0);
  },
);

Deno.test({
  name: title("case 4: what is no host is refused by every flag"),
  ignore: !unrestricted,
  fn: async () => {
    for (const flag of ["--address", "--bind"]) {
      for (const value of ["[[::1]]", "[::1]:5", "h:5", "[h]"]) {
        await using process = pubsub(["broker", flag, value], { zookeeper: "127.0.0.1:1" });
        assert.equal(await process.exit(), 2);
        assert.match(process.stderr.join("\n"), /must be a host name or address without a port/);
      }
    }
  },
});
