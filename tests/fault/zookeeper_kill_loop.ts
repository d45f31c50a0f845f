/**
 * Kill the embedded server again and again, at random moments, and look at what it says when it is back.
 *
 *     deno run -A tests/fault/zookeeper_kill_loop.ts --rounds 200 [--seed 1]
 *
 * Checked after every kill: each writer's nodes are the result of its operations up to some point at or after the
 * last acknowledged one (nothing acknowledged is missing, nothing is applied in part or out of order); a session
 * whose creation was acknowledged is there with its ephemeral node, one whose end was acknowledged (closed by its
 * client, or seen to be expired) is not, and neither are its nodes; zxids have not gone back. Snapshots are taken
 * every few kilobytes, so that kills meet them too; some kills hit the server while it is recovering.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { seeded } from "../../lib/base/random.ts";
import { ZooKeeperChild } from "../harness/zookeeper_child.ts";
import { RawClosed, type RawReply, RawZooKeeper } from "../harness/raw_zookeeper.ts";

const WRITERS = 4;
const WINDOW = 40;
const SHORT_MS = 250;

/** What was done in all rounds. */
export interface KillLoopResult {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly inFlight: number;
  readonly sessionsKept: number;
  readonly sessionsEnded: number;
  readonly killedInRecovery: number;
}

/** What a writer's subtree holds after its first `count` operations: the counter and the names of the children. */
function expected(count: number): { counter: string; children: Set<string> } {
  const children = new Set<string>();
  let counter = "none";
  for (let i = 0; i < count; i++) {
    switch (i % 4) {
      case 0:
        children.add(`n${i}`);
        break;
      case 1:
        counter = `${i}`;
        break;
      case 2:
        children.add(`m${i}`);
        children.delete(`n${i - 2}`);
        counter = `${i}`;
        break;
      default:
        if (i % 8 === 7) children.delete(`m${i - 1}`);
        else children.add(`n${i}`);
    }
  }
  return { counter, children };
}

/** One connection that writes without pause until the server is gone. */
class Writer {
  acknowledged = 0;
  sent = 0;
  lastZxid = 0;
  readonly #client: RawZooKeeper;

  constructor(client: RawZooKeeper, readonly path: string) {
    this.#client = client;
  }

  #operation(i: number): Promise<RawReply> {
    const { path } = this;
    switch (i % 4) {
      case 0:
        return this.#client.create(`${path}/n${i}`, "data");
      case 1:
        return this.#client.setData(path, `${i}`);
      case 2:
        return this.#client.multi([
          { op: "create", path: `${path}/m${i}`, data: "x".repeat(i % 200) },
          { op: "delete", path: `${path}/n${i - 2}` },
          { op: "setData", path, data: `${i}` },
        ]);
      default:
        return i % 8 === 7
          ? this.#client.delete(`${path}/m${i - 1}`)
          : this.#client.create(`${path}/n${i}`, "d");
    }
  }

  /** Keep `WINDOW` operations in flight until the connection is gone. */
  async run(): Promise<void> {
    const lane = async () => {
      for (;;) {
        const i = this.sent++;
        const reply = await this.#operation(i);
        assert.equal(reply.err, 0, `operation ${i} of ${this.path}`);
        this.acknowledged = Math.max(this.acknowledged, i + 1);
        this.lastZxid = Math.max(this.lastZxid, reply.zxid);
      }
    };
    const lanes = await Promise.allSettled(Array.from({ length: WINDOW }, lane));
    for (const one of lanes) {
      if (one.status === "rejected" && !(one.reason instanceof RawClosed)) throw one.reason;
    }
  }

  async verify(reader: RawZooKeeper): Promise<void> {
    const data = (await reader.getData(this.path)).body.view();
    const counter = data === null ? "" : new TextDecoder().decode(data);
    const children = new Set((await reader.getChildren(this.path)).body.strings());
    for (let count = this.acknowledged; count <= this.sent; count++) {
      const state = expected(count);
      if (state.counter === counter && state.children.symmetricDifference(children).size === 0) return;
    }
    const missing = expected(this.acknowledged).children.difference(children);
    assert.fail(
      `${this.path}: no point from operation ${this.acknowledged} to ${this.sent} gives counter ${counter} and ` +
        `${children.size} children; of the acknowledged state ${[...missing].slice(0, 5)} are missing`,
    );
  }
}

/** A session with one ephemeral node, and what is known of it. */
interface KnownSession {
  readonly id: bigint;
  readonly password: Uint8Array;
  readonly node: string;
  fate: "alive" | "ended" | "unknown";
}

/** The sessions that one round makes: some live, some are closed, some are left to expire. */
class SessionMaker {
  readonly known: KnownSession[] = [];
  readonly #clients: RawZooKeeper[] = [];

  constructor(readonly address: string, readonly parent: string) {}

