import assert from "node:assert/strict";
import { Conflated } from "../../../lib/base/conflated.ts";

Deno.test("a consumer gets the current value first, then the newest of those it missed", async () => {
  const values = new Conflated<number>();
  values.publish(1);
  const consumer = values.values();
  assert.equal((await consumer.next()).value, 1);
  values.publish(2);
  values.publish(3);
  assert.equal((await consumer.next()).value, 3);
  const waiting = consumer.next();
  values.publish(4);
  assert.equal((await waiting).value, 4);
});

Deno.test("an equal value is a change too", async () => {
  const values = new Conflated<string>();
  values.publish("a");
  const consumer = values.values();
  await consumer.next();
  values.publish("a");
  assert.deepEqual(await consumer.next(), { value: "a", done: false });
});

Deno.test("consumers do not take values from each other", async () => {
  const values = new Conflated<number>();
  const [a, b] = [values.values(), values.values()];
  const both = Promise.all([a.next(), b.next()]);
  values.publish(7);
  assert.deepEqual((await both).map(({ value }) => value), [7, 7]);
});

Deno.test("after the end a consumer still gets the newest value, and then ends", async () => {
  const values = new Conflated<number>();
  values.publish(1);
  const consumer = values.values();
  values.publish(2);
  values.end();
  assert.deepEqual(await consumer.next(), { value: 2, done: false });
  assert.equal((await consumer.next()).done, true);
  const nothing = new Conflated<number>();
  const waiting = nothing.values().next();
  nothing.end();
  assert.equal((await waiting).done, true);
});

Deno.test("a consumer ends when its signal aborts", async () => {
  const controller = new AbortController();
  const waiting = new Conflated<number>().values(controller.signal).next();
  controller.abort();
  assert.equal((await waiting).done, true);
});
