/**
 * Case 8: the life cycle of the public classes. A close during the start left the start waiting for ever, a second
 * start hung, one after the close resolved, and what is asked before the start was answered as if it were nothing.
 */
import assert from "node:assert/strict";
import { title, unrestricted } from "../harness/permissions.ts";
import { systemTest } from "../harness/system.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import { BackupPool, Broker, Publisher, PubsubError, Subscriber } from "../../lib/mod.ts";

/** Nobody is there: a start waits until it is given up. */
const NOWHERE = "127.0.0.1:9";

/** No timer, socket or task is left. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, sanitizeOps: true, sanitizeResources: true, fn });
}

// Libraries that the process opens once are no leak of the first test that needs them.
if (unrestricted) await new Socket("xpub", { linger: 0 })[Symbol.asyncDispose]();

type Made = Pick<Publisher, "id" | "start" | "close">;

const KINDS: readonly [name: string, make: (options: { zookeeper: string; address?: string }) => Made][] = [
  ["Publisher", (options) => new Publisher({ ...options, topics: ["A"] })],
  ["Subscriber", (options) => new Subscriber({ ...options, topics: ["A"] })],
  ["Broker", (options) => new Broker(options)],
  ["Backup pool", ({ zookeeper }) => new BackupPool({ zookeeper, warm: 0, maxZones: 0 })],
];

function says(text: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof PubsubError, `${error}`);
    assert.equal(error.message, text);
    return true;
  };
}

for (const [name, make] of KINDS) {
  for (const address of [undefined, "127.0.0.1"]) {
    const where = address === undefined ? "" : ", with an address";
    test(`case 8: a ${name} that is closed while it starts${where}`, async () => {
      const made = make({ zookeeper: NOWHERE, ...address === undefined ? {} : { address } });
      const started = made.start();
      started.catch(() => {});
      await made.close();
      await assert.rejects(started, says(`${name} ${made.id} was closed before it had started`));
      await assert.rejects(made.start(), says(`${name} ${made.id} is closed`));
      await made.close();
    });
  }

  test(`case 8: a ${name} that is closed at once, or whose start nobody waits for`, async () => {
    const never = make({ zookeeper: NOWHERE });
    await never.close();
    await assert.rejects(never.start(), says(`${name} ${never.id} is closed`));
    const floating = make({ zookeeper: NOWHERE, address: "127.0.0.1" });
    void floating.start();
    await floating.close();
  });

  test(`case 8: a ${name} whose start is given up later than its first steps`, async () => {
    const made = make({ zookeeper: NOWHERE });
    const abort = new AbortController();
    const started = made.start(abort.signal);
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await assert.rejects(started, /enough/);
    await made.close();
  });

  systemTest(`case 8: a ${name} that is started twice, and again after its close`, async ({ zookeeper }) => {
    // Publishers and subscribers need one.
    await using broker = new Broker({ zookeeper });
    await broker.start();
    const made = make({ zookeeper });
    const first = made.start(), second = made.start();
    await Promise.all([first, second]);
    await made.start();
    await made.close();
    await assert.rejects(made.start(), says(`${name} ${made.id} is closed`));
  });
}

systemTest("case 8: a publisher says when it is used too early or too late", async ({ zookeeper }) => {
  await using broker = new Broker({ zookeeper });
  await broker.start();
  const publisher = new Publisher({ zookeeper, topics: ["A"] });
  const early = says(`Publisher ${publisher.id} has not started: await its start() first`);
  assert.throws(() => publisher.publish("A", "x"), early);
  assert.throws(() => publisher.tryPublish("A", "x"), early);
  await assert.rejects(publisher.joined(10), early);
  assert.deepEqual(await publisher.drain(), { complete: true, behind: [], missing: [] });
  assert.equal(publisher.stats().published, 0);
  const started = publisher.start();
  assert.throws(() => publisher.publish("A", "x"), early);
  await started;
  assert.equal(await publisher.publish("A", "x"), true);
  await publisher.close();
  const late = says(`Publisher ${publisher.id} is closed`);
  assert.throws(() => publisher.publish("A", "x"), late);
  assert.throws(() => publisher.tryPublish("A", "x"), late);
  assert.equal(publisher.stats().published, 1);
});

systemTest("case 8: a broker says when it is used too early or too late", async ({ zookeeper }) => {
  const broker = new Broker({ zookeeper, warm: true });
  const early = says(`Broker ${broker.id} has not started: await its start() first`);
  await assert.rejects(broker.join(1), early);
  await assert.rejects(broker.drain(), early);
  assert.equal(broker.stats().role, "starting");
  await broker.start();
  await broker.join(1);
  await broker.close();
  await assert.rejects(broker.drain(), says(`Broker ${broker.id} is closed`));
});

systemTest("case 8: a warm broker that is closed while it joins a zone", async ({ zookeeper }) => {
  const broker = new Broker({ zookeeper, warm: true });
  await broker.start();
  const joining = broker.join(1);
  joining.catch(() => {});
  await broker.close();
  await assert.rejects(joining);
});
