/** 200 clients come, go and die, and so does a zone: the load is right in the end, and was never far off for long. */
import assert from "node:assert/strict";
import { SimulatedClient } from "../../lib/crowd/simulated_client.ts";
import { personaOf } from "../../lib/crowd/layout.ts";
import { delay } from "../harness/condition.ts";
import { Observer } from "../harness/observer.ts";
import { type System, systemTest } from "../harness/system.ts";

const CLIENTS = 200;
const SOAK_MS = 8000;

/** Comes and goes until told to end; with `stays` it is there in the end. */
async function comeAndGo(
  system: System,
  index: number,
  until: number,
  stays: boolean,
): Promise<SimulatedClient | undefined> {
  const persona = personaOf(index, { fanOut: 4, hot: false });
  const options = {
    zookeeper: system.zookeeper,
    sessionTimeoutMs: 10_000,
    heartbeatIntervalMs: 1000,
    heartbeatTimeoutMs: 5000,
  };
  for (;;) {
    await delay(Math.random() * 1500);
    const client = new SimulatedClient(persona, options);
    await client.start();
    await delay(Math.random() * 1500);
    const over = performance.now() > until;
    if (over && stays) return client;
    await client.close();
    if (over) return undefined;
  }
}

systemTest(
  "200 clients come, go and are killed, a zone dies: the load is right in the end",
  async (system) => {
    await using observer = new Observer(system.zookeeper);
    const session = ["--session-timeout", "2"];
    for (const zone of ["1", "2"]) {
      await (await system.broker("--zone", zone, ...session)).says(
        /primary of zone/,
      );
    }
    const mortal = await system.broker("--zone", "3", ...session);
    const until = performance.now() + SOAK_MS;
    const comers = Array.from({ length: CLIENTS }, (_, i) => comeAndGo(system, i, until, i % 4 === 0));
    const many = ["subscriber", "--topics", "X", "--indefinite", "--quiet", ...session, "--count", "20"];
    const killed = system.start([...many, "--id", "killed"]);
    const stays = system.start([...many, "--id", "stays"]);
    await observer.sees(
      "those who are killed",
      () => observer.view!.subscribers.filter(({ id }) => id.startsWith("killed")).length === 20,
    );
    await delay(SOAK_MS / 2);
    await killed.kill();
    await mortal.kill();
    const left = (await Promise.all(comers)).filter((client) => client !== undefined);
    await using stack = new AsyncDisposableStack();
    for (const client of left) stack.use(client);
    assert.equal(left.length, CLIENTS / 4);
    const truth = (CLIENTS / 4 + 20) / 2;
    await observer.sees(
      `a load of ${truth}`,
      () => observer.view!.load === truth && observer.clients === 70 && observer.zones.length === 2,
    );
    await delay(2000); // nobody writes another one
    assert.equal(observer.view!.load, truth);
    assert.ok(observer.views.length > 20, "it was busy");
    await stays.interrupt();
  },
);
