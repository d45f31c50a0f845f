/** Leadership under every fault: the loss is seen, the recovery is seen, and there is no wrong second winner. */
import assert from "node:assert/strict";
import { CoordinationError } from "../../../lib/base/errors.ts";
import { Election, type Term } from "../../../lib/recipes/election.ts";
import { ZooKeeper } from "../../../lib/zk/zookeeper.ts";
import { delay, until, within } from "../../harness/condition.ts";
import { type Place, SESSION_MS, suite } from "../../harness/coordination.ts";
import { loseReply } from "../../harness/lost_reply.ts";
import { startCoordinator } from "../../harness/zookeeper.ts";

const test = suite();
const PATH = "/elections/zone_1";

/** A contender with a client of its own behind a proxy. */
function contend(place: Place, data = "broker", sessionTimeoutMs = SESSION_MS) {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy, sessionTimeoutMs });
  const election = place.use(new Election(zk, PATH, data));
  return { proxy, zk, election };
}

type Contending = ReturnType<typeof contend>;

async function leads({ election }: Contending): Promise<Term> {
  return await until("it leads", () => election.term?.active && election.term, 20_000);
}

async function waits({ election }: Contending, contenders = 2): Promise<void> {
  await until("it waits", () => election.contenders === contenders && election.term === undefined);
  await delay(30); // its watches are armed
}

async function nodes(zk: ZooKeeper): Promise<string[]> {
  await zk.sync(PATH);
  return (await zk.getChildren(PATH)).names;
}

