import assert from "node:assert/strict";
import { PublishedStream, type PublishedStreamOptions } from "../../../lib/stream/published_stream.ts";
import { decodeBatch, endMarkOf, Flag, type SampleBatch } from "../../../lib/wire/batch.ts";
import { hasKey, keyLength, liveKey, replayKey } from "../../../lib/wire/key.ts";
import type { ReplayRequest } from "../../../lib/wire/upstream.ts";

const NAME = { topic: "A", publisher: "p" };

/** A published stream and what it has sent, decoded. */
function recording(options: Partial<PublishedStreamOptions> = {}) {
  const sent: { live: boolean; batch: SampleBatch; bytes: Uint8Array }[] = [];
  const stream = new PublishedStream({
    ...NAME,
    incarnation: 7,
    offered: 5,
    flow: "wait",
    maxInFlight: 10,
    slowMs: 5000,
    send: (bytes) => {
      const batch = decodeBatch(bytes, keyLength(bytes), NAME);
      if (!("count" in batch)) throw batch;
      sent.push({ live: hasKey(bytes, liveKey(NAME.topic, NAME.publisher)), batch, bytes });
    },
    ...options,
  });
  const publish = (count: number) => {
    for (let i = 0; i < count; i++) stream.add(0, String(stream.last + 1), 0);
    stream.flush(0);
  };
  /** What was sent since the last call: "live 1-3", "replay 1-3", "history 1-3", "mark 4", "mark! 4", "end 1 4". */
  const seen = () =>
    sent.splice(0).map(({ live, batch }) => {
      const range = `${batch.firstSequence}-${batch.nextSequence - 1}`;
      if (batch.flags & Flag.END) return `end ${endMarkOf(batch).start} ${batch.firstSequence}`;
      if (batch.count === 0) return `mark${batch.flags & Flag.ACKNOWLEDGE ? "!" : ""} ${batch.firstSequence}`;
      return `${live ? "live" : batch.historical ? "history" : "replay"} ${range}`;
    });
  return { stream, publish, seen, sent };
}

const join = (fields: Partial<ReplayRequest> = {}): ReplayRequest => ({
  request: 1,
  from: 0,
  to: 0,
  depth: 5,
  reliable: true,
  ...fields,
});

Deno.test("samples are numbered from 1 and packed until they are flushed or many", () => {
  const { stream, seen, sent } = recording();
  for (let i = 0; i < 3; i++) assert.equal(stream.add(0, "x", 0), 0);
  assert.equal(stream.dirty, true);
  assert.deepEqual(seen(), []);
  assert.ok(stream.flush(0) > 0);
  assert.equal(stream.dirty, false);
  assert.equal(stream.flush(0), 0);
  assert.ok(stream.add(0, new Uint8Array(70_000), 0) > 70_000, "sent at once");
  assert.deepEqual(sent.map(({ batch }) => [batch.firstSequence, batch.count]), [[1, 3], [4, 1]]);
  assert.equal(stream.last, 4);
});

Deno.test("a message carries one epoch: what was packed before goes out with its own", () => {
  const { stream, sent } = recording();
  stream.setEpoch(5n, 0);
  stream.add(0, "x", 0);
  stream.setEpoch(5n, 0);
  assert.equal(sent.length, 0);
  stream.setEpoch(6n, 0);
  stream.add(0, "y", 0);
  stream.flush(0);
  assert.deepEqual(sent.map(({ batch }) => batch.epoch), [5n, 6n]);
});

