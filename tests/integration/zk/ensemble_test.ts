/** Three servers, of which any one may go: sessions and what they hold live on. */
import assert from "node:assert/strict";
import { Election } from "../../../lib/recipes/election.ts";
import { TopicOwnership } from "../../../lib/recipes/ownership.ts";
import { watchRecords } from "../../../lib/zk/watch.ts";
import { ZooKeeper } from "../../../lib/zk/zookeeper.ts";
import { until } from "../../harness/condition.ts";
import { Scope } from "../../harness/coordination.ts";
import { type Ensemble, startEnsemble } from "../../harness/ensemble.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { apacheInstalled, fourLetterWord } from "../../harness/zookeeper.ts";

const SESSION_MS = 10_000;
let ensemble: Ensemble | undefined;
const possible = unrestricted && apacheInstalled();

if (possible) {
  Deno.test.beforeAll(async () => {
    ensemble = await startEnsemble();
  });
  Deno.test.afterAll(async () => {
    await ensemble?.stop();
  });
}

function test(
  sentence: string,
  body: (ensemble: Ensemble, stack: AsyncDisposableStack) => Promise<void>,
): void {
  Deno.test({
    name: title(sentence) +
      (unrestricted && !possible ? " (ignored: Apache ZooKeeper is not installed)" : ""),
    ignore: !possible,
    // A member that is killed is started again, and ends after the last test.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using stack = new AsyncDisposableStack();
      await body(ensemble!, stack);
    },
  });
}

/** The member that a client is attached to, by the members' own word. */
async function memberOf({ members }: Ensemble, zk: ZooKeeper) {
  const id = `0x${zk.session!.id.toString(16)}`;
  const lists = await Promise.all(members.map(({ port }) => fourLetterWord(port, "cons").catch(() => "")));
  return members[lists.findIndex((list) => list.includes(`sid=${id}`))];
}

test(
  "the member a client is attached to is killed: the same session goes on at another, with all it holds",
  async (all, stack) => {
    using scope = new Scope();
    const client = () =>
      stack.use(new ZooKeeper({ servers: `${all.servers}/a`, sessionTimeoutMs: SESSION_MS }));
    const [zk, other] = [client(), client()];
    const session = await zk.connected();
    await other.connected();
    const election = stack.use(new Election(zk, "/elections/zone_1", "a"));
    const ownership = stack.use(new TopicOwnership(zk, "T", { publisher: "a", strength: 0 }));
    const term = await until("it leads", () => election.term?.active && election.term);
    const second = stack.use(new Election(other, "/elections/zone_1", "b"));
    await until("it owns", () => ownership.owner);
    const { epoch } = ownership;
    await until("the second one waits", () => second.contenders === 2);
    await zk.ensurePath("/r");
    let records = "";
    const watching = (async () => {
      for await (const change of watchRecords(zk, "/r", () => 1, { signal: scope.signal })) {
        records = [...change.all.keys()].toSorted().join();
      }
    })();
    const member = (await until("the member is known", () => memberOf(all, zk)))!;
    await member.kill();
    await until("the loss is seen", () => !term.active);
    await until("the recovery is seen", () => term.active && ownership.owner, 20_000);
    assert.equal(zk.session, session);
    assert.equal(ownership.epoch, epoch);
    assert.equal(second.term, undefined);
    await other.connected();
    await until("the watches are armed at the other member", async () => {
      await other.ensurePath("/r/after").catch(() => {});
      return records === "after";
    });
    await member.restart();
    scope[Symbol.dispose]();
    await watching;
  },
);

test(
  "the ensemble's leader is killed: everything stands still for a moment and goes on",
  async (all, stack) => {
    const clients = Array.from(
      { length: 4 },
      () => stack.use(new ZooKeeper({ servers: `${all.servers}/b`, sessionTimeoutMs: SESSION_MS })),
    );
    const sessions = await Promise.all(clients.map((zk) => zk.connected()));
    const elections = clients.map((zk, i) => stack.use(new Election(zk, "/elections/zone_1", String(i))));
    const leading = () => elections.filter(({ term }) => term?.active);
    await until(
      "one leads",
      () => leading().length === 1 && elections.some(({ contenders }) => contenders === 4),
    );
    const { term } = leading()[0]!;
    let most = 1;
    const timer = setInterval(() => most = Math.max(most, leading().length), 1);
    const leader = (await until("there is a leader", () => all.leader()))!;
    await leader.kill();
    await until("another one leads the ensemble", () => all.leader(), 30_000);
    await until(
      "all sessions go on",
      () => clients.every((zk, i) => zk.acting && zk.session === sessions[i]),
      30_000,
    );
    await until("the term goes on", () => term!.active, 30_000);
    clearInterval(timer);
    assert.equal(most, 1);
    await leader.restart();
  },
);

test("one member stands still: its clients leave it within their session", async (all, stack) => {
  const zk = stack.use(new ZooKeeper({ servers: `${all.servers}/c`, sessionTimeoutMs: SESSION_MS }));
  const session = await zk.connected();
  const member = (await until("the member is known", () => memberOf(all, zk)))!;
  member.pause();
  try {
    await until("the loss is seen", () => zk.state === "suspended", 20_000);
    await until("the recovery is seen", () => zk.acting, 20_000);
    assert.equal(zk.session, session);
    await zk.ensurePath("/x");
  } finally {
    member.resume();
  }
});

test("without a majority there is no session, and with one again there is", async (all, stack) => {
  const zk = stack.use(new ZooKeeper({ servers: `${all.servers}/d`, sessionTimeoutMs: SESSION_MS }));
  const session = await zk.connected();
  await zk.create("/d", "").catch(() => zk.ensurePath("/d"));
  const [a, b] = all.members;
  await Promise.all([a!.kill(), b!.kill()]);
  await until("the loss is seen", () => session.lost.aborted, 20_000);
  assert.equal(zk.acting, false);
  await Promise.all([a!.restart(), b!.restart()]);
  await until("the recovery is seen", () => zk.acting, 60_000);
  assert.equal(zk.session?.generation, 2);
});
