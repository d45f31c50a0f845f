/** What a publisher sees when it looks around: who is too slow, who is not reached, and what is said again. */
import assert from "node:assert/strict";
import { publishedTopics } from "../../../lib/client/published_topics.ts";
import { Rounds } from "../../../lib/client/rounds.ts";
import type { Unreached } from "../../../lib/client/unreached.ts";
import type { ClientEvent } from "../../../lib/model/client_options.ts";
import type { PublisherOptions } from "../../../lib/client/publisher_options.ts";

function roundsOf(options: Partial<PublisherOptions> = {}) {
  const sent: Uint8Array[] = [];
  const events: ClientEvent[] = [];
  const topics = publishedTopics(["T"], { zookeeper: "", topics: ["T"], ownership: "shared", ...options }, {
    publisher: "p",
    incarnation: 1,
    send: (message) => sent.push(message.slice()),
    answer: () => {},
  });
  const outlet = { awaited: false, woken: 0, wake: () => void outlet.woken++ };
  const port = { endpoint: "tcp://10.0.0.1:1", down: [] as Unreached[], reaches: () => true };
  const leaving = new AbortController();
  let clock: { offset: number; bound: number } | undefined;
  const rounds = new Rounds({
    publisher: "p",
    leaving: leaving.signal,
    topics,
    outlet,
    owners: { notice: () => {} },
    readers: { look: () => {}, awaited: () => [], hasJoined: () => true },
    port,
    events: { push: (event) => events.push(event) },
    clock: () => clock,
  });
  return {
    rounds,
    stream: topics.get("T")!.stream,
    outlet,
    port,
    leaving,
    events,
    sent,
    setClock: (to: typeof clock) => clock = to,
  };
}

Deno.test("a subscriber that stands still while somebody waits for it is given up, and told of once", () => {
  const { rounds, stream, events } = roundsOf({ maxInFlight: 2, slowSubscriberMs: 300 });
  stream.acknowledge("s", 0, 0);
  for (const payload of ["a", "b"]) stream.add(0, payload, 0);
  stream.flush(0);
  assert.equal(rounds.look(0), true, "the next sample has to wait");
  assert.deepEqual(events, []);
  for (const now of [100, 200, 300, 400, 500, 600]) rounds.look(now);
  assert.deepEqual(events, [{ type: "slow", topic: "T", subscriber: "s" }]);
  assert.equal(rounds.look(700), false);
});

Deno.test("how far a stream is, is said at every round while it is full, and else after a second's silence", () => {
  const { rounds, stream, sent } = roundsOf({ maxInFlight: 1 });
  stream.acknowledge("s", 0, 0);
  stream.add(0, "a", 0);
  stream.flush(0);
  const marks = (now: number) => {
    sent.length = 0;
    rounds.look(now);
    return sent.length;
  };
  assert.deepEqual([99, 100, 150, 200].map(marks), [0, 1, 0, 1]);
  stream.acknowledge("s", 1, 200);
  assert.deepEqual([300, 1199, 1200].map(marks), [0, 0, 1]);
});

Deno.test("a broker without a connection is told of after a while, and once more when there is one", () => {
  const { rounds, port, events } = roundsOf();
  port.down = [{ kind: "broker", id: "", endpoint: "tcp://10.0.0.7:5", since: 0, topics: [] }];
  rounds.look(1000);
  assert.deepEqual(events, []);
  rounds.look(2000);
  assert.deepEqual(rounds.unreached(2000).map(({ kind, endpoint }) => [kind, endpoint]), [[
    "broker",
    "tcp://10.0.0.7:5",
  ]]);
  port.down = [];
  rounds.look(3000);
  rounds.look(4000);
  assert.deepEqual(events.map(({ type }) => type), ["unreachable", "reached"]);
  assert.deepEqual(rounds.unreached(4000), []);
});

Deno.test("samples carry by how much the clock is off, if that is more than nothing", () => {
  const { rounds, stream, setClock } = roundsOf();
  for (
    const [clock, told] of [[undefined, 0], [{ offset: 5000, bound: 10 }, 5000], [
      { offset: 5, bound: 10 },
      0,
    ]] as const
  ) {
    setClock(clock);
    rounds.look(0);
    assert.equal(stream.clockOffset, told);
  }
});

Deno.test("who waits is let look again, sooner when it has said that it waits, until the rounds are over", async () => {
  const { rounds, outlet, leaving } = roundsOf();
  rounds.start();
  assert.equal(outlet.woken, 1);
  rounds.hurry();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(outlet.woken, 2, "an idle round is 500 ms long");
  rounds.stop();
  leaving.abort();
  rounds.hurry(); // leaves no timer, or the sanitizer would say so
});
