import assert from "node:assert/strict";
import { Stream } from "../../../lib/stream/stream.ts";
import type { Fence, StreamOutput, WantedReplay } from "../../../lib/stream/stream_surroundings.ts";
import { Flag } from "../../../lib/wire/batch.ts";
import { end, INCARNATION, mark, NAME, samples } from "./stream_fixture.ts";

/** A stream with what it did: "1-3", "h1-3" (history), "lost 4-5", "ask 1: 0.. 5 back", "ask 2: 4..6". */
function recording(options: { requested?: number; reliable?: boolean; fence?: Fence } = {}) {
  const log: string[] = [];
  const requests: WantedReplay[] = [];
  const output: StreamOutput = {
    deliver: (batch) =>
      log.push(`${batch.historical ? "h" : ""}${batch.firstSequence}-${batch.nextSequence - 1}`),
    request: (wanted) => {
      requests.push({ ...wanted });
      const { request, from, to, depth } = wanted;
      log.push(`ask ${request}: ${from}..${to || ""}${from === 0 ? ` ${depth} back` : ""}`);
    },
    lost: (from, to) => log.push(`lost ${from}-${to}`),
    fenced: (from, to) => log.push(`fenced ${from}-${to}`),
  };
  const stream = new Stream(NAME, INCARNATION, {
    requested: options.requested ?? 5,
    reliable: options.reliable ?? true,
    fence: options.fence ?? { highest: 0n },
  }, output);
  /** What was logged since the last call. */
  const seen = () => log.splice(0);
  return { stream, seen, requests };
}

/** One that has joined without history; the next number is `next`. */
function joined(next: number, options: Parameters<typeof recording>[0] = {}) {
  const one = recording(options);
  one.stream.connected(0);
  one.stream.receive(end(1, next, next), 0);
  one.seen();
  return one;
}

Deno.test("joining: history first, then the live samples that came meanwhile, each once", () => {
  const { stream, seen } = recording();
  stream.connected(0);
  assert.deepEqual(seen(), ["ask 1: 0.. 5 back"]);
  stream.receive(samples(9, 10), 1);
  stream.receive(samples(11, 12), 2);
  stream.receive(samples(6, 10, { request: 1, flags: Flag.HISTORICAL }), 3);
  assert.deepEqual(seen(), []);
  assert.equal(stream.complete, false);
  stream.receive(end(1, 6, 11, 100), 4);
  assert.deepEqual(seen(), ["h6-10", "11-12"]);
  assert.equal(stream.complete, true);
  assert.equal(stream.wakeAt, Infinity);
  assert.equal(stream.acknowledgeEvery, 100);
  assert.deepEqual(stream.counters, {
    delivered: 7,
    historical: 5,
    recovered: 0,
    lost: 0,
    repeated: 2,
    fenced: 0,
    refused: 0,
  });
});

Deno.test("what came live before the join and is not asked for as history is dropped, and not called repeated", () => {
  const { stream, seen } = recording({ requested: 1 });
  stream.connected(0);
  stream.receive(samples(7, 8), 1);
  stream.receive(samples(9, 9), 1);
  stream.receive(samples(9, 9, { request: 1, flags: Flag.HISTORICAL }), 2);
  stream.receive(end(1, 9, 10), 2);
  seen();
  assert.equal(stream.counters.delivered, 1);
  assert.equal(stream.counters.repeated, 1, "number 9, which came twice");
});

Deno.test("a sample is history by its number, even if it came live or in one message with later ones", () => {
  const { stream, seen } = recording();
  stream.connected(0);
  stream.receive(samples(10, 10), 1);
  stream.receive(samples(6, 12, { request: 1 }), 1);
  stream.receive(end(1, 6, 11), 2);
  assert.deepEqual(seen().slice(1), ["h6-10", "11-12"]);
  assert.equal(stream.counters.historical, 5);
});

