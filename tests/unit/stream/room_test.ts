import assert from "node:assert/strict";
import { Room } from "../../../lib/stream/room.ts";
import { Stream } from "../../../lib/stream/stream.ts";
import type { WantedReplay } from "../../../lib/stream/stream_surroundings.ts";
import type { SampleBatch } from "../../../lib/wire/batch.ts";
import { end, INCARNATION, mark, NAME, samples } from "./stream_fixture.ts";

/** Room for this many samples of 1 kB, about. */
const ROOM = 20 * 1600;

/** A stream that has joined at number 1, its user's queue and its requests. */
function joined(room: Room, reliable = true) {
  const queue: SampleBatch[] = [];
  const requests: WantedReplay[] = [];
  const lost: string[] = [];
  const stream = new Stream(NAME, INCARNATION, { requested: 0, reliable, fence: { highest: 0n }, room }, {
    deliver: (batch) => {
      room.queue(batch.bytes.length + 512);
      queue.push(batch);
    },
    request: (wanted) => requests.push({ ...wanted }),
    lost: (from, to) => lost.push(`${from}-${to}`),
    fenced: () => {},
  });
  stream.connected(0);
  stream.receive(end(1, 1, 1), 0);
  requests.length = 0;
  const take = (now: number) => {
    const batch = queue.shift()!;
    room.queue(-(batch.bytes.length + 512));
    if (room.wanted && room.mayAsk) {
      room.wanted = false;
      stream.roomAgain(now);
    }
    return batch;
  };
  const live = (from: number, to: number) => {
    for (let n = from; n <= to; n++) stream.receive(samples(n, n, { size: 1000 }), n);
  };
  return { stream, queue, requests, lost, take, live };
}

Deno.test("what finds no room is not kept, and not asked for until there is room: then as much as fits", () => {
  const room = new Room(ROOM);
  const { stream, queue, requests, lost, take, live } = joined(room);
  live(1, 100);
  for (let second = 1; second < 300; second++) {
    stream.tick(second * 1000);
    stream.receive(mark(101), second * 1000);
  }
  assert.equal(requests.length, 0, "five minutes without room: nobody is asked");
  const kept = queue.length;
  assert.ok(kept >= 15 && kept <= 20, `${kept} kept`);
  assert.ok(room.used <= ROOM);
  assert.equal(stream.counters.refused, 100 - kept);
  assert.equal(stream.counters.lost, 0);
  assert.equal(room.short, 1);
  while (requests.length === 0) take(300_000);
  const [asked] = requests;
  assert.equal(asked!.from, kept + 1);
  assert.ok(asked!.to > kept + 5 && asked!.to < 100, `asked up to ${asked!.to}`);
  // The answer fits, and the next piece is asked for as soon as the user has taken enough.
  for (let n = asked!.from; n <= asked!.to; n++) {
    stream.receive(samples(n, n, { size: 1000, request: asked!.request }), 300_001);
  }
  assert.equal(stream.next, asked!.to + 1);
  stream.receive(end(asked!.request, asked!.from, 101), 300_002);
  while (requests.length === 1) take(300_003);
  assert.equal(requests[1]!.from, asked!.to + 1);
  // The publisher has only the last ones by now.
  stream.receive(samples(96, 100, { size: 1000, request: requests[1]!.request }), 300_004);
  stream.receive(end(requests[1]!.request, 96, 101), 300_004);
  assert.deepEqual(lost, [`${asked!.to + 1}-95`]);
  assert.equal(room.short, 0);
  assert.ok(stream.complete);
});

Deno.test("one message always has room when the user has nothing to take", () => {
  const room = new Room(ROOM);
  const { stream, queue, take, requests } = joined(room);
  stream.receive(samples(1, 1, { size: 100_000 }), 0);
  stream.receive(samples(2, 2, { size: 100_000 }), 0);
  assert.equal(queue.length, 1);
  take(1);
  assert.deepEqual(requests.map(({ from, to }) => [from, to]), [[2, 2]]);
  stream.receive(samples(2, 2, { size: 100_000, request: requests[0]!.request }), 2);
  assert.equal(queue.length, 1);
});

Deno.test("what waits behind holes of one stream takes no room from what the user of another waits for", () => {
  const room = new Room(ROOM);
  const [first, second] = [joined(room), joined(room)];
  first.live(2, 100);
  assert.ok(room.used > ROOM / 2);
  for (let n = 1; n <= 50; n++) {
    second.live(n, n);
    assert.equal(second.queue.length, 1, `${n}`);
    second.take(n);
  }
  assert.equal(second.stream.counters.refused, 0);
});

Deno.test("best effort: what finds no room is lost at once", () => {
  const room = new Room(ROOM);
  const { stream, queue, lost, live } = joined(room, false);
  live(1, 30);
  assert.equal(queue.length + stream.counters.lost, 30);
  assert.ok(lost.length > 0);
  assert.equal(room.short, 0);
});

Deno.test("several streams that were refused share the room that there is", () => {
  const room = new Room(ROOM);
  const streams = [joined(room), joined(room), joined(room), joined(room)];
  for (const { live } of streams) live(1, 100);
  assert.equal(room.short, 4);
  for (const { queue, take } of streams) while (queue.length > 0) take(1000);
  for (const { stream } of streams) stream.roomAgain(1000);
  const wanted = streams.flatMap(({ requests }) => requests.slice(-1)).map(({ from, to }) => to + 1 - from);
  assert.equal(wanted.length, 4);
  assert.ok(wanted.reduce((sum, n) => sum + n) * 1500 <= ROOM * 1.5, `${wanted}`);
});

Deno.test("a stream that is given up takes no part in the room any more", () => {
  const room = new Room(ROOM);
  const [first, second] = [joined(room), joined(room)];
  first.live(1, 100);
  second.live(1, 100);
  first.stream.finish();
  assert.equal(room.short, 1);
  second.stream.finish(100);
  assert.equal(room.short, 0);
  assert.equal(second.stream.counters.lost + second.stream.counters.delivered, 100);
});
