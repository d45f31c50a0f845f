/** Finding a server: what is silent, absent, wrong or late does not keep the client from the right one. */
import assert from "node:assert/strict";
import { CoordinationError, UsageError } from "../../../lib/base/errors.ts";
import { ZooKeeper } from "../../../lib/zk/zookeeper.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { SESSION_MS, suite } from "../../harness/coordination.ts";
import { freePort, startCoordinator } from "../../harness/zookeeper.ts";

const test = suite();

/** A server that does with each connection what it is told. */
class FakeServer implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;
  accepted = 0;

  constructor(handle: (connection: Deno.TcpConn) => Promise<void>, hostname = "127.0.0.1") {
    this.#listener = Deno.listen({ hostname, port: 0 });
    this.#serving = this.#serve(handle);
  }

  async #serve(handle: (connection: Deno.TcpConn) => Promise<void>): Promise<void> {
    for await (const connection of this.#listener) {
      this.accepted += 1;
      this.#connections.add(connection);
      handle(connection).catch(() => {});
    }
  }

  get address(): string {
    const { hostname, port } = this.#listener.addr;
    return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch {
        // Closed already.
      }
    }
    await this.#serving;
  }
}

const silent = () => Promise.resolve();
const http = async (connection: Deno.TcpConn) => {
  await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
};
const randomBytes = async (connection: Deno.TcpConn) => {
  await connection.write(crypto.getRandomValues(new Uint8Array(10_000)));
};
const hugeFrame = async (connection: Deno.TcpConn) => {
  await connection.write(new Uint8Array([0x7f, 0xff, 0xff, 0xff, 1, 2, 3]));
};
const shortAnswer = async (connection: Deno.TcpConn) => {
  await connection.write(new Uint8Array([0, 0, 0, 2, 1, 2]));
};
const hangsUp = (connection: Deno.TcpConn) => Promise.resolve(connection.close());
/** Grants this session, whatever was asked for. */
async function grant(connection: Deno.TcpConn, session: bigint): Promise<void> {
  const answer = new Uint8Array(40);
  const view = new DataView(answer.buffer);
  view.setInt32(0, 36);
  view.setInt32(8, SESSION_MS);
  view.setBigInt64(12, session);
  view.setInt32(20, 16);
  await connection.read(new Uint8Array(100));
  await connection.write(answer);
}

for (
  const [what, handle] of Object.entries({
    "takes the connection and says nothing": silent,
    "answers HTTP": http,
    "answers with random bytes": randomBytes,
    "announces a frame of 2 GB": hugeFrame,
    "answers too little": shortAnswer,
    "hangs up at once": hangsUp,
  })
) {
  test(`a server that ${what} is left for the next one`, async (place) => {
    const fake = place.use(new FakeServer(handle));
    // In whichever order each client tries them.
    const clients = Array.from({ length: 6 }, () =>
      place.use(
        new ZooKeeper({
          servers: `${fake.address},${place.coordinator.servers}`,
          sessionTimeoutMs: SESSION_MS,
        }),
      ));
    for (const zk of clients) await within("connected", zk.connected());
    for (const zk of clients) assert.ok(await zk.exists("/zookeeper"));
  });
}

test("a server that grants a session and falls silent is left, by our own clock", async (place) => {
  const fake: FakeServer = place.use(
    new FakeServer((connection) => fake.accepted === 1 ? grant(connection, 4711n) : silent()),
  );
  const zk = place.use(new ZooKeeper({ servers: fake.address, sessionTimeoutMs: SESSION_MS }));
  const session = await zk.connected();
  assert.equal(session.id, 4711n);
  await until("lost", () => session.lost.aborted);
  assert.equal(zk.session, undefined);
});