Deno.test("what is kept no more of the history when an answer comes at last is lost, but with owners it was not to be had", () => {
  const { stream, seen } = recording();
  stream.connected(0);
  stream.receive(samples(11, 12), 1);
  stream.receive(samples(9, 10, { request: 1 }), 2);
  stream.receive(end(1, 9, 11), 2);
  assert.deepEqual(seen().slice(1), ["lost 6-8", "h9-10", "11-12"]);

  const owned = recording();
  owned.stream.connected(0);
  owned.stream.receive(samples(11, 12, { epoch: 7n }), 1);
  owned.stream.receive(end(1, 11, 11, 0, 7n), 2);
  assert.deepEqual(owned.seen().slice(1), ["11-12"]);
});

Deno.test("a join is asked for again with growing pauses, naming the first live sample that is here", () => {
  const { stream, seen, requests } = recording();
  stream.connected(0);
  for (let now = 0; now <= 10_000; now++) {
    if (now === 120) stream.receive(samples(42, 42), now);
    stream.tick(now);
  }
  assert.deepEqual(requests.map(({ to }) => to).slice(0, 4), [0, 0, 42, 42]);
  assert.ok(requests.length <= 16, `${requests.length} requests in 10 s`);
  assert.ok(requests.every(({ from, depth }) => from === 0 && depth === 5));
  seen();
  // Any of the answers will do.
  stream.receive(end(2, 37, 42), 10_000);
  assert.deepEqual(seen(), ["ask " + (requests.length) + ": 37..41"]);
});

Deno.test("an answer on its way is not asked for again, however long it takes", () => {
  const { stream, requests } = recording();
  stream.connected(0);
  for (let n = 1; n <= 200; n++) {
    stream.tick(n * 40);
    stream.receive(samples(n, n, { request: 1, flags: Flag.HISTORICAL }), n * 40);
  }
  assert.equal(requests.length, 1);
  // It broke off.
  stream.tick(200 * 40 + 50);
  assert.equal(requests.length, 2);
});

Deno.test("a hole is asked for at once and once; what waits behind it follows", () => {
  const { stream, seen } = joined(1);
  stream.receive(samples(1, 2), 0);
  stream.receive(samples(5, 6), 0);
  stream.receive(samples(9, 9), 0);
  assert.deepEqual(seen(), ["1-2", "ask 2: 3..4"]);
  stream.receive(samples(3, 4, { request: 2 }), 1);
  assert.deepEqual(seen(), ["3-4", "5-6"]);
  stream.receive(end(2, 3, 10), 1);
  assert.deepEqual(seen(), ["ask 3: 7..8"]);
  stream.receive(samples(7, 8, { request: 3 }), 2);
  stream.receive(end(3, 7, 10), 2);
  assert.deepEqual(seen(), ["7-8", "9-9"]);
  assert.equal(stream.counters.recovered, 4);
  assert.ok(stream.complete);
});

Deno.test("a mark shows a hole at the end", () => {
  const { stream, seen } = joined(1);
  stream.receive(mark(1), 0);
  assert.deepEqual(seen(), []);
  stream.receive(mark(4), 0);
  assert.deepEqual(seen(), ["ask 2: 1..3"]);
});

Deno.test("what the publisher no longer has is lost, but not what waits here", () => {
  const { stream, seen } = joined(1);
  stream.receive(samples(4, 4), 0);
  stream.receive(samples(8, 8), 0);
  seen();
  stream.receive(samples(7, 8, { request: 2 }), 1);
  stream.receive(end(2, 7, 9), 1);
  assert.deepEqual(seen(), ["lost 1-3", "4-4", "lost 5-6", "7-8"]);
  assert.equal(stream.counters.lost, 5);
  assert.ok(stream.complete);
});

