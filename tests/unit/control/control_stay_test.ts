import assert from "node:assert/strict";
import { BrokerClock } from "../../../lib/model/broker_clock.ts";
import { Stay, type StayStep } from "../../../lib/control/control_stay.ts";
import type { BrokerMessage, BrokerRecord } from "../../../lib/wire/control.ts";

const endpoint = "tcp://127.0.0.1:9";
const primary: BrokerRecord = {
  ...{ broker: "b", zone: 1, host: "h", control: endpoint, ingress: endpoint, egress: endpoint },
  ...{ standby: false, epoch: "1" },
};
const registered: BrokerMessage = { type: "registered", zone: 1, broker: "b", heartbeat: 1000 };
const matches = (version: number, base?: number): BrokerMessage => ({
  ...{ type: "matches", version, streams: [], subscribers: [], mismatches: [], removed: [] },
  ...base === undefined ? {} : { base },
});

function stayAt(now: number, more: { pinned?: boolean; hadId?: boolean } = {}) {
  const clock = new BrokerClock();
  const options = {
    id: "p",
    role: "publisher" as const,
    pinned: false,
    hadId: false,
    zone: 1,
    primary,
    clock,
  };
  return { stay: new Stay({ ...options, ...more }, now), clock };
}
/** The steps as short words. */
const words = (steps: readonly StayStep[]) =>
  steps.map((step) => step.do === "send" ? step.what : step.do === "leave" ? step.leaving.reason : step.do);
/** Looks every 250 ms. @returns when something was to be done, and what. */
function looks(stay: Stay, from: number, to: number): [number, string][] {
  const found: [number, string][] = [];
  for (let now = from; now <= to; now += 250) {
    for (const word of words(stay.look(now))) found.push([now, word]);
    if (found.at(-1)?.[1].includes("no answer")) break;
  }
  return found;
}

Deno.test("it registers, keeps alive, and leaves a broker that falls silent", () => {
  const { stay } = stayAt(0);
  assert.deepEqual(words(stay.begin()), ["register"]);
  assert.deepEqual(words(stay.hear(registered, 10, 0)), ["accepted"]);
  assert.deepEqual(words(stay.hear(registered, 20, 0)), [], "once");
  assert.deepEqual(looks(stay, 250, 5000), [
    [1000, "ping"],
    [2000, "ping"],
    [3000, "ping"],
    [3250, "no answer from tcp://127.0.0.1:9 for 3230 ms"],
  ]);
  assert.equal(stay.wasAccepted, true);
});

Deno.test("a broker that does not answer a registration is left after two seconds, never said to have accepted", () => {
  const { stay } = stayAt(0);
  assert.deepEqual(looks(stay, 0, 5000), [[2250, "no answer within 2000 ms"]]);
  assert.equal(stay.wasAccepted, false);
});

Deno.test("a broker that only refuses is asked at growing intervals, and left", () => {
  const { stay } = stayAt(0);
  const asked: number[] = [];
  let left = 0;
  for (let now = 0; now <= 10_000 && left === 0; now += 50) {
    // It answers a hundred times as much as it is asked.
    for (let i = 0; i < 100; i++) {
      const steps = stay.hear({ type: "not_primary" }, now, 0);
      if (words(steps).includes("register")) asked.push(now);
      if (steps.some((step) => step.do === "leave")) left = now;
    }
  }
  assert.deepEqual(asked, [250, 750, 1750, 2750, 3750, 4750]);
  assert.equal(left, 5050);
});

Deno.test("a broker that forgets us and takes us again, and again, does so at most once a second in the end", () => {
  const { stay } = stayAt(0);
  let registrations = 0;
  for (let now = 0; now <= 20_000; now += 50) {
    const said = words([
      ...stay.hear(registered, now, 0),
      ...stay.hear({ type: "unregistered" }, now, 0),
    ]);
    registrations += said.filter((word) => word === "register").length;
  }
  assert.ok(registrations <= 25, `${registrations} in 20 s`);
});

Deno.test("rejected it leaves, and never fails; busy and an id in use are waited for", () => {
  const rejected = (code: string): BrokerMessage => ({ type: "rejected", code, reason: "why" });
  assert.deepEqual(words(stayAt(0).stay.hear(rejected("bad_message"), 1, 0)), ["rejected: why"]);
  assert.deepEqual(words(stayAt(0).stay.hear(rejected("busy"), 1, 0)), ["wait"]);
  assert.deepEqual(words(stayAt(0).stay.hear(rejected("id_in_use"), 1, 0)), ["wait"]);
  const { stay } = stayAt(0, { hadId: true });
  assert.deepEqual(words(stay.hear(rejected("id_in_use"), 1, 0)), [], "ZooKeeper knows better, and soon");
  for (let now = 500; now < 4000; now += 500) {
    assert.ok(!words(stay.hear(rejected("id_in_use"), now, 0)).includes("wait"));
  }
  assert.ok(words(stay.hear(rejected("id_in_use"), 4001, 0)).includes("wait"));
});

Deno.test("who was stopped counts anew", () => {
  const { stay } = stayAt(0);
  stay.hear(registered, 0, 0);
  assert.deepEqual(words(stay.look(60_000)), ["ping"]);
  assert.deepEqual(words(stay.hear({ type: "pong", time: 60_000, clock: 0 }, 60_100, 0)), []);
});

Deno.test("reassigned it goes, unless it is pinned; a new primary is a reason to go", () => {
  const away: BrokerMessage = { type: "reassign", zone: 2, reason: "step 1" };
  const [step] = stayAt(0).stay.hear(away, 1, 0);
  assert.deepEqual(step?.do === "leave" && step.leaving.prefer, 2);
  assert.deepEqual(stayAt(0, { pinned: true }).stay.hear(away, 1, 0), []);
  const { stay } = stayAt(0);
  assert.deepEqual(stay.primaryIs(primary, 1), []);
  assert.deepEqual(words(stay.primaryIs({ ...primary, epoch: "2" }, 1)), ["zone 1 has a new primary"]);
  assert.deepEqual(words(stay.primaryIs(undefined, 1)), ["zone 1 has lost its primary"]);
});

Deno.test("all matches are asked for again when some are missing, but not with every message", () => {
  const { stay } = stayAt(0);
  assert.deepEqual(words(stay.hear(matches(1), 1, 0)), [], "not before it is accepted");
  stay.hear(registered, 2, 0);
  assert.deepEqual(words(stay.hear(matches(1), 3, 0)), ["matches"]);
  const said: string[] = [];
  for (let now = 10; now < 900; now += 10) said.push(...words(stay.hear(matches(9, 8), now, 0)));
  assert.deepEqual(said, ["resync", "resync"]);
});

Deno.test("a clock is estimated from the answers to what was asked, and nothing else", () => {
  const clock = new BrokerClock();
  assert.equal(clock.answered("b", 1e15, 1e300, 10, 1000), false);
  clock.asked(100);
  assert.equal(clock.lastAsked, 100);
  assert.equal(clock.answered("b", 99, 5, 110, 1000), false);
  assert.equal(clock.answered("b", 100, 2000, 120, 1000), true);
  const estimate = clock.estimate;
  assert.deepEqual(estimate, { broker: "b", offset: 1010, bound: 10 });
  assert.equal(clock.answered("b", 100, 9000, 121, 1000), false, "answered already");
  clock.asked(200);
  clock.answered("b", 200, 2000, 300, 1000);
  assert.equal(clock.estimate, estimate, "a longer way tells less");
});
