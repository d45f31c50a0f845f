/**
 * The kind of case 3: no wait without an end and no loop without a pause, whatever others have put into ZooKeeper.
 */
import assert from "node:assert/strict";
import { BrokerCrew } from "../../lib/pool/broker_crew.ts";
import type { BrokerProcess } from "../../lib/pool/broker_process.ts";
import { Broker } from "../../lib/mod.ts";
import { electionPath, topicPath } from "../../lib/model/paths.ts";
import { REBALANCE, Rebalancer } from "../../lib/broker/rebalancer.ts";
import { Election } from "../../lib/recipes/election.ts";
import { EphemeralRecord } from "../../lib/recipes/ephemeral_record.ts";
import { TopicOwnership } from "../../lib/recipes/ownership.ts";
import { Scaling } from "../../lib/pool/scaling.ts";
import type { ScalingPlan } from "../../lib/pool/scaling_plan.ts";
import { delay, until, within } from "../harness/condition.ts";
import { suite } from "../harness/coordination.ts";
import { LogLines } from "../harness/log_lines.ts";

const test = suite();

test("case 3, its kind: a persistent node among contenders does not keep a zone leaderless for ever", async (place) => {
  using said = new LogLines();
  const zk = place.client();
  await zk.connected();
  const path = electionPath(1);
  await zk.ensurePath(path);
  await zk.create(`${path}/operator-0000000000`, "hands off");
  const election = place.use(new Election(zk, path, "b"));
  await until("it leads", () => election.term?.active);
  const second = place.client();
  const other = place.use(new Election(second, path, "c"));
  await until("the other waits", () => other.contenders >= 2);
  await delay(200);
  assert.equal(other.term, undefined, "one leads");
  assert.equal(said.with(/ignoring znode .*operator-0000000000: it is persistent/).length, 1);
});

test("case 3, its kind: nor does one keep a topic without an owner", async (place) => {
  using said = new LogLines();
  const zk = place.client();
  await zk.connected();
  await zk.ensurePath(topicPath("T"));
  await zk.create(
    `${topicPath("T")}/operator-0000000000`,
    JSON.stringify({ publisher: "x", strength: 1e300 }),
  );
  const ownership = place.use(new TopicOwnership(zk, "T", { publisher: "p", strength: 0 }));
  const decided = await within("it is decided", ownership.decided());
  assert.equal(decided.owner, true);
  assert.equal(said.with(/ignoring znode .*operator-0000000000/).length, 1);
});

test("case 3, its kind: who keeps changing a record of ours does not make us turn with it", async (place) => {
  const zk = place.client();
  const record = place.use(new EphemeralRecord(zk, "/r/x", "ours"));
  await record.present();
  const other = place.client();
  await other.connected();
  const before = zk.counters().operations;
  const changes = 2000;
  const begunAt = performance.now();
  for (let i = 0; i < changes; i += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, n) => other.setData("/r/x", `theirs ${i + n}`)));
  }
  const cost = zk.counters().operations - before;
  // A look every 100 ms, of a few operations each, however fast the changes come.
  const most = 30 + 4 * (performance.now() - begunAt) / 100;
  assert.ok(cost < most, `${cost} operations, not ${most}, for ${changes} changes`);
  await until(
    "it is put right",
    async () => new TextDecoder().decode((await other.getData("/r/x")).data) === "ours",
  );
});

test("case 3, its kind: a step of moves with any number is followed by others", async (place) => {
  const zk = place.client();
  await zk.connected();
  await zk.ensurePath(REBALANCE.slice(0, REBALANCE.lastIndexOf("/")));
  const moved: number[] = [];
  const rebalancer = place.use(
    new Rebalancer(zk, {
      ...{ zone: 1, balance: true, zones: () => [] },
      move: (_to, count) => {
        moved.push(count);
        return count;
      },
    }),
  );
  rebalancer.start();
  await until("it watches", () => zk.counters().watches > 0);
  const step = (step: number, count: number) =>
    JSON.stringify({ step, time: 0, reason: "r", moves: [{ from: 1, to: 2, count }] });
  await zk.create(REBALANCE, step(1_000_000_000, 1));
  await until("the highest number", () => moved.join() === "1");
  await zk.setData(REBALANCE, step(2 ** 53 - 1, 2));
  await zk.setData(REBALANCE, step(1, 3));
  await until("the one after that", () => moved.at(-1) === 3);
  assert.deepEqual(moved, [1, 3]);
});