Deno.test("answers to what is no longer asked, of another life, or never asked, are not taken for one", () => {
  const { stream, seen } = joined(1);
  stream.receive(samples(3, 3), 0);
  seen();
  stream.receive(end(1, 3, 4), 0);
  stream.receive(end(99, 3, 4), 0);
  stream.receive(samples(1, 1, { incarnation: INCARNATION + 1 }), 0);
  assert.deepEqual(seen(), []);
  assert.equal(stream.next, 1);
  stream.receive(samples(1, 2), 0);
  assert.deepEqual(seen(), ["1-2", "3-3"]);
});

Deno.test("a hole that filled by itself is not asked for again", () => {
  const { stream, seen, requests } = joined(1);
  stream.receive(samples(2, 2), 0);
  stream.receive(samples(1, 1), 10);
  stream.receive(samples(4, 4), 20);
  stream.tick(60);
  assert.deepEqual(seen(), ["ask 2: 1..1", "1-1", "2-2", "ask 3: 3..3"]);
  stream.receive(samples(3, 3), 70);
  for (let now = 70; now < 5000; now += 10) stream.tick(now);
  assert.equal(requests.length, 3);
  assert.ok(stream.complete);
});

Deno.test("an answer that brings nothing is not asked for at once, or publisher and subscriber would play ball", () => {
  const { stream, requests } = joined(1);
  // A sample that the publisher never sent, or an answer of which only the end comes through.
  stream.receive(samples(1000, 1000), 0);
  let answered = 1;
  for (let now = 0; now < 30_000; now++) {
    stream.tick(now);
    for (; answered < requests.length; answered++) {
      stream.receive(end(requests[answered]!.request, 1, 1), now);
    }
  }
  assert.ok(requests.length < 40, `${requests.length} requests in 30 s`);
  // As soon as something comes of it, it goes fast again.
  stream.receive(samples(1, 998, { request: requests.at(-1)!.request }), 30_000);
  stream.receive(samples(999, 999), 30_000);
  assert.equal(stream.next, 1001);
});

Deno.test("what of an answer got lost on the way is asked for again, also when nothing waits behind it", () => {
  const { stream, seen } = joined(1);
  stream.receive(mark(9), 0);
  stream.receive(samples(1, 3, { request: 2 }), 1);
  stream.receive(end(2, 1, 9), 1);
  assert.deepEqual(seen(), ["ask 2: 1..8", "1-3", "ask 3: 4..8"]);
  stream.receive(samples(4, 5, { request: 3 }), 2);
  stream.tick(60);
  assert.deepEqual(seen(), ["4-5", "ask 4: 6..8"], "only what is still missing");
  stream.connected(70);
  stream.receive(samples(6, 6, { request: 5 }), 71);
  stream.receive(end(5, 6, 9), 71);
  assert.deepEqual(seen(), ["ask 5: 6..", "6-6", "ask 6: 7..8"]);
});

Deno.test("coming back asks for everything from the next number on", () => {
  const { stream, seen } = joined(4);
  stream.receive(samples(4, 4), 0);
  stream.connected(10);
  assert.deepEqual(seen(), ["4-4", "ask 2: 5.."]);
  stream.receive(samples(7, 7), 11);
  stream.receive(samples(5, 6, { request: 2 }), 12);
  stream.receive(end(2, 5, 7), 12);
  assert.deepEqual(seen(), ["5-6", "7-7"]);
});

Deno.test("a publisher that does not answer is asked once a second at most", () => {
  const { stream, requests } = joined(1);
  stream.receive(samples(5, 5), 0);
  for (let now = 0; now < 60_000; now++) stream.tick(now);
  assert.ok(requests.length < 70, `${requests.length} requests in 60 s`);
  for (let i = 2; i < requests.length; i++) assert.equal(requests[i]!.request, requests[i - 1]!.request + 1);
});

