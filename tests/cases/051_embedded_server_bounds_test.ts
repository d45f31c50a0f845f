/** Case 51: the embedded server listed everybody's watches to anybody, and kept frames that never arrive whole. */
import assert from "node:assert/strict";
import { ZooKeeperServer } from "../../lib/zookeeper_server/server.ts";
import { until } from "../harness/condition.ts";
import { title, unrestricted } from "../harness/permissions.ts";
import { fourLetterWord, hostAndPort, RawZooKeeper } from "../harness/raw_zookeeper.ts";
import type { ServerOptions } from "../../lib/zookeeper_server/server_options.ts";

function test(
  name: string,
  options: Omit<ServerOptions, "listen">,
  fn: (server: ZooKeeperServer) => Promise<void>,
): void {
  Deno.test({
    name: title(name),
    ignore: !unrestricted,
    fn: async () => {
      await using server = await ZooKeeperServer.start({ listen: "127.0.0.1:0", ...options });
      await fn(server);
    },
  });
}

test("case 51: of the four-letter words only srvr is answered, as by Apache", {}, async (server) => {
  assert.match(await fourLetterWord(server.address, "srvr"), /Mode: standalone/);
  for (const word of ["wchc", "wchp", "dump", "cons", "mntr", "crst", "srst", "stmk"]) {
    assert.equal(
      await fourLetterWord(server.address, word),
      `${word} is not executed because it is not in the whitelist.\n`,
    );
  }
  assert.equal(await fourLetterWord(server.address, "nope"), "");
});

test("case 51: others are answered when they are asked for", { words: ["mntr"] }, async (server) => {
  assert.match(await fourLetterWord(server.address, "mntr"), /zk_znode_count/);
  assert.match(await fourLetterWord(server.address, "srvr"), /not in the whitelist/);
});

test("case 51: connections of one address are bounded, and given back", {
  limits: { connectionsPerAddress: 2 },
}, async (server) => {
  const { port } = hostAndPort(server.address);
  const first = await RawZooKeeper.connect(server.address);
  const second = await RawZooKeeper.connect(server.address);
  const refused = await Deno.connect({ hostname: "127.0.0.1", port });
  assert.equal(await refused.read(new Uint8Array(1)).catch(() => null), null);
  refused.close();
  await first.close();
  await until("it is gone", () => server.stats().connections === 1);
  const third = await RawZooKeeper.connect(server.address);
  await third.close();
  await second.close();
});

test("case 51: frames that do not arrive whole are bounded in sum, and in time", {
  limits: { unfinishedBytes: 2 << 20, stalledMs: 2500 },
}, async (server) => {
  const honest = await RawZooKeeper.connect(server.address);
  const begun = new Uint8Array(600_000);
  new DataView(begun.buffer).setInt32(0, 1_000_000);
  const sockets: Deno.TcpConn[] = [];
  for (let i = 0; i < 10; i++) {
    const socket = await Deno.connect(hostAndPort(server.address));
    sockets.push(socket);
    try {
      for (let at = 0; at < begun.length;) at += await socket.write(begun.subarray(at));
    } catch {
      // It has been cut off already.
    }
  }
  // A megabyte each; two of them fit.
  await until("who is beyond the bound is cut off", () => server.stats().connections <= 3);
  assert.ok(server.stats().connections >= 2, "who is within it is not");
  assert.match(await fourLetterWord(server.address, "srvr"), /Mode/);
  await until("who does not go on is cut off", () => server.stats().connections === 1);
  await honest.close();
  for (const socket of sockets) socket.close();
});