test("a server on an IPv6 address is reached there, and not on another machine", async (place, t) => {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
  } catch {
    // A machine without IPv6 cannot show it: said as an ignored step, not passed over.
    await t.step({ name: "IPv6 on this machine", ignore: true, fn: () => {} });
    return;
  }
  const fake = place.use(new FakeServer((connection) => grant(connection, 6n), "::1"));
  assert.match(fake.address, /^\[::1\]:\d+$/);
  const zk = place.use(new ZooKeeper({ servers: fake.address, sessionTimeoutMs: SESSION_MS }));
  assert.equal((await within("connected", zk.connected())).id, 6n);
});

test("a server that gives another session than the one asked for has ended ours", async (place) => {
  const fake: FakeServer = place.use(
    new FakeServer(async (connection) => {
      const number = fake.accepted;
      await grant(connection, BigInt(number));
      if (number === 1) connection.close();
    }),
  );
  const zk = place.use(new ZooKeeper({ servers: fake.address, sessionTimeoutMs: SESSION_MS }));
  const session = await zk.connected();
  assert.equal(session.id, 1n);
  await until("lost", () => session.lost.aborted);
  assert.match(String(session.lost.reason), /another one/);
  assert.equal((await zk.connected()).generation, 2);
});

test("a server that ends every connection at once is not asked without pause", async (place) => {
  const fake = place.use(
    new FakeServer(async (connection) => {
      await grant(connection, 4711n);
      connection.close();
    }),
  );
  const zk = place.use(new ZooKeeper({ servers: fake.address, sessionTimeoutMs: SESSION_MS }));
  await zk.connected();
  await delay(1_000);
  assert.ok(fake.accepted < 60, `${fake.accepted} connections in a second`);
});

test("a name that does not resolve and a port nobody listens on are left for the next one", async (place) => {
  const servers = `no-such-host.invalid:2181,127.0.0.1:${freePort()},${place.coordinator.servers}`;
  for (let i = 0; i < 4; i++) {
    const zk = place.use(new ZooKeeper({ servers, sessionTimeoutMs: SESSION_MS }));
    await within("connected", zk.connected(), 20_000);
  }
});

test("an address that cannot be parsed is a usage error, at once and not later", () => {
  for (const servers of ["", "::1:2181", "h:99999", "h/a//b"]) {
    assert.throws(() => new ZooKeeper({ servers }), UsageError);
  }
  return Promise.resolve();
});

test("a client started before its server waits, and connects by itself when the server comes", async (place) => {
  const port = freePort();
  const zk = place.use(new ZooKeeper({ servers: `127.0.0.1:${port}`, sessionTimeoutMs: SESSION_MS }));
  const controller = new AbortController();
  const aborted = assert.rejects(zk.connected(controller.signal), { name: "AbortError" });
  controller.abort();
  await aborted;
  assert.equal(zk.state, "connecting");
  assert.equal(zk.session, undefined);
  await assert.rejects(zk.getData("/"), (error) => CoordinationError.is(error, "SUSPENDED"));
  place.use(await startCoordinator({ port }));
  await within("connected", zk.connected());
});

test("close ends soon whatever the client is doing", async (place) => {
  const fake = place.use(new FakeServer(silent));
  const nobody = `127.0.0.1:${freePort()}`;
  for (const servers of [nobody, fake.address, "no-such-host.invalid", place.coordinator.servers]) {
    for (const wait of [0, 1, 10, 100]) {
      const zk = new ZooKeeper({ servers, sessionTimeoutMs: SESSION_MS });
      const waiting = zk.connected().catch((error) => assert.ok(CoordinationError.is(error, "CLOSED")));
      if (wait > 0) await delay(wait);
      await within(`closed ${servers} after ${wait} ms`, zk.close(), 5_000);
      await waiting;
      assert.equal(zk.state, "closed");
    }
  }
});

test("close ends soon when the server stands still", async (place) => {
  const coordinator = place.use(await startCoordinator());
  const zk = place.use(new ZooKeeper({ servers: coordinator.servers, sessionTimeoutMs: 10_000 }));
  await zk.connected();
  coordinator.pause();
  await within("closed", zk.close(), 5_000);
  coordinator.resume();
});