Deno.test("best effort: holes are lost at once, nothing is asked for but to be known", () => {
  const { stream, seen } = joined(1, { reliable: false });
  stream.receive(samples(3, 4), 0);
  stream.receive(mark(8), 0);
  stream.receive(samples(2, 6), 0);
  stream.receive(samples(8, 8), 0);
  assert.deepEqual(seen(), ["lost 1-2", "3-4", "lost 5-7", "8-8"]);
  assert.equal(stream.counters.repeated, 5);
  stream.connected(0);
  assert.deepEqual(seen(), ["ask 2: 9..9"]);
  stream.receive(end(2, 9, 9), 0);
  assert.ok(stream.complete);
});

/** Two publishers of a topic: the first has delivered 1-2 in epoch 5, then the second was heard in epoch 6. */
function succeeded() {
  const fence = { highest: 0n };
  const one = joined(1, { fence });
  const other = joined(1, { fence });
  one.stream.receive(samples(1, 2, { epoch: 5n }), 0);
  other.stream.receive(samples(1, 1, { epoch: 6n }), 0);
  assert.deepEqual([one.seen(), other.seen()], [["1-2"], ["1-1"]]);
  return { fence, one, other };
}

Deno.test("fencing: what a former owner sends is not delivered, not passed over, and counted; nothing is asked for", () => {
  const { one } = succeeded();
  one.stream.receive(samples(3, 5, { epoch: 5n }), 0);
  one.stream.receive(samples(8, 9, { epoch: 5n }), 0);
  one.stream.receive(mark(12, { epoch: 5n }), 0);
  assert.deepEqual(one.seen(), []);
  assert.equal(one.stream.counters.fenced, 9);
  assert.equal(one.stream.next, 3, "where it may be asked for");
  one.stream.connected(0);
  one.stream.receive(end(2, 3, 12), 0);
  one.stream.tick(10_000);
  assert.deepEqual(one.seen(), ["ask 2: 3.."]);
});

Deno.test("fencing: a former owner that owns again is asked for what was fenced, and answers as the owner it is now", () => {
  const { one, other } = succeeded();
  one.stream.receive(samples(3, 5, { epoch: 5n }), 0);
  one.stream.receive(samples(6, 6, { epoch: 7n }), 0);
  assert.deepEqual(one.seen(), ["ask 2: 3..5"]);
  one.stream.receive(samples(3, 5, { epoch: 7n, request: 2 }), 0);
  other.stream.receive(samples(2, 2, { epoch: 6n }), 0);
  assert.deepEqual(one.seen(), ["3-5", "6-6"]);
  assert.deepEqual([one.stream.counters.fenced, other.stream.counters.fenced], [0, 1]);
});

Deno.test("fencing: what its window no longer holds by then is dropped for good, and said", () => {
  const { one } = succeeded();
  one.stream.receive(samples(3, 5, { epoch: 5n }), 0);
  one.stream.receive(samples(8, 8, { epoch: 7n }), 0);
  one.stream.receive(end(2, 8, 9, 0, 7n), 0);
  assert.deepEqual(one.seen(), ["ask 2: 3..7", "fenced 3-5", "lost 6-7", "8-8"]);
  assert.deepEqual([one.stream.counters.fenced, one.stream.counters.lost], [3, 2]);
});

Deno.test("fencing: samples that wait behind a hole when a later owner is heard are fenced, and the hole with them", () => {
  const { fence, one } = succeeded();
  fence.highest = 5n;
  one.stream.receive(samples(5, 6, { epoch: 5n }), 0);
  fence.highest = 6n;
  one.stream.receive(end(2, 3, 7), 0);
  assert.deepEqual(one.seen(), ["ask 2: 3..4"]);
  assert.equal(one.stream.counters.fenced, 4);
  assert.ok(one.stream.complete);
});

Deno.test("at the end: what is known to be missing is lost, what was fenced is so for good", () => {
  const { one } = succeeded();
  one.stream.receive(samples(3, 5, { epoch: 5n }), 0);
  one.stream.abandon(9);
  assert.deepEqual(one.seen(), ["fenced 3-5", "lost 6-9"]);
  assert.deepEqual([one.stream.counters.fenced, one.stream.counters.lost], [3, 4]);
  const { one: other } = succeeded();
  other.stream.finish(4);
  assert.deepEqual(other.seen(), ["lost 3-4"]);
});

