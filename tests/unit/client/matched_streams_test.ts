import assert from "node:assert/strict";
import type { Following } from "../../../lib/client/following.ts";
import { MatchedStreams } from "../../../lib/client/matched_streams.ts";
import { Room } from "../../../lib/stream/room.ts";
import type { StreamMatch, SubscriberInfo } from "../../../lib/wire/control.ts";
import { end, INCARNATION, NAME, samples } from "../stream/stream_fixture.ts";
import { asLink, FakeLink } from "./fake_link.ts";

function match(options: Partial<StreamMatch> = {}): StreamMatch {
  const common = { ...NAME, incarnation: INCARNATION, ownership: "exclusive" as const };
  return { ...common, through: "publisher", endpoints: ["tcp://127.0.0.1:1"], ...options };
}

function matched(reliability: SubscriberInfo["reliability"] = "reliable", room = new Room()) {
  const told: string[] = [];
  const subscriber: SubscriberInfo = {
    ...{ id: "s", topics: ["A", "B"], address: "", ownership: "exclusive", incarnation: 1, requested: 0 },
    reliability,
  };
  const streams = new MatchedStreams(subscriber, 4000, room, {
    deliver: ({ match }, batch) => {
      told.push(`${match.publisher} ${batch.firstSequence}–${batch.nextSequence - 1}`);
      streams.fence(match.topic).owner = match.publisher;
    },
    missed: (type, { topic, publisher, incarnation }, from, to) => {
      const life = incarnation === INCARNATION ? "" : ` of life ${incarnation}`;
      told.push(`${type} ${publisher}/${topic}${life} ${from}–${to}`);
    },
    fenced: (topic) => told.push(`fence of ${topic}`),
    forgotten: ({ match }) => told.push(`forgotten ${match.publisher}`),
    warn: (text) => told.push(text),
  });
  const link = new FakeLink();
  /** Follow what is matched, over one link, from number 1 on. */
  const apply = (matches: StreamMatch[], now = 0) => {
    const changes = streams.apply(matches, now);
    for (const following of changes.matched) following.attach(asLink(link), now);
    return changes;
  };
  const of = (publisher: string) => [...streams].find((each) => each.match.publisher === publisher)!;
  return { streams, told, link, apply, of, seen: () => told.splice(0) };
}

/** The stream has joined at number 1: its publisher has answered. */
function join({ stream, match: { publisher, topic }, link }: Following): void {
  const request = (link as unknown as FakeLink).requests.get(`${publisher}/${topic}`)!;
  stream.receive(end(request, 1, 1), 0);
}

Deno.test("what is matched is followed once; what is not matched any more is gone, and back again as it was", () => {
  const { streams, apply, of } = matched();
  const first = apply([match()]);
  assert.deepEqual([first.matched.length, first.gone.length, streams.size], [1, 0, 1]);
  assert.deepEqual(apply([match()]), { matched: [], gone: [] });
  const one = of("p");
  assert.deepEqual(apply([], 10).gone, [one]);
  assert.equal(one.removedAt, 10);
  assert.deepEqual(apply([], 20).gone, []);
  assert.equal(streams.size, 1);
  assert.deepEqual(apply([match()], 30), { matched: [], gone: [] });
  assert.equal(one.removedAt, undefined);
});

Deno.test("a publisher that was started again is another stream; the one before is forgotten and stays counted", () => {
  const { streams, apply, of, seen } = matched();
  apply([match()]);
  join(of("p"));
  of("p").stream.receive(samples(1, 3), 0);
  seen();
  const { matched: fresh } = apply([match({ incarnation: 8 })]);
  assert.equal(fresh.length, 1);
  assert.equal(streams.size, 1);
  assert.deepEqual(seen(), ["forgotten p", "fence of A"]);
  assert.equal(streams.counts().delivered, 3);
});