Deno.test("a joiner gets min(requested, offered, available) of history on its own key", () => {
  const { stream, publish, seen, sent } = recording();
  assert.equal(stream.request("s", join(), true, 0), true);
  assert.deepEqual(seen(), ["end 1 1"]);
  publish(3);
  stream.request("s", join({ request: 2 }), true, 0);
  assert.deepEqual(
    seen(),
    ["live 1-3", "end 1 1"],
    "its first answer was late or lost: what came since is live",
  );
  stream.request("u", join(), true, 0);
  assert.deepEqual(seen(), ["history 1-3", "end 1 4"]);
  publish(6);
  stream.request("t", join({ depth: 2 }), true, 0);
  assert.ok(sent.slice(-2).every(({ bytes }) => hasKey(bytes, replayKey("A", "p", "t"))));
  assert.deepEqual(seen(), ["live 4-9", "history 8-9", "end 8 10"]);
  assert.deepEqual(stream.flow.readers, ["s", "u", "t"]);
});

Deno.test("one that was expected gets with its join what was published before it asked, and that only", () => {
  const { stream, publish, seen } = recording();
  publish(2);
  stream.expect("s", 0);
  publish(3);
  seen();
  stream.request("s", join({ depth: 0 }), true, 0);
  assert.deepEqual(seen(), ["replay 3-5", "end 3 3"]);
  publish(2);
  stream.request("s", join({ request: 2, depth: 0 }), true, 0);
  assert.deepEqual(seen(), ["live 6-7", "replay 3-5", "end 3 3"], "asked for once more");
  stream.request("s", join({ request: 3, depth: 0, to: 6 }), true, 0);
  assert.deepEqual(seen(), ["replay 3-5", "end 3 3"]);
});

Deno.test("what is packed and not sent goes out before an answer that counts it", () => {
  const { stream, seen } = recording();
  stream.add(0, "x", 0);
  stream.request("s", join(), true, 0);
  assert.deepEqual(seen(), ["live 1-1", "history 1-1", "end 1 2"]);
});

Deno.test("a joiner that has live samples already gets the history before them", () => {
  const { stream, publish, seen } = recording({ repairSamples: 100 });
  publish(20);
  seen();
  stream.request("s", join({ to: 16 }), true, 0);
  assert.deepEqual(seen(), ["history 11-15", "end 11 16"]);
  assert.equal(stream.flow.acknowledged, 15);
});

Deno.test("a publisher that does not own the topic gives no history", () => {
  const { stream, publish, seen } = recording();
  publish(3);
  seen();
  stream.request("s", join(), false, 0);
  stream.request("t", join({ to: 3 }), false, 0);
  assert.deepEqual(seen(), ["end 4 4", "end 3 3"]);
});

Deno.test("who asks for more than is offered gets nothing", () => {
  const { stream, seen } = recording();
  assert.equal(stream.request("s", join({ depth: 6 }), true, 0), false);
  assert.deepEqual(seen(), []);
  assert.equal(stream.flow.size, 0);
});

Deno.test("numbers asked for are sent as far as they are kept, and the end mark says from where", () => {
  const { stream, publish, seen } = recording({ offered: 3, repairSamples: 3 });
  publish(1);
  publish(1);
  stream.request("s", join({ depth: 0 }), true, 0);
  for (let i = 0; i < 6; i++) publish(1);
  seen();
  stream.request("s", join({ from: 3, to: 5, depth: 0 }), true, 0);
  assert.deepEqual(seen(), ["replay 3-5", "end 3 9"]);
  stream.acknowledge("s", 8, 0);
  publish(1);
  seen();
  stream.request("s", join({ from: 3, to: 0, depth: 0 }), true, 0);
  assert.deepEqual(seen(), ["replay 7-9", "end 7 10"]);
  stream.request("s", join({ from: 50, to: 60, depth: 0 }), true, 0);
  stream.request("s", join({ from: 9, to: 2, depth: 0 }), true, 0);
  assert.deepEqual(seen(), ["end 10 10", "end 9 10"]);
});

