import assert from "node:assert/strict";
import { ANY_CREDIT, Budget, LEAST_CREDIT, MOST_IN_FLIGHT } from "../../../lib/stream/budget.ts";
import { PublishedStream } from "../../../lib/stream/published_stream.ts";
import { decodeBatch, Flag } from "../../../lib/wire/batch.ts";
import { keyLength } from "../../../lib/wire/key.ts";

const MIB = 1024 * 1024;

Deno.test("what all topics have under way together is what makes the budget full", () => {
  const budget = new Budget({ bytes: 1000, messages: 4 });
  const [first, second] = [budget.open(), budget.open()];
  first.send(400, true);
  second.send(500, true);
  assert.equal(budget.full, false);
  second.send(100, true);
  assert.equal(first.full, true, "bytes");
  second.set(0, 0);
  assert.equal(first.full, false);
  for (let i = 0; i < 3; i++) first.send(1, true);
  assert.deepEqual(budget.used, { bytes: 403, messages: 4 });
  assert.equal(second.full, true, "messages");
});

Deno.test("a message counts when it is begun, once, and not at all if nobody is waited for", () => {
  const budget = new Budget({ bytes: 1000, messages: 2 });
  const [first, second] = [budget.open(), budget.open()];
  first.begin();
  second.begin();
  assert.equal(budget.full, true);
  first.send(10, true);
  assert.deepEqual(budget.used, { bytes: 10, messages: 2 });
  second.send(10, false);
  second.send(10, false);
  assert.deepEqual(budget.used, { bytes: 10, messages: 1 });
});

Deno.test("the smallest credit of any topic is the limit, never above our own, never below the least", () => {
  const budget = new Budget();
  const [first, second] = [budget.open(), budget.open()];
  assert.deepEqual(budget.limit, MOST_IN_FLIGHT);
  first.credit = { bytes: 8 * MIB, messages: 5000 };
  second.credit = { bytes: 16 * MIB, messages: 512 };
  assert.deepEqual(budget.limit, { bytes: 8 * MIB, messages: 512 });
  second.credit = { bytes: 0, messages: 0 };
  assert.deepEqual(budget.limit, LEAST_CREDIT);
  first.credit = second.credit = ANY_CREDIT;
  assert.deepEqual(budget.limit, MOST_IN_FLIGHT);
  for (let i = 0; i < 600; i++) first.send(1, true);
  assert.equal(budget.full, false);
  first.credit = { bytes: 8 * MIB, messages: 512 };
  assert.equal(budget.full, true, "less than what is under way");
});

Deno.test("each topic asks for acknowledgements as soon as a quarter of the limit was sent over all topics", () => {
  const budget = new Budget({ bytes: 100_000, messages: 40 });
  const topics = [budget.open(), budget.open()];
  const asked = Array.from({ length: 40 }, (_, i) => topics[i % 2]!.send(1, true));
  assert.deepEqual(
    asked.flatMap((asks, i) => asks ? [i] : []),
    [9, 10, 19, 20, 29, 30, 39],
  );
  assert.equal(topics[0]!.send(25_000, true), true, "bytes, too");
});

Deno.test("a topic holds up only if it has its part in what is under way", () => {
  const budget = new Budget({ bytes: 100_000, messages: 100 });
  const [idle, busy] = [budget.open(), budget.open()];
  idle.send(10, true);
  for (let i = 0; i < 98; i++) busy.send(10, true);
  assert.equal(busy.holdsUp, false, "not full");
  busy.send(10, true);
  assert.deepEqual([idle.holdsUp, busy.holdsUp], [false, true]);
});

Deno.test("over many topics no more is under way than one peer's queue holds, and acknowledgements are asked for", () => {
  const budget = new Budget();
  let sent = 0;
  let asked = 0;
  const streams = Array.from({ length: 16 }, (_, i) =>
    new PublishedStream({
      topic: `t${i}`,
      publisher: "p",
      incarnation: 1,
      offered: 0,
      flow: "wait",
      maxInFlight: 100_000,
      slowMs: 5000,
      budget,
      send: (bytes) => {
        const batch = decodeBatch(bytes, keyLength(bytes), { topic: `t${i}`, publisher: "p" });
        if (!("count" in batch) || batch.count === 0) return;
        sent++;
        if (batch.flags & Flag.ACKNOWLEDGE) asked++;
      },
    }));
  const join = { request: 1, from: 0, to: 0, depth: 0, reliable: true };
  for (const stream of streams) stream.request("s", join, true, 0);
  for (let i = 0; i < 100_000; i++) {
    const stream = streams[i % 16]!;
    if (stream.full) continue;
    stream.add(0, "x", 0);
    stream.flush(0);
  }
  assert.equal(sent, 2048);
  assert.ok(asked >= 3 * 16 && asked <= 5 * 16, `asked ${asked} times`);
  for (const stream of streams) stream.acknowledge("s", stream.last, 0);
  assert.deepEqual(budget.used, { bytes: 0, messages: 0 });
  for (const stream of streams) assert.equal(stream.full, false);
  // One who leaves takes its credit with it, and so does one who is not waited for any more.
  streams[0]!.setCredit("s", { bytes: MIB, messages: 20 });
  assert.equal(budget.limit.messages, 20);
  streams[0]!.leave("s");
  assert.deepEqual(budget.limit, MOST_IN_FLIGHT);
});