/** Watches that two never are active at the same moment, from beginning to end. */
function neverTwo(...all: Contending[]): Disposable & { readonly maximum: number } {
  let maximum = 0;
  const look = () => {
    maximum = Math.max(maximum, all.filter(({ election }) => election.term?.active).length);
    return maximum;
  };
  const timer = setInterval(look, 1);
  return {
    get maximum() {
      return look();
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

test("the first one leads, the second one waits; when the first withdraws the second leads with a higher epoch", async (place) => {
  const a = contend(place, "a");
  const first = await leads(a);
  const b = contend(place, "b");
  await waits(b);
  using watcher = neverTwo(a, b);
  await a.election.close();
  assert.equal(first.signal.aborted, true);
  assert.equal(first.active, false);
  const second = await leads(b);
  assert.ok(second.epoch > first.epoch);
  assert.equal(watcher.maximum, 1);
  assert.equal((await nodes(b.zk)).length, 1);
});

test("a node's data says who contends, and its name is a guid and a number", async (place) => {
  const a = contend(place, "broker-7");
  const term = await leads(a);
  const [name] = await nodes(a.zk);
  assert.match(name!, /^[0-9a-f]{32}-\d{10}$/);
  const { data, stat } = await a.zk.getData(`${PATH}/${name}`);
  assert.equal(new TextDecoder().decode(data), "broker-7");
  assert.equal(stat.czxid, term.epoch);
  assert.equal(stat.ephemeralOwner, a.zk.session!.id);
});

for (const moment of ["before", "after"] as const) {
  test(`the reply to the create is lost ${moment} the server acted: exactly one node, and it leads`, async (place) => {
    const observer = place.client();
    await observer.connected();
    await observer.ensurePath(PATH);
    const proxy = place.proxy();
    const zk = place.client({ through: proxy });
    await zk.connected();
    const lost = loseReply(proxy, { operation: "create", moment });
    const a = { proxy, zk, election: place.use(new Election(zk, PATH, "a")) };
    await within("the reply is lost", lost);
    await leads(a);
    assert.equal((await nodes(observer)).length, 1);
    assert.equal((await observer.exists(PATH))?.cversion, 1, "there never was a second one");
    assert.equal(zk.attachment, 2);
    assert.equal(zk.session?.generation, 1);
  });

  test(`the reply to the delete is lost ${moment} the server acted: withdrawn all the same`, async (place) => {
    const observer = place.client();
    await observer.connected();
    const a = contend(place);
    await leads(a);
    const lost = loseReply(a.proxy, { operation: "delete", moment });
    await a.election.close();
    await within("the reply is lost", lost);
    assert.deepEqual(await nodes(observer), []);
    assert.equal(a.zk.session?.generation, 1, "not by the end of the session");
  });
}

test("any reply lost on the way into the queue: one node a contender, one leader", async (place) => {
  const observer = place.client();
  await observer.connected();
  await observer.ensurePath(PATH);
  const all: Contending[] = [];
  for (const operation of ["create", "getChildren", "getData"] as const) {
    for (const moment of ["before", "after"] as const) {
      const proxy = place.proxy();
      const zk = place.client({ through: proxy });
      await zk.connected();
      const lost = loseReply(proxy, { operation, moment });
      all.push({ proxy, zk, election: place.use(new Election(zk, PATH, "x")) });
      await within(`the reply to ${operation} is lost ${moment}`, lost);
    }
  }
  await until("all are in the queue", async () => (await nodes(observer)).length === all.length);
  await until("one leads", () => all.some(({ election }) => election.term?.active));
  await delay(100);
  assert.equal((await nodes(observer)).length, all.length);
  assert.equal(all.filter(({ election }) => election.term !== undefined).length, 1);
});

test("a suspended leader does not act; the same session back, it leads on with the same term", async (place) => {
  const a = contend(place, "a", 10_000);
  const term = await leads(a);
  const b = contend(place, "b", 10_000);
  await waits(b);
  a.proxy.refuse();
  a.proxy.cut();
  await until("suspended", () => a.zk.state === "suspended");
  assert.equal(term.active, false);
  assert.equal(term.signal.aborted, false);
  assert.equal(a.election.term, term);
  a.proxy.admit();
  await until("active again", () => term.active);
  assert.equal(a.election.term, term);
  assert.equal(b.election.term, undefined);
  assert.equal((await nodes(b.zk)).length, 2);
});

test("a leader whose node went away while it was suspended finds that out before it acts again", async (place) => {
  const a = contend(place, "a", 10_000);
  const term = await leads(a);
  const b = contend(place, "b", 10_000);
  await waits(b);
  a.proxy.refuse();
  a.proxy.cut();
  await until("suspended", () => a.zk.state === "suspended");
  const [first] = (await nodes(b.zk)).toSorted((x, y) => x.slice(-10) < y.slice(-10) ? -1 : 1);
  using watcher = neverTwo(a, b);
  await b.zk.remove(`${PATH}/${first}`);
  const next = await leads(b);
  a.proxy.admit();
  await until("the old term is over", () => term.signal.aborted);
  await until("it waits behind the new leader", () => a.election.contenders === 2);
  assert.equal(watcher.maximum, 1);
  assert.ok(next.active && next.epoch > term.epoch);
});

test("a leader whose session is lost ends its term by its own clock before the next one leads, and enters again", async (place) => {
  const a = contend(place, "a");
  const first = await leads(a);
  const b = contend(place, "b");
  await waits(b);
  using watcher = neverTwo(a, b);
  let aliveAtHandover = false;
  const handover = until("b leads", () => {
    if (!b.election.term?.active) return false;
    aliveAtHandover = !first.signal.aborted;
    return true;
  }, 20_000);
  a.proxy.hold();
  await until("the loss is seen", () => first.signal.aborted);
  assert.equal(a.zk.state, "lost");
  await handover;
  assert.equal(aliveAtHandover, false);
  a.proxy.release();
  a.proxy.cut();
  await until("it enters again, at the end", () => a.election.contenders === 2 && a.zk.acting);
  await delay(50);
  assert.equal(a.election.term, undefined);
  const second = b.election.term!;
  assert.ok(second.active && second.epoch > first.epoch);
  assert.equal(watcher.maximum, 1);
  await b.election.close();
  assert.ok((await leads(a)).epoch > second.epoch);
});

test("ZooKeeper restarts within the session: the leader leads on, the other one still waits", async (place) => {
  const coordinator = place.use(await startCoordinator());
  const make = (data: string) => {
    const zk = place.use(new ZooKeeper({ servers: coordinator.servers, sessionTimeoutMs: 10_000 }));
    return { zk, proxy: undefined!, election: place.use(new Election(zk, PATH, data)) };
  };
  const a = make("a");
  const term = await leads(a);
  const b = make("b");
  await waits(b);
  using watcher = neverTwo(a, b);
  await coordinator.kill();
  await until("the loss is seen", () => !term.active && a.zk.state === "suspended");
  await coordinator.restart();
  await until("the recovery is seen", () => term.active, 20_000);
  await b.zk.connected();
  assert.equal(b.election.term, undefined);
  assert.equal(watcher.maximum, 1);
  await a.election.close();
  assert.ok((await leads(b)).epoch > term.epoch);
});

test("ZooKeeper is away for longer than the session: everybody enters again, one leads with a higher epoch", async (place) => {
  const coordinator = place.use(await startCoordinator());
  const make = (data: string) => {
    const zk = place.use(new ZooKeeper({ servers: coordinator.servers, sessionTimeoutMs: SESSION_MS }));
    return { zk, proxy: undefined!, election: place.use(new Election(zk, PATH, data)) };
  };
  const [a, b, c] = [make("a"), make("b"), make("c")];
  const first = await until(
    "one leads",
    () => [a, b, c].find(({ election }) => election.term?.active)?.election.term,
  );
  await until("all are in", () => [a, b, c].some(({ election }) => election.contenders === 3));
  await coordinator.kill();
  await until("the loss is seen", () => first.signal.aborted);
  using watcher = neverTwo(a, b, c);
  await coordinator.restart();
  const second = await until(
    "one leads",
    () => [a, b, c].find(({ election }) => election.term?.active)?.election.term,
    30_000,
  );
  assert.ok(second.epoch > first.epoch);
  await until("three nodes", async () => (await nodes(a.zk)).length === 3, 20_000);
  assert.equal(watcher.maximum, 1);
});

test("an operator deletes the leader's node: its term is over, the next one leads, and it enters again", async (place) => {
  const a = contend(place, "a");
  const first = await leads(a);
  const b = contend(place, "b");
  await waits(b);
  const own = (await nodes(b.zk)).toSorted((x, y) => x.slice(-10) < y.slice(-10) ? -1 : 1)[0]!;
  await b.zk.remove(`${PATH}/${own}`);
  await until("the loss is seen", () => first.signal.aborted);
  assert.ok((await leads(b)).epoch > first.epoch);
  await until("it enters again", async () => (await nodes(b.zk)).length === 2);
  assert.equal(a.election.term, undefined);
});

test("an operator deletes the only contender's node: it leads again with a higher epoch", async (place) => {
  const a = contend(place);
  const first = await leads(a);
  const observer = place.client();
  await observer.connected();
  await observer.remove(`${PATH}/${(await nodes(observer))[0]}`);
  await until("the loss is seen", () => first.signal.aborted);
  assert.ok((await leads(a)).epoch > first.epoch);
});

test("an operator deletes a waiting contender's node: it enters again, the leader leads on", async (place) => {
  const a = contend(place, "a");
  const term = await leads(a);
  const b = contend(place, "b");
  await waits(b);
  const own = (await nodes(a.zk)).toSorted((x, y) => x.slice(-10) < y.slice(-10) ? -1 : 1)[1]!;
  await a.zk.remove(`${PATH}/${own}`);
  await until("it enters again", async () => {
    const names = await nodes(a.zk);
    return names.length === 2 && !names.includes(own);
  });
  assert.ok(term.active);
});

test("an operator removes the whole election: everybody enters again and one leads", async (place) => {
  const [a, b] = [contend(place, "a"), contend(place, "b")];
  const observer = place.client();
  await observer.connected();
  await until("both are in", async () => (await nodes(observer).catch(() => [])).length === 2);
  const first = await until("one leads", () => a.election.term ?? b.election.term);
  // They may come back faster than it can be emptied.
  await observer.removeTree("/elections").catch((error) =>
    assert.ok(CoordinationError.is(error, "NOT_EMPTY"))
  );
  await until("the loss is seen", () => first.signal.aborted);
  const second = await until(
    "one leads",
    () => [a, b].find(({ election }) => election.term?.active)?.election.term,
  );
  assert.ok(second.epoch > first.epoch);
  await until("both are in", async () => (await nodes(observer)).length === 2);
});

test("strangers in the queue that are no contenders are ignored", async (place) => {
  const observer = place.client();
  await observer.connected();
  await observer.ensurePath(`${PATH}/lock`);
  await observer.ensurePath(`${PATH}/note-12`);
  await leads(contend(place));
});

test("closing while the create is under way leaves no node behind", async (place) => {
  const observer = place.client();
  await observer.connected();
  await observer.ensurePath(PATH);
  for (const moment of ["before", "after"] as const) {
    const proxy = place.proxy();
    const zk = place.client({ through: proxy, sessionTimeoutMs: 10_000 });
    await zk.connected();
    const lost = loseReply(proxy, { operation: "create", moment });
    const election = new Election(zk, PATH, "x");
    await lost;
    await within("closed", election.close());
    assert.deepEqual(await nodes(observer), []);
    assert.equal(zk.session?.generation, 1);
  }
  // And with the create held on its way.
  const proxy = place.proxy();
  const zk = place.client({ through: proxy, sessionTimeoutMs: 10_000 });
  await zk.connected();
  proxy.hold();
  const election = new Election(zk, PATH, "x");
  await delay(20);
  const closing = election.close();
  await delay(20);
  proxy.release();
  await within("closed", closing);
  assert.deepEqual(await nodes(observer), []);
});

test("closing on a silent network ends with the session, and before there is any session at once", async (place) => {
  const a = contend(place);
  const term = await leads(a);
  a.proxy.hold();
  const closing = a.election.close();
  assert.equal(term.active, false);
  assert.equal(a.election.term, undefined);
  await within("closed", closing);
  assert.equal(a.zk.state, "lost");
  const nowhere = place.use(new ZooKeeper({ servers: "127.0.0.1:1", sessionTimeoutMs: SESSION_MS }));
  await within("closed", new Election(nowhere, PATH, "x").close());
});

test("waiting costs no operation, and a change wakes only the one it concerns", async (place) => {
  const all: Contending[] = [];
  for (let i = 0; i < 8; i++) {
    all.push(contend(place, String(i), 10_000));
    await until("in the queue", () => all[i]!.election.contenders === i + 1);
  }
  await delay(100);
  const counts = () => all.map(({ zk }) => zk.counters().operations);
  const before = counts();
  await delay(1_000);
  assert.deepEqual(counts(), before);
  await all[3]!.election.close();
  await until("its successor looks", () => all[4]!.zk.counters().operations > before[4]!);
  await delay(100);
  const woken = counts().map((count, i) => count - before[i]!);
  assert.deepEqual(woken.map((count) => count > 0), [false, false, false, true, true, false, false, false]);
  assert.ok(woken[4]! <= 4, `${woken[4]} operations`);
  assert.ok(all[0]!.election.term?.active);
});

test("two contenders created in the same moment: exactly one leads, every time", async (place) => {
  const clients = [place.client(), place.client()];
  await Promise.all(clients.map((zk) => zk.connected()));
  for (let round = 0; round < 30; round++) {
    const path = `/elections/zone_${round}`;
    const elections = clients.map((zk) => new Election(zk, path, "x"));
    await until("both are in", () => elections.some(({ contenders }) => contenders === 2));
    await until("one leads", () => elections.some(({ term }) => term?.active));
    await delay(5);
    assert.equal(elections.filter(({ term }) => term !== undefined).length, 1);
    await Promise.all(elections.map((election) => election.close()));
  }
});

test("two contenders on one client: they are two", async (place) => {
  const zk = place.client();
  const [a, b] = [new Election(zk, PATH, "a"), new Election(zk, PATH, "b")];
  place.use(a);
  place.use(b);
  await until("one leads", () => a.term?.active || b.term?.active);
  await until("both are in", () => Math.max(a.contenders, b.contenders) === 2);
  assert.notEqual(a.term === undefined, b.term === undefined);
});

test("terms gives each term once and ends after close", async (place) => {
  const a = contend(place);
  const epochs: bigint[] = [];
  const consuming = (async () => {
    for await (const term of a.election.terms()) epochs.push(term.epoch);
  })();
  await until("the first term", () => epochs.length === 1);
  const observer = place.client();
  await observer.connected();
  await observer.remove(`${PATH}/${(await nodes(observer))[0]}`);
  await until("the second term", () => epochs.length === 2);
  await a.election.close();
  await within("the end", consuming);
  assert.ok(epochs[1]! > epochs[0]!);
});

test("the client is closed under it: the term ends, terms end, and close ends at once", async (place) => {
  const a = contend(place);
  const term = await leads(a);
  const consuming = (async () => {
    for await (const _term of a.election.terms());
  })();
  await a.zk.close();
  assert.equal(term.active, false);
  await within("terms end", consuming);
  assert.equal(term.signal.aborted, true);
  await within("closed", a.election.close());
});