Deno.test("never more unacknowledged than allowed; acknowledgements open the way", () => {
  const { stream, publish } = recording();
  publish(100);
  assert.equal(stream.full, false, "nobody has joined");
  stream.request("s", join({ depth: 0 }), true, 0);
  stream.request("b", join({ depth: 0, reliable: false }), true, 0);
  for (let i = 0; i < 10; i++) {
    assert.equal(stream.full, false);
    publish(1);
  }
  assert.equal(stream.full, true);
  stream.acknowledge("s", 101, 0);
  assert.equal(stream.full, false);
  publish(1);
  assert.equal(stream.full, true);
  stream.leave("s");
  assert.equal(stream.full, false);
});

Deno.test("one who comes back after it was forgotten is waited for from where it is", () => {
  const { stream, publish } = recording({ repairSamples: 100 });
  publish(20);
  stream.request("s", join({ from: 8, depth: 0 }), true, 0);
  assert.equal(stream.flow.acknowledged, 7);
  stream.leave("s");
  stream.request("s", join({ from: 12, to: 15, depth: 0 }), true, 0);
  assert.equal(stream.flow.acknowledged, 11);
  stream.leave("s");
  stream.request("s", join({ from: 500, depth: 0 }), true, 0);
  assert.equal(stream.flow.acknowledged, 20);
});

Deno.test("one who was forgotten and acknowledges is waited for again, and no further than it says", () => {
  const { stream, publish } = recording();
  publish(20);
  stream.acknowledge("s", 17, 0);
  assert.equal(stream.flow.acknowledged, 17);
  stream.request("s", join({ from: 19, depth: 0 }), true, 0);
  assert.equal(stream.flow.acknowledged, 17);
  stream.leave("s");
  stream.acknowledge("s", 99, 0);
  assert.equal(stream.flow.acknowledged, 20);
});

Deno.test("bytes and messages are bounded, too, and one sample of any size can go", () => {
  const big = recording({ maxInFlight: 1_000_000 });
  big.stream.request("s", join({ depth: 0 }), true, 0);
  big.stream.add(0, new Uint8Array(40 * 1024 * 1024), 0);
  assert.equal(big.stream.full, true);
  big.stream.acknowledge("s", 1, 0);
  assert.equal(big.stream.full, false);
  const many = recording({ maxInFlight: 1_000_000 });
  many.stream.request("s", join({ depth: 0 }), true, 0);
  while (!many.stream.full) many.publish(1);
  assert.ok(many.stream.last > 1000 && many.stream.last < 4096, `${many.stream.last} messages in flight`);
  many.stream.acknowledge("s", 100, 0);
  assert.equal(many.stream.full, false);
});

Deno.test("nothing unacknowledged is dropped, everything else is, down to the history and the repair buffer", () => {
  const { stream, publish } = recording({ offered: 2, repairSamples: 3, maxInFlight: 100 });
  stream.request("s", join({ depth: 0 }), true, 0);
  for (let i = 0; i < 50; i++) publish(1);
  assert.equal(stream.window.oldest, 1);
  stream.acknowledge("s", 20, 0);
  assert.equal(stream.window.oldest, 21);
  stream.acknowledge("s", 50, 0);
  assert.equal(stream.window.oldest, 48);
  const free = recording({ offered: 2, repairSamples: 3, flow: "drop" });
  free.stream.request("s", join({ depth: 0 }), true, 0);
  for (let i = 0; i < 50; i++) free.publish(1);
  assert.equal(free.stream.window.oldest, 48);
});

Deno.test("one who stands still while the publisher is full is left behind, also when nobody said it waits", () => {
  const { stream, publish } = recording();
  stream.request("s", join({ depth: 0 }), true, 0);
  publish(10);
  assert.deepEqual(stream.dropSlow(1000), []);
  assert.deepEqual(stream.dropSlow(5999), []);
  assert.deepEqual(stream.dropSlow(6000), ["s"]);
  assert.equal(stream.full, false);
  assert.equal(stream.acknowledge("s", 10, 6001), true);
});

Deno.test("one who is only just behind a publisher that waited long ago is not slow", () => {
  const { stream, publish } = recording();
  stream.request("s", join({ depth: 0 }), true, 0);
  stream.flow.blocked(0);
  publish(1);
  assert.deepEqual(stream.dropSlow(100_000), []);
});

