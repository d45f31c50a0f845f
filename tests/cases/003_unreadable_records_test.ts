/** Case 3: a primary's record that cannot be read made clients turn without waiting, a log line each time. */
import assert from "node:assert/strict";
import { primaryPath } from "../../lib/model/paths.ts";
import { delay, until } from "../harness/condition.ts";
import { suite } from "../harness/coordination.ts";
import { World } from "../harness/fake_broker.ts";
import { LogLines } from "../harness/log_lines.ts";

const test = suite();

test("case 3: a primary's record that cannot be read is named once and waited for like a missing one", async (place) => {
  using said = new LogLines();
  const world = await World.in(place);
  await world.zk.create(primaryPath(1), "not json");
  const { client, events, zk } = world.client();
  await until("it waits", () => events.some(({ type }) => type === "waiting"));
  const before = zk.counters().operations;
  await delay(2500);
  const cost = zk.counters().operations - before;
  assert.ok(cost <= 20, `${cost} operations in 2.5 s`);
  assert.equal(said.with(/ignoring znode \/primaries\/zone_1/).length, 1);
  assert.equal(said.with(/waiting for a primary broker in any zone/).length, 1);
  // Put right it is taken at once, not at the next look.
  const broker = await world.broker(2);
  await world.zk.remove(primaryPath(2));
  await world.zk.setData(primaryPath(1), JSON.stringify({ ...broker.record, zone: 1 }));
  await client.recorded;
  assert.equal(client.zone, 1);
});

test("case 3: many records that cannot be read do not make a client turn; the one that can is found", async (place) => {
  using said = new LogLines();
  const world = await World.in(place);
  for (let zone = 1; zone <= 60; zone++) {
    await world.zk.create(primaryPath(zone), JSON.stringify({ zone, control: 7 }));
  }
  const { client, zk } = world.client();
  await until("it waits", () => said.with(/waiting for/).length > 0);
  const before = zk.counters().operations;
  await delay(2000);
  const cost = zk.counters().operations - before;
  assert.ok(cost <= 30, `${cost} operations in 2 s`);
  for (let zone = 1; zone <= 59; zone++) await world.zk.remove(primaryPath(zone));
  await world.broker(61);
  await client.recorded;
  assert.equal(client.zone, 61);
});

test("case 3: a client that is to stay in a zone with such a record waits in it, and says so once", async (place) => {
  using said = new LogLines();
  const world = await World.in(place);
  await world.zk.create(primaryPath(3), "");
  const { client, zk } = world.client({ zone: 3 });
  await until("it waits", () => said.with(/waiting for a primary broker in zone 3/).length > 0);
  const before = zk.counters().operations;
  await delay(1000);
  assert.equal(zk.counters().operations, before, "nothing is asked");
  await world.zk.remove(primaryPath(3));
  await world.broker(3);
  await client.recorded;
  assert.equal(said.with(/ignoring znode/).length, 1);
});
