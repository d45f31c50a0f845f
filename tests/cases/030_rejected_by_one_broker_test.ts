/** Case 30: a `rejected` from one broker ended a client for good; a reason could be of any length. */
import assert from "node:assert/strict";
import { decodeBrokerMessage, encodeControl } from "../../lib/wire/control.ts";
import { FormatError } from "../../lib/base/errors.ts";
import { delay, until } from "../harness/condition.ts";
import { suite } from "../harness/coordination.ts";
import { World } from "../harness/fake_broker.ts";
import { LogLines } from "../harness/log_lines.ts";

const test = suite();

test("case 30: a client that one broker rejects asks another one", async (place) => {
  using said = new LogLines();
  const world = await World.in(place);
  const rejecting = await world.broker(1);
  rejecting.answer = () => [{ type: "rejected", code: "bad_message", reason: "go away" }];
  const { client } = world.client();
  const ended = client.ended.then(() => "ended", () => "ended");
  await until("it was rejected", () => rejecting.heardOf("register") > 0);
  await delay(300);
  assert.equal(await Promise.race([ended, delay(0).then(() => "goes on")]), "goes on");
  await world.broker(2);
  await client.recorded;
  assert.equal(client.zone, 2);
  assert.ok(rejecting.heardOf("register") <= 10, `it was asked ${rejecting.heardOf("register")} times`);
  assert.equal(said.with(/go away/).length, 1);
});

test("case 30: a broker that never accepts is left for another one, whatever it answers", async (place) => {
  const world = await World.in(place);
  const never = await world.broker(1);
  never.answer = (message) =>
    message.type === "register" ? [{ type: "not_primary" }, { type: "pong", time: 1e15, clock: 1e300 }] : [];
  const { client } = world.client();
  await until("it was refused", () => never.heardOf("register") > 1);
  await world.broker(2);
  await until("elsewhere", () => client.zone === 2, 10_000);
  assert.ok(never.heardOf("register") <= 10);
  assert.equal(client.clock, undefined, "what it says of the time is not believed");
});

test("case 30: reasons that differ each time do not fill the log", async (place) => {
  using said = new LogLines();
  const world = await World.in(place);
  const chatty = await world.broker(1);
  let reasons = 0;
  chatty.answer = () =>
    Array.from({ length: 50 }, () => ({ type: "rejected", code: "busy", reason: `reason ${++reasons}` }));
  world.client();
  await until("much was said", () => reasons >= 150);
  assert.ok(said.with(/reason \d+/).length <= 8, `${said.with(/reason \d+/).length} lines`);
  assert.ok(chatty.heardOf("register") < 10);
});

Deno.test("case 30: what a broker writes has a length", () => {
  const long = "x".repeat(2000);
  const mismatch = {
    ...{ topic: "T", publisher: "p", subscriber: "s", policy: "history" as const },
    ...{ offered: "1", requested: "2", fix: "more" },
  };
  const matches = { type: "matches" as const, version: 1, streams: [], subscribers: [], removed: [] };
  for (
    const message of [
      { type: "rejected" as const, code: "busy", reason: long },
      { type: "rejected" as const, code: long, reason: "x" },
      { type: "reassign" as const, zone: 1, reason: long },
      { type: "not_primary" as const, primary: long },
      { type: "registered" as const, zone: 1, broker: "b", heartbeat: 1e9 },
      { type: "registered" as const, zone: 1, broker: "b", heartbeat: 0 },
      { ...matches, version: -1, mismatches: [] },
      { ...matches, mismatches: [{ ...mismatch, fix: long }] },
      { ...matches, mismatches: [{ ...mismatch, offered: long }] },
    ]
  ) assert.ok(decodeBrokerMessage(encodeControl(message)) instanceof FormatError, message.type);
});
