import assert from "node:assert/strict";
import { FencingWatch } from "../../../lib/stream/fencing_watch.ts";
import { Following } from "../../../lib/client/following.ts";
import { Stream } from "../../../lib/stream/stream.ts";
import { Flag, type SampleBatch } from "../../../lib/wire/batch.ts";
import type { StreamMatch } from "../../../lib/wire/control.ts";
import { liveKey, replayKey } from "../../../lib/wire/key.ts";
import { asLink, FakeLink } from "./fake_link.ts";
import { end, INCARNATION, mark, NAME, samples } from "../stream/stream_fixture.ts";

function following(options: { reliable?: boolean } = {}) {
  const reliable = options.reliable ?? true;
  const match: StreamMatch = {
    ...NAME,
    incarnation: INCARNATION,
    ownership: "shared",
    through: "broker",
    endpoints: [],
  };
  const queue: { batch: SampleBatch; givenUp: number }[] = [];
  const one: Following = new Following(
    match,
    "s",
    new Stream(NAME, INCARNATION, { requested: 0, reliable, fence: { highest: 0n } }, {
      deliver: (batch) => {
        one.waiting++;
        queue.push({ batch, givenUp: one.stream.givenUp });
      },
      request: (wanted) => one.request(wanted, reliable),
      lost: () => {},
      fenced: () => {},
    }),
    new FencingWatch(5000),
  );
  const take = () => {
    one.waiting--;
    const { batch, givenUp } = queue.shift()!;
    return one.taken(batch, givenUp);
  };
  return { one, take };
}

Deno.test("a stream is subscribed on one link at a time, and asks there when it stands", () => {
  const { one } = following();
  const [first, second] = [new FakeLink(), new FakeLink()];
  second.up = false;
  one.attach(asLink(first), 0);
  const keys = [liveKey("A", "p").toHex(), replayKey("A", "p", "s").toHex()].sort();
  assert.deepEqual([...first.subscribed].sort(), keys);
  assert.deepEqual(first.seen(), ["request 0..0"]);
  one.attach(asLink(first), 0);
  assert.deepEqual(first.seen(), []);
  one.attach(asLink(second), 0);
  assert.deepEqual([...first.subscribed], []);
  assert.deepEqual([...second.subscribed].sort(), keys);
  assert.deepEqual(second.seen(), [], "it does not stand yet");
  second.up = true;
  one.detach();
  assert.deepEqual([...second.subscribed], []);
  assert.deepEqual(
    second.seen(),
    [],
    "no farewell: the publisher is to know that we have not got everything",
  );
});

Deno.test("acknowledged is what the user has taken, not what has come", () => {
  const { one, take } = following();
  const link = new FakeLink();
  one.attach(asLink(link), 0);
  one.stream.receive(end(1, 1, 1, 4), 0);
  one.stream.receive(samples(1, 3), 0);
  one.stream.receive(samples(4, 6), 0);
  link.seen();
  assert.equal(one.delivered, 0);
  assert.equal(take(), "later");
  assert.equal(one.delivered, 3);
  one.acknowledge();
  one.acknowledge();
  assert.deepEqual(link.seen(), ["acknowledge 3"], "once");
  one.stream.receive(samples(7, 9), 0);
  assert.equal(take(), "later");
  assert.equal(take(), "now", "six since the last time, every four are wanted");
  assert.deepEqual(link.seen(), ["acknowledge 9"]);
});

Deno.test("what is lost is done with", () => {
  const { one, take } = following();
  const link = new FakeLink();
  one.attach(asLink(link), 0);
  one.stream.receive(end(1, 1, 1, 100), 0);
  one.stream.receive(samples(1, 1), 0);
  one.stream.receive(samples(5, 5), 0);
  take();
  assert.equal(one.delivered, 1);
  one.stream.receive(end(2, 6, 6, 100), 0);
  assert.equal(take(), "later");
  assert.equal(one.delivered, 5);
});

Deno.test("what was told is never taken back", () => {
  const { one } = following();
  const link = new FakeLink();
  one.attach(asLink(link), 0);
  // Joined at number 8 with nothing delivered: everything before is done with.
  one.stream.receive(end(1, 8, 8, 100), 0);
  one.repeatAcknowledgement();
  one.stream.receive(samples(8, 9), 0);
  one.repeatAcknowledgement();
  assert.deepEqual(link.seen().slice(1), ["acknowledge 7", "acknowledge 7"]);
});

