import assert from "node:assert/strict";
import { poolRows, scalingViewOf, stepLines } from "../../../lib/status/scaling_view.ts";
import type { PoolMember, ScalingPlan } from "../../../lib/pool/scaling_plan.ts";

const time = Date.UTC(2026, 0, 2, 3, 4, 5);
const plan: ScalingPlan = {
  ...{ acting: "b", threshold: 5, low: 2.5, orders: 2, waiting: "no pool has room" },
  zones: [{ zone: 2, pool: "b", state: "wanted", since: time, number: 1 }],
  steps: [
    { time, action: "start", zone: 2, pool: "b", reason: "load 6 is above 5" },
    { time: time + 1000, action: "ended", zone: 3, pool: "a", reason: "its clients are in other zones" },
  ],
};
const member = (pool: string, zones: PoolMember["zones"]): PoolMember => ({
  pool,
  host: "h",
  most: 4,
  warm: 1,
  zones,
});
const members = new Map([
  [
    "b",
    member("b", [
      { zone: 4, state: "starting", pinned: 0, restarts: 0 },
      { zone: 2, state: "serving", pinned: 0, restarts: 0 },
      { zone: 3, state: "serving", pinned: 0, restarts: 1 },
    ]),
  ],
  ["a", member("a", [])],
]);

Deno.test("pools, their zones and who decides", () => {
  assert.deepEqual(poolRows(scalingViewOf({ plan, members })), [
    ["a", "no", "none", "4", "1", "h"],
    ["b", "yes", "2, 3 (serving, 1 restart), 4 (starting)", "4", "1", "h"],
  ]);
});

Deno.test("the steps with their reasons, the last move, and what is waited for", () => {
  const rebalance = {
    step: 7,
    time,
    reason: "zone 2 is new",
    moves: [{ from: 1, to: 2, count: 1 }, { from: 3, to: 2, count: 2 }],
  };
  assert.deepEqual(stepLines(scalingViewOf({ plan, members, rebalance })), [
    "above a load of 5 zones are started, below 2.5 they are ended",
    "2026-01-02T03:04:05.000Z  zone 2 started on b: load 6 is above 5",
    "2026-01-02T03:04:05.000Z  1 client from zone 1 to zone 2, 2 clients from zone 3 to zone 2: zone 2 is new",
    "2026-01-02T03:04:06.000Z  zone 3 of a has ended: its clients are in other zones",
    "waiting: no pool has room",
  ]);
});

Deno.test("a system without pools tells nothing of them", () => {
  assert.deepEqual(stepLines(scalingViewOf({})), []);
  assert.deepEqual(poolRows(scalingViewOf({})), []);
});
