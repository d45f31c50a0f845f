/** npm's node-zookeeper-client, as it is, against the embedded server. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import zookeeper, { type Client, type Event } from "node-zookeeper-client";
import { ZooKeeperServer } from "../../../lib/zookeeper_server/server.ts";
import { until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

/** Wait for a callback. */
function done<T>(start: (callback: (error: unknown, value: T) => void) => void): Promise<T> {
  return within(
    "a callback",
    new Promise<T>((resolve, reject) => start((error, value) => error ? reject(error) : resolve(value))),
  );
}

async function connect(address: string): Promise<Client> {
  const client = zookeeper.createClient(address, { sessionTimeout: 5000, spinDelay: 50 });
  const connected = new Promise<void>((resolve) => client.once("connected", resolve));
  client.connect();
  await within("it connects", connected);
  return client;
}

async function close(client: Client): Promise<void> {
  const gone = new Promise<void>((resolve) => client.once("disconnected", resolve));
  client.close();
  await within("it disconnects", gone);
}

function test(name: string, fn: (server: ZooKeeperServer) => Promise<void>) {
  Deno.test({
    name: title(name),
    ignore: !unrestricted,
    // The library leaves the timer of its closed socket behind.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using server = await ZooKeeperServer.start({ listen: "127.0.0.1:0" });
      await fn(server);
    },
  });
}

test("It creates, reads, writes, lists, watches and deletes", async (server) => {
  const client = await connect(server.address);
  assert.equal(await done<string>((back) => client.create("/a", Buffer.from("one"), back)), "/a");
  const sequential = await done<string>((back) =>
    client.create("/a/n-", Buffer.from(""), zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL, back)
  );
  assert.equal(sequential, "/a/n-0000000000");
  const events: string[] = [];
  const watch = (event: Event) => void events.push(`${event.getName()} ${event.getPath()}`);
  const data = await done<Buffer>((back) => client.getData("/a", watch, (error, data) => back(error, data)));
  assert.equal(data.toString(), "one");
  const names = await done<string[]>((back) =>
    client.getChildren("/a", watch, (error, names) => back(error, names))
  );
  assert.deepEqual(names, ["n-0000000000"]);
  await done((back) => client.setData("/a", Buffer.from("two"), 0, back));
  await done<void>((back) => client.remove(sequential, -1, back));
  await until("both events", () => events.length === 2);
  assert.deepEqual(events, ["NODE_DATA_CHANGED /a", "NODE_CHILDREN_CHANGED /a"]);
  const missing = await done<unknown>((back) =>
    client.exists("/missing", (error, stat) => back(error, stat))
  );
  assert.equal(missing, null);
  await assert.rejects(done((back) => client.setData("/a", Buffer.from("x"), 7, back)), /BAD_VERSION/);
  await close(client);
  await until("the session is over", () => server.stats().sessions === 0);
});

test("Its transactions are all or nothing", async (server) => {
  const client = await connect(server.address);
  await done((back) => client.transaction().create("/t").create("/t/x", Buffer.from("1")).commit(back));
  await assert.rejects(
    done((back) => client.transaction().create("/t/y").remove("/missing").commit(back)),
  );
  const names = await done<string[]>((back) =>
    client.getChildren("/t", (error, names) => back(error, names))
  );
  assert.deepEqual(names, ["x"]);
  await close(client);
});

test("Its digest identity opens what it locked, and nobody else's does", async (server) => {
  const [owner, other] = [await connect(server.address), await connect(server.address)];
  owner.addAuthInfo("digest", Buffer.from("ann:pw"));
  const { Permission, Id, ACL } = zookeeper;
  const mine = [new ACL(Permission.ALL, new Id("auth", ""))];
  await done<string>((back) => owner.create("/mine", mine, back));
  await assert.rejects(
    done((back) => other.getData("/mine", (error, data) => back(error, data))),
    /NO_AUTH/,
  );
  await done((back) => owner.getData("/mine", (error, data) => back(error, data)));
  await close(owner);
  await close(other);
});

Deno.test({
  name: title("It finds its session, its ephemeral node and its watch again after the server was restarted"),
  ignore: !unrestricted,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "zookeeper-node-client-" });
    try {
      const first = await ZooKeeperServer.start({ listen: "127.0.0.1:0", dataDir });
      const { address } = first;
      const client = await connect(address);
      await done<string>((back) => client.create("/e", zookeeper.CreateMode.EPHEMERAL, back));
      const events: string[] = [];
      const watch = (event: Event) => void events.push(event.getName());
      await done((back) => client.getData("/e", watch, (error, data) => back(error, data)));
      const session = client.getSessionId().toString("hex");
      await first.close();
      await using second = await ZooKeeperServer.start({ listen: address, dataDir });
      await until("it has set its watch again", () => second.stats().watches === 1);
      assert.equal(client.getSessionId().toString("hex"), session);
      await done((back) => client.setData("/e", Buffer.from("x"), -1, back));
      await until("the watch fires", () => events.length === 1);
      await close(client);
      await until("the session is over", () => second.stats().sessions === 0);
      assert.equal(second.stats().ephemerals, 0);
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  },
});