Deno.test("a stream that is resumed goes on where it stopped, with what was fenced", () => {
  const fence = { highest: 6n };
  const { stream, seen } = recording({ fence });
  stream.resume({ next: 3, fencedUpTo: 5, givenUp: 2 });
  assert.equal(stream.counters.fenced, 3);
  stream.connected(0);
  stream.receive(samples(3, 7, { epoch: 7n, request: 1 }), 0);
  assert.deepEqual(seen(), ["ask 1: 3..", "3-7"]);
  assert.equal(stream.counters.fenced, 0);
  assert.equal(stream.givenUp, 2, "what had been given up before");
  stream.abandon(9);
  assert.equal(stream.givenUp, 4);
});

Deno.test("a publisher that is gone: what is here is delivered, the holes are lost, and it may come back", () => {
  const { stream, seen } = joined(1);
  stream.receive(samples(3, 3), 0);
  stream.receive(samples(6, 7), 0);
  seen();
  stream.finish();
  stream.finish();
  assert.deepEqual(seen(), ["lost 1-2", "3-3", "lost 4-5", "6-7"]);
  assert.equal(stream.wakeAt, Infinity);
  assert.equal(stream.pendingBytes, 0);
  stream.receive(samples(8, 8), 0);
  assert.deepEqual(seen(), ["8-8"]);
});

Deno.test("who had not joined when the publisher went gets what came, or goes on asking when nothing did", () => {
  const { stream, seen } = recording();
  stream.connected(0);
  stream.receive(samples(4, 5, { request: 1, flags: Flag.HISTORICAL }), 0);
  stream.receive(samples(6, 6), 0);
  seen();
  stream.finish();
  assert.deepEqual(seen(), ["lost 1-3", "h4-5", "6-6"], "the answer broke off");

  const unanswered = recording();
  unanswered.stream.connected(0);
  unanswered.stream.receive(samples(8, 9), 0);
  unanswered.seen();
  unanswered.stream.finish();
  assert.deepEqual(unanswered.seen(), ["lost 3-7", "8-9"], "5 back, nobody has them any more");

  const nothing = recording();
  nothing.stream.connected(0);
  nothing.stream.finish();
  nothing.stream.tick(60);
  assert.deepEqual(nothing.seen(), ["ask 1: 0.. 5 back", "ask 2: 0.. 5 back"]);
});

Deno.test("a request for acknowledgement is remembered with the number it is about", () => {
  const { stream } = joined(1);
  stream.receive(mark(4, { flags: Flag.ACKNOWLEDGE }), 0);
  assert.equal(stream.acknowledgeAt, 3);
});

Deno.test("behind a hole that never closes memory is bounded, and what was not kept is asked for", () => {
  const { stream, seen, requests } = joined(1);
  const last = 80_000;
  for (let n = 2; n <= last; n++) stream.receive(samples(n, n), n / 1000);
  assert.ok(stream.pendingBytes < 34 * 1024 * 1024, `${stream.pendingBytes} bytes`);
  assert.equal(requests.length, 2);
  seen();
  stream.receive(samples(1, 1, { request: 2 }), 200);
  const until = stream.next;
  assert.ok(until > 10_000 && until < last);
  stream.receive(end(2, 1, last + 1), 200);
  stream.receive(mark(last + 1), 200);
  assert.equal(requests.length, 3);
  assert.equal(requests[2]!.from, until);
  assert.ok(requests[2]!.to > until + 10_000 && requests[2]!.to <= last, "as much as there is room for");
  assert.equal(stream.pendingBytes, 0);
  assert.equal(stream.counters.lost, 0);
});
