import assert from "node:assert/strict";
import type { Failover } from "../../../lib/model/client_options.ts";
import { FailoverLog } from "../../../lib/stream/failover_log.ts";

const none = { recovered: 0, lost: 0, duplicates: 0, reordered: 0 };

function recording() {
  const reported: Failover[] = [];
  return { reported, log: new FailoverLog((failover) => reported.push(failover)) };
}

Deno.test("a loss is told once, with when data came back and what the counters did", () => {
  const { reported, log } = recording();
  const stream = {};
  log.lost("broker_lost", "tcp://b:1", 1000, 1080, [stream], { ...none, recovered: 5 });
  log.delivered({}, 1100);
  log.delivered(stream, 1200);
  log.delivered(stream, 1300);
  log.settle(6000, none);
  assert.equal(reported.length, 0, "not over yet");
  log.settle(6080, { ...none, recovered: 12, lost: 1 });
  log.settle(7000, none);
  assert.deepEqual(reported, [{
    time: 1000,
    event: "broker_lost",
    what: "tcp://b:1",
    detected_ms: 80,
    data_back_ms: 200,
    control_back_ms: null,
    recovered: 7,
    lost: 1,
    duplicates: 0,
    reordered: 0,
  }]);
});

Deno.test("a connection that had long been silent has its full time after the loss was noticed", () => {
  const { reported, log } = recording();
  const stream = {};
  log.lost("publisher_lost", "p", 1000, 60_000, [stream], none);
  log.settle(60_250, none);
  assert.equal(reported.length, 0);
  log.delivered(stream, 61_000);
  log.settle(65_000, none);
  assert.equal(reported[0]!.data_back_ms, 60_000);
});

Deno.test("control is back when there is a primary again, for losses before and after the primary's", () => {
  const { reported, log } = recording();
  log.lost("broker_lost", "before", 1000, 1000, [], none);
  log.controlLost();
  log.lost("broker_lost", "after", 1100, 1100, [], none);
  log.controlBack(1500);
  log.controlBack(1900);
  log.lost("broker_lost", "later", 2000, 2000, [], none);
  log.controlBack(2500);
  log.settle(2600, none, true);
  assert.deepEqual(reported.map(({ what, control_back_ms }) => [what, control_back_ms]), [
    ["before", 500],
    ["after", 400],
    ["later", null],
  ]);
});

Deno.test("at the end everything open is told, and nothing twice", () => {
  const { reported, log } = recording();
  log.lost("broker_lost", "a", 1, 1, [], none);
  log.lost("broker_lost", "b", 2, 2, [], none);
  log.settle(3, none, true);
  log.settle(4, none, true);
  assert.deepEqual(reported.map(({ what, data_back_ms }) => [what, data_back_ms]), [["a", null], [
    "b",
    null,
  ]]);
});

Deno.test("a new owner is told at once", () => {
  const { reported, log } = recording();
  log.ownerChanged("A", 1000, 1750);
  assert.deepEqual(
    reported.map(({ event, what, detected_ms, data_back_ms }) => [event, what, detected_ms, data_back_ms]),
    [["owner_changed", "A", 750, 750]],
  );
});

Deno.test("what is counted is counted for one loss only, though the next one comes soon", () => {
  const told: Failover[] = [];
  const log = new FailoverLog((failover) => told.push(failover));
  const tally = (recovered: number) => ({ recovered, lost: 0, duplicates: 0, reordered: 0 });
  log.lost("broker_lost", "a", 100, 110, [], tally(0));
  log.lost("broker_lost", "b", 900, 910, [], tally(30));
  log.settle(20_000, tally(75), true);
  assert.deepEqual(told.map(({ what, recovered }) => [what, recovered]), [["a", 30], ["b", 45]]);
});

Deno.test("case 14: a publisher that leaves is no loss, one that stays away is, and takes nothing from a loss before", () => {
  const reported: Failover[] = [];
  const confirmed: string[] = [];
  const log = new FailoverLog((failover) => reported.push(failover), (_event, what) => confirmed.push(what));
  const [through, first, second, killed] = [{}, {}, {}, {}];
  log.lost("broker_lost", "b", 0, 0, [through], none);
  log.lost("publisher_lost", "leaves", 100, 100, [first, second], { ...none, recovered: 2 });
  log.left(first);
  log.left(second);
  log.lost("publisher_lost", "killed", 200, 200, [killed], { ...none, recovered: 3 });
  log.settle(1100, none);
  assert.deepEqual(confirmed, ["b"]);
  log.settle(1200, none);
  assert.deepEqual(confirmed, ["b", "killed"]);
  log.left(killed);
  log.settle(10_000, { ...none, recovered: 4 });
  assert.deepEqual(reported.map(({ what, recovered }) => [what, recovered]), [["b", 3], ["killed", 1]]);
  log.lost("publisher_lost", "unknown", 20_000, 20_000, [first], none);
  log.settle(20_500, none, true);
  assert.equal(reported.length, 2, "at the end only what is certain");
});