Deno.test("what found no room is lost when its publisher was started again, and when its place is given up", () => {
  for (const incarnation of [INCARNATION, 8]) {
    const room = new Room(100);
    const { streams, apply, of, seen } = matched("reliable", room);
    apply([match()]);
    join(of("p"));
    room.queue(100);
    of("p").stream.receive(samples(1, 3), 0);
    streams.forget(of("p"));
    seen();
    apply([match({ incarnation })]);
    const isBack = incarnation === INCARNATION;
    assert.deepEqual(seen().filter((word) => word.startsWith("lost")), isBack ? [] : ["lost p/A 1–3"]);
    assert.equal(streams.counts().lost, isBack ? 0 : 3);
  }
});

Deno.test("a stream that was forgotten and comes back goes on where it was, and counts nothing twice", () => {
  const { streams, apply, of, link } = matched();
  apply([match()]);
  join(of("p"));
  of("p").stream.receive(samples(1, 3), 0);
  streams.forget(of("p"));
  assert.equal(streams.size, 0);
  assert.deepEqual([streams.counts().delivered, link.subscribed.size], [3, 0]);
  link.seen();
  apply([match()]);
  assert.deepEqual(link.seen().filter((word) => word.startsWith("request")), ["request 4..0"]);
  of("p").stream.receive(samples(2, 5), 1);
  assert.equal(streams.counts().delivered, 5);
  assert.equal(streams.counts().lost, 0);
});

Deno.test("all streams of a topic with an owner share one fence: what is below an epoch that was heard is not delivered", () => {
  const { streams, apply, of, seen } = matched();
  apply([match(), match({ publisher: "q" })]);
  for (const following of streams) join(following);
  seen();
  of("p").stream.receive(samples(1, 2, { epoch: 5n }), 0);
  of("q").stream.receive(samples(1, 2, { epoch: 4n }), 0);
  assert.equal(streams.fence("A").highest, 5n);
  assert.deepEqual(seen().filter((word) => !word.startsWith("fence of")), ["p 1–2"]);
  assert.equal(streams.counts().fenced, 2);
  // It owns the topic again: what was fenced may still come.
  of("q").stream.receive(samples(1, 3, { epoch: 6n }), 0);
  assert.deepEqual(seen(), ["q 1–3"]);
  assert.equal(streams.fence("A").owner, "q");
});

Deno.test("a message is found by its key, whichever stream the one before was of", () => {
  const { streams, apply, of } = matched();
  apply([match(), match({ publisher: "q" }), match({ topic: "B" })]);
  for (let times = 0; times < 2; times++) {
    for (const following of streams) {
      assert.equal(streams.find(following.liveKey), following);
      assert.equal(streams.find(following.replayKey), following);
    }
  }
  const gone = of("q");
  assert.equal(streams.find(gone.liveKey), gone);
  streams.forget(gone);
  assert.equal(streams.find(gone.liveKey), undefined);
  assert.equal(streams.find(new Uint8Array(3)), undefined);
  assert.deepEqual(streams.of("B").map(({ match }) => match.topic), ["B"]);
});

Deno.test("credit is shared among the publishers, however many topics each has, and told when it changes", () => {
  const { streams, apply, link, of } = matched();
  apply([match(), match({ topic: "B" })]);
  for (const following of streams) join(following);
  streams.divideCredit();
  const whole = streams.credit.share.bytes;
  link.seen();
  streams.divideCredit();
  assert.deepEqual(link.seen(), []);
  apply([match(), match({ topic: "B" }), match({ publisher: "q" })]);
  join(of("q"));
  link.seen();
  streams.divideCredit();
  assert.equal(streams.credit.share.bytes, whole / 2);
  assert.equal(link.seen().length, 3);
});

Deno.test("at the end, what a publisher that is gone has said that it published, and did not come, is lost", () => {
  const { streams, apply, of, seen } = matched();
  apply([match()]);
  join(of("p"));
  of("p").stream.receive(samples(1, 2), 0);
  seen();
  of("p").end = 5;
  streams.abandon();
  assert.deepEqual(seen(), ["lost p/A 3–5"]);
  assert.deepEqual([streams.counts().delivered, streams.counts().lost], [2, 3]);
});