Deno.test("marks tell those who listen how far we are, when nothing else did, and count only what was sent", () => {
  const { stream, publish, seen } = recording();
  stream.mark(10_000, 1000);
  assert.deepEqual(seen(), [], "nobody listens");
  stream.request("s", join({ depth: 0 }), true, 0);
  publish(2);
  seen();
  stream.mark(999, 1000);
  stream.mark(1000, 1000);
  stream.mark(1500, 1000);
  stream.add(0, "x", 1600);
  stream.mark(2000, 100, true);
  assert.deepEqual(seen(), ["mark 3", "mark! 3"]);
});

Deno.test("marks go on for a minute when nobody is known any more, as somebody may have missed the end", () => {
  const { stream, publish, seen } = recording();
  stream.request("s", join({ depth: 0 }), true, 0);
  stream.mark(1000, 1000);
  publish(1);
  stream.leave("s");
  seen();
  for (let now = 2000; now < 200_000; now += 1000) stream.mark(now, 1000);
  assert.deepEqual(seen(), Array(60).fill("mark 2"));
});

Deno.test("acknowledgements are wanted several times within what may be in flight; with drop never", () => {
  const every = (options: Partial<PublishedStreamOptions>) => {
    const { stream, sent } = recording(options);
    stream.request("s", join(), true, 0);
    return endMarkOf(sent.at(-1)!.batch).acknowledgeEvery;
  };
  assert.equal(every({ maxInFlight: 1 }), 1);
  assert.equal(every({ maxInFlight: 800 }), 100);
  assert.equal(every({ flow: "drop" }), 0);
});

Deno.test("memory of messages that are no longer kept is used again, and none of those that are is touched", () => {
  const sent: Uint8Array[] = [];
  const slabs = new Set<ArrayBufferLike>();
  const { stream } = recording({
    offered: 0,
    repairSamples: 20,
    sendCopies: true,
    send: (bytes) => {
      slabs.add(bytes.buffer);
      sent.push(bytes.slice());
    },
  });
  for (let n = 1; n <= 2000; n++) {
    stream.add(n, String(n).padEnd(20_000), 0);
    if (n % 3 === 0) stream.flush(0);
    if (n % 100 !== 0) continue;
    stream.flush(0);
    // What the window holds is what was sent.
    sent.length = 0;
    stream.request("s", join({ from: n - 15, to: n, depth: 0 }), true, 0);
    stream.leave("s");
    const numbers = sent.flatMap((bytes) => {
      const batch = decodeBatch(bytes, keyLength(bytes), NAME);
      if (!("count" in batch)) throw batch;
      return [...batch].map(({ sequence, payload }) => {
        assert.equal(new TextDecoder().decode(payload).trimEnd(), String(sequence));
        return sequence;
      });
    });
    assert.deepEqual(numbers, Array.from({ length: 16 }, (_, i) => n - 15 + i));
  }
  assert.ok(slabs.size < 300, `${slabs.size} slabs for 700 messages`);
});

Deno.test("memory of messages that are no longer kept is freed, if it does not fit the next ones", () => {
  const slabs = new Set<ArrayBuffer>();
  const { stream } = recording({
    offered: 0,
    repairSamples: 100,
    repairBytes: 600_000,
    sendCopies: true,
    send: (bytes) => slabs.add(bytes.buffer as ArrayBuffer),
  });
  // Each larger than any before it.
  for (let n = 1; n <= 40; n++) {
    stream.add(n, new Uint8Array(n * 10_000), 0);
    stream.flush(0);
  }
  const kept = [...slabs].filter(({ detached }) => !detached);
  assert.ok(slabs.size > 20, `${slabs.size} slabs`);
  assert.ok(kept.length <= 5, `${kept.length} slabs: two kept, one written to, two spare`);
});