Deno.test("coming back repeats the acknowledgement, which may have got lost with the connection", () => {
  const { one, take } = following();
  const [first, second] = [new FakeLink(), new FakeLink()];
  one.attach(asLink(first), 0);
  one.stream.receive(end(1, 1, 1, 100), 0);
  one.stream.receive(samples(1, 2), 0);
  one.stream.receive(samples(3, 4), 0);
  take();
  one.acknowledge();
  one.attach(asLink(second), 0);
  assert.deepEqual(second.seen(), ["acknowledge 2", "request 5..0"]);
});

Deno.test("an acknowledgement that the publisher asks for is given also when it asks for none as a rule", () => {
  const { one, take } = following();
  const link = new FakeLink();
  one.attach(asLink(link), 0);
  one.stream.receive(end(1, 1, 1, 0), 0);
  one.stream.receive(samples(1, 2), 0);
  one.stream.receive(samples(3, 3), 0);
  link.seen();
  one.stream.receive(mark(4, { flags: Flag.ACKNOWLEDGE }), 0);
  assert.equal(take(), "later");
  one.acknowledge();
  assert.equal(take(), "later", "the number it was about has not been reached before");
  one.acknowledge();
  one.acknowledge();
  assert.deepEqual(link.seen(), ["acknowledge 2", "acknowledge 3"]);
  one.stream.receive(samples(4, 4), 0);
  assert.equal(take(), "no");
});

Deno.test("case 33: an acknowledgement says how many of its numbers were given up, and not of later ones", () => {
  const { one, take } = following();
  const link = new FakeLink();
  one.stream.resume({ next: 11, fencedUpTo: 0, givenUp: 5 });
  one.attach(asLink(link), 0);
  one.stream.receive(end(1, 11, 11, 1), 0);
  one.stream.receive(samples(11, 12), 0);
  one.stream.receive(samples(31, 32), 0);
  // 13 to 30 are not kept any more.
  one.stream.receive(end(2, 31, 33, 1), 0);
  link.seen();
  take();
  take();
  assert.deepEqual(link.seen(), ["acknowledge 12, 5 given up", "acknowledge 32, 23 given up"]);
});

Deno.test("a fault of ours would be counted: a number handed out twice, or below a later one", () => {
  const { one } = following();
  one.waiting = 3;
  one.taken(samples(1, 4), 0);
  one.taken(samples(3, 6), 0);
  one.taken(samples(2, 2), 0);
  assert.equal(one.duplicates, 3);
  assert.equal(one.reordered, 1);
  assert.equal(one.handedOut, 6);
});

Deno.test("leaving says so, and nothing after it: that would be taken for a return", () => {
  const { one, take } = following();
  const link = new FakeLink();
  one.attach(asLink(link), 0);
  one.stream.receive(end(1, 1, 1, 1), 0);
  one.stream.receive(samples(1, 2), 0);
  one.bye();
  assert.deepEqual(link.seen(), ["request 0..0", "bye"]);
  take();
  one.repeatAcknowledgement();
  one.stream.connected(0);
  assert.deepEqual(link.seen(), []);
  const other = new FakeLink();
  one.attach(asLink(other), 0);
  assert.deepEqual(other.seen(), ["acknowledge 2", "request 3..0"], "but it may return");
});

Deno.test("who has not joined, or is not waited for, acknowledges nothing", () => {
  const { one } = following();
  const link = new FakeLink();
  one.attach(asLink(link), 0);
  one.repeatAcknowledgement();
  assert.deepEqual(link.seen(), ["request 0..0"]);
  const best = following({ reliable: false });
  best.one.attach(asLink(link), 0);
  best.one.stream.receive(end(1, 1, 1, 1), 0);
  best.one.stream.receive(samples(1, 2), 0);
  assert.equal(best.take(), "no");
  best.one.stream.receive(mark(3, { flags: Flag.ACKNOWLEDGE }), 0);
  best.one.repeatAcknowledgement();
  assert.deepEqual(link.seen(), ["request 0..0"]);
});

Deno.test("what was said of its end is not relied on any more when it is heard again", () => {
  const { one } = following();
  one.asking = Promise.resolve();
  one.asked = true;
  one.end = 7;
  one.heard(1234);
  assert.equal(one.heardAt, 1234);
  assert.deepEqual([one.asking, one.asked, one.end], [undefined, false, undefined]);
});