test("case 3, its kind: a broker that is closed while it starts has started, or says why not", async (place) => {
  const proxy = place.proxy();
  const zookeeper = proxy.address + place.chroot;
  const broker = place.use(new Broker({ zookeeper, address: "127.0.0.1", sessionTimeoutMs: 1000 }));
  // ZooKeeper answers the first bytes and then nothing any more.
  let bytes = 0;
  proxy.intercept = (chunk, direction) =>
    direction === "down" && (bytes += chunk.length) > 60 ? "drop" : "pass";
  const starting = broker.start().then(() => "started", () => "failed");
  await until("it is connected", () => bytes > 40);
  await delay(300);
  await within("it is closed", broker.close(), 8000);
  assert.equal(await within("start settles", starting, 1000), "failed");
});

Deno.test("case 3, its kind: times of a plan that are far ahead stop nothing", () => {
  const settings = { threshold: 3, low: 1.5, minZones: 0, cooldownMs: 0 };
  const scaling = new Scaling("k", settings, 0);
  const plan: ScalingPlan = {
    ...{ acting: "other", threshold: 3, low: 1.5, orders: 2, steps: [] },
    zones: [
      { zone: 1, pool: "k", state: "ending", since: 1e300, number: 1 },
      { zone: 2, pool: "k", state: "wanted", since: 1e300, number: 2, keptUntil: 1e300 },
    ],
  };
  const pools = new Map([["k", { pool: "k", host: "h", most: 5, warm: 0, zones: [] }]]);
  const facts = { clients: 1, primaries: new Set([2, 3]), occupied: new Set([2, 3]), pools };
  const first = scaling.decide(plan, facts, 10_000);
  assert.ok(first.againMs! <= 60_000, `it looks again after ${first.againMs} ms`);
  const second = scaling.decide(first.plan, facts, 12_000);
  assert.ok(!second.plan!.zones.some(({ zone }) => zone === 1), "the one that is to end has ended");
});

Deno.test("case 3, its kind: a zone that keeps clients past its time is not looked at without a pause", async () => {
  const real = performance.now.bind(performance);
  let ahead = 0;
  performance.now = () => real() + ahead;
  let looks = 0;
  const broker = {
    ...{ id: "k-1", pid: 1, state: "primary", drained: { pinned: 2 }, leaving: false, startedAt: 0, zone: 1 },
    waitedForSince: undefined,
    ended: new Promise<string>(() => {}),
    join: () => {},
    drain: () => {},
    end: () => Promise.resolve(),
  };
  const crew = new BrokerCrew({
    ...{ start: () => broker as unknown as BrokerProcess, standbys: 0, warm: 0 },
    onChange: () => looks++,
  });
  try {
    crew.want(new Map([[1, "wanted"]]));
    crew.want(new Map([[1, "ending"]]));
    ahead = 20_000;
    crew.want(new Map([[1, "ending"]]));
    await delay(300);
    assert.ok(looks <= 2, `${looks} looks in 0.3 s`);
  } finally {
    performance.now = real;
    await crew.close();
  }
});

Deno.test("case 3, its kind: a broker of a pool that never comes up is ended, and another one started", async () => {
  using said = new LogLines();
  const real = performance.now.bind(performance);
  let ahead = 0;
  performance.now = () => real() + ahead;
  let started = 0;
  const start = (): BrokerProcess => {
    const ended = Promise.withResolvers<string>();
    const broker = {
      ...{ id: `k-${++started}`, pid: started, state: "starting", drained: undefined, leaving: false },
      ...{ startedAt: performance.now(), waitedForSince: performance.now(), zone: undefined },
      ended: ended.promise,
      join: () => {},
      drain: () => {},
      end: () => {
        broker.leaving = true;
        ended.resolve("killed");
        return ended.promise;
      },
    };
    return broker as unknown as BrokerProcess;
  };
  const crew = new BrokerCrew({ start, standbys: 0, warm: 1, onChange: () => {} });
  try {
    assert.equal(started, 1);
    ahead = 59_000;
    crew.want(new Map());
    assert.equal(started, 1, "it is given time");
    ahead = 60_001;
    crew.want(new Map());
    await until("another one", () => started === 2);
    assert.equal(said.with(/broker k-1 has not come up within 60 s/).length, 1);
  } finally {
    performance.now = real;
    await crew.close();
  }
});