  async run(): Promise<void> {
    try {
      for (let n = 0;; n++) {
        const short = n % 3 === 2;
        const client = await RawZooKeeper.connect(this.address, { timeout: short ? SHORT_MS : 40_000 });
        this.#clients.push(client);
        const node = `${this.parent}/s${n}`;
        await client.create(node, "", { flags: 1 });
        const session: KnownSession = { ...client.session, node, fate: short ? "unknown" : "alive" };
        this.known.push(session);
        if (n % 3 === 1) {
          session.fate = "unknown";
          if ((await client.closeSession()).err === 0) session.fate = "ended";
        }
        if (short) void this.#watchExpiry(session);
      }
    } catch {
      // The server is gone.
    } finally {
      for (const client of this.#clients) await client.close();
    }
  }

  /** The deletion of its node, seen by another session, acknowledges that the session has ended. */
  async #watchExpiry(session: KnownSession): Promise<void> {
    try {
      const observer = await RawZooKeeper.connect(this.address, { timeout: 40_000 });
      this.#clients.push(observer);
      const present = (await observer.exists(session.node, true)).err === 0;
      if (present) await observer.event();
      session.fate = "ended";
    } catch {
      // The server is gone: nobody has seen the end.
    }
  }
}

async function verifySession(address: string, reader: RawZooKeeper, session: KnownSession): Promise<boolean> {
  const { id, password } = session;
  // First attach, then look: a short session may expire at any moment before, and not for long after.
  const again = await RawZooKeeper.connect(address, { session: id, password, timeout: 40_000 });
  try {
    const attached = again.session.id === id;
    const node = (await reader.exists(session.node)).err === 0;
    if (session.fate === "alive") assert.ok(attached, `session 0x${id.toString(16)} is missing`);
    if (session.fate === "ended") assert.ok(!attached, `session 0x${id.toString(16)} was revived`);
    assert.equal(node, attached, `session 0x${id.toString(16)} and its node ${session.node} disagree`);
    if (attached) await again.closeSession();
    return attached;
  } finally {
    await again.close();
  }
}

async function remove(client: RawZooKeeper, path: string): Promise<void> {
  const children = (await client.getChildren(path)).body.strings();
  for (let i = 0; i < children.length; i += 500) {
    await Promise.all(children.slice(i, i + 500).map((name) => client.delete(`${path}/${name}`)));
  }
  const reply = await client.delete(path);
  assert.equal(reply.err, 0, `${path} could not be removed`);
}

/** Connect as a client that has seen `zxid`: a server whose zxids went back would not answer. */
async function seeing(address: string, zxid: number): Promise<RawZooKeeper> {
  try {
    return await RawZooKeeper.connect(address, { timeout: 40_000, lastZxidSeen: BigInt(zxid) });
  } catch (cause) {
    throw new Error(`the server does not know zxid ${zxid}, which it has acknowledged`, { cause });
  }
}

/** Run the loop. @throws AssertionError naming what was lost or revived */
export async function killLoop(
  options: { rounds: number; seed: number; dir: string; note?: (line: string) => void },
): Promise<KillLoopResult> {
  const { rounds, seed, dir, note = () => {} } = options;
  const random = seeded(seed);
  const result = {
    rounds,
    acknowledged: 0,
    inFlight: 0,
    sessionsKept: 0,
    sessionsEnded: 0,
    killedInRecovery: 0,
  };
  const server = {
    listen: "127.0.0.1:0",
    dataDir: dir,
    minSessionTimeoutMs: SHORT_MS,
    limits: { logBytesPerSnapshot: 30_000 },
  };
  let writers: Writer[] = [];
  let sessions: KnownSession[] = [];
  let highest = 0;
  for (let round = 0; round <= rounds; round++) {
    while (random() < 0.1) {
      await ZooKeeperChild.start(server, random() * 400);
      result.killedInRecovery++;
    }
    await using child = (await ZooKeeperChild.start(server))!;
    await using reader = await seeing(child.address, highest);
    for (const writer of writers) await writer.verify(reader);
    for (const session of sessions) {
      if (await verifySession(child.address, reader, session)) result.sessionsKept++;
      else result.sessionsEnded++;
    }
    if (round > 0) {
      for (const writer of writers) await remove(reader, writer.path);
      await remove(reader, `/r${round - 1}`);
    }
    if (round === rounds) break;

    await reader.create(`/r${round}`);
    const clients = await Promise.all(
      Array.from({ length: WRITERS }, () => RawZooKeeper.connect(child.address)),
    );
    writers = clients.map((client, i) => new Writer(client, `/r${round}/w${i}`));
    for (const { path } of writers) await reader.create(path, "none");
    const maker = new SessionMaker(child.address, `/r${round}`);
    const running = [...writers.map((writer) => writer.run()), maker.run()];
    const delay = 20 + random() * 480;
    await new Promise((resolve) => setTimeout(resolve, delay));
    await child.kill();
    for (const client of clients) await client.close();
    await reader.close();
    await Promise.all(running);
    sessions = maker.known;
    for (const writer of writers) {
      result.acknowledged += writer.acknowledged;
      result.inFlight += writer.sent - writer.acknowledged;
      highest = Math.max(highest, writer.lastZxid);
    }
    note(
      `round ${round}: killed after ${
        delay.toFixed(0)
      } ms, ${result.acknowledged} writes acknowledged so far`,
    );
  }
  return result;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      rounds: { type: "string", default: "200" },
      seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    },
  });
  const dir = await Deno.makeTempDir({ prefix: "zookeeper-kill-" });
  const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
  console.log(`${rounds} rounds, seed ${seed}, data in ${dir}`);
  const begin = performance.now();
  const result = await killLoop({ rounds, seed, dir, note: (line) => console.error(line) });
  await Deno.remove(dir, { recursive: true }); // It stays when something was wrong.
  console.log({ ...result, seconds: Math.round((performance.now() - begin) / 1000) });
}
