import assert from "node:assert/strict";
import { type Connection, formatAddress } from "../../../lib/zmq/connections.ts";
import { PeerBudget, UNLIMITED } from "../../../lib/zmq/peer_budget.ts";

const UP = 1;
const SAMPLES = 2;
const allowances = new Map([[UP, { burst: 1000, rate: 100 }], [SAMPLES, UNLIMITED]]);

function connection(descriptor: number, more: Partial<Connection> = {}): Connection {
  const peer = `127.0.0.1:${descriptor}`;
  return { descriptor, port: UP, peer, received: 0, acknowledged: 0, unsent: 0, ...more };
}

Deno.test("who sends more at once than allowed has used it up, whoever stays within the rate has not", () => {
  const budget = new PeerBudget(allowances);
  assert.deepEqual(budget.look([connection(5, { received: 1000 }), connection(6)], 0), []);
  // One second earns 100.
  const [greedy, modest] = [connection(5, { received: 1101 }), connection(6, { received: 1000 })];
  assert.deepEqual(budget.look([greedy, modest], 1000), [greedy]);
  const steady = new PeerBudget(allowances);
  for (let second = 0; second < 100; second++) {
    assert.deepEqual(steady.look([connection(5, { received: 900 + 100 * second })], 1000 * second), []);
  }
});

Deno.test("an allowance is never more than the burst, and a new connection has it whole", () => {
  const budget = new PeerBudget(allowances);
  budget.look([connection(5)], 0);
  const late = connection(5, { received: 1001 });
  assert.deepEqual(budget.look([late], 1_000_000), [late]);
  assert.deepEqual(budget.look([connection(5, { peer: "127.0.0.1:7", received: 1000 })], 1_000_000), []);
});

Deno.test("samples may be sent without a limit", () => {
  const budget = new PeerBudget(allowances);
  assert.deepEqual(budget.look([connection(5, { port: SAMPLES, received: 1e12 })], 0), []);
  assert.deepEqual(budget.look([connection(5, { port: SAMPLES, received: 2e12 })], 1), []);
});

Deno.test("those that take nothing of what waits for them are stuck, all of them", () => {
  const budget = new PeerBudget(allowances);
  const at = (taken: number) => [
    connection(5, { unsent: 4096, acknowledged: 7 }),
    connection(6, { unsent: 4096, acknowledged: taken }),
    connection(7, { unsent: 4096, acknowledged: 7 }),
    connection(8, { unsent: 4095, acknowledged: 7 }),
    connection(9),
    // A publisher that takes no subscriptions.
    connection(10, { port: SAMPLES, unsent: 4096, acknowledged: 7 }),
  ];
  budget.look(at(0), 0);
  budget.look(at(1), 250);
  assert.deepEqual(budget.stuck(at(1)).map(({ descriptor }) => descriptor), [5, 7, 10]);
});

Deno.test("who had nothing waiting at the look before is not stuck, however long ago it has taken something", () => {
  const budget = new PeerBudget(allowances);
  budget.look([connection(5, { acknowledged: 7 })], 0);
  const burst = [connection(5, { acknowledged: 7, unsent: 1e6 })];
  budget.look(burst, 1000);
  assert.deepEqual(budget.stuck(burst), []);
  budget.look(burst, 1250);
  assert.deepEqual(budget.stuck(burst), burst);
});

/** Who is blamed of connections that have been there for so long. */
function blame(since: number, ...connections: Connection[]): number[] {
  const budget = new PeerBudget(allowances);
  budget.look(connections, 0);
  budget.look(connections, since);
  const flooders = budget.flooders(connections);
  return [...flooders, ...flooders.length === 0 ? [budget.toBlame(connections)] : []].flatMap((one) =>
    one === undefined ? [] : [one.descriptor]
  );
}

Deno.test("blamed is who sends most now and those like it, then the slowest, then who has sent much for its time, then who sends samples, then nobody", () => {
  const sender = connection(9, { port: SAMPLES, received: 1e9 });
  const slow = [
    connection(6, { unsent: 5000, acknowledged: 10 }),
    connection(7, { unsent: 5000, acknowledged: 20 }),
  ];
  assert.deepEqual(blame(0, connection(5, { received: 125 }), ...slow, sender), [5]);
  assert.deepEqual(blame(0, connection(5, { received: 124 }), ...slow, sender), [6]);
  assert.deepEqual(blame(10_000, connection(5, { received: 1e6 }), ...slow, sender), [6]);
  assert.deepEqual(blame(10_000, connection(5, { received: 1e6 }), sender), [5]);
  assert.deepEqual(blame(100, connection(5), sender), [9]);
  const little = connection(9, { received: 65_535, unsent: 4095, port: SAMPLES });
  assert.deepEqual(blame(0, connection(5, { received: 124 }), little), []);
});

Deno.test("those flood who send much now, and who have done so from the same address for all of their time", () => {
  const budget = new PeerBudget(allowances);
  const before = [
    connection(5, { received: 0 }),
    connection(6, { received: 500_000 }),
    connection(7, { received: 124 }),
    connection(8, { received: 500_000, peer: "127.0.0.2:8" }),
    connection(9, { received: 500_000, port: SAMPLES }),
  ];
  budget.look(before, 0);
  budget.look(before, 3000);
  assert.deepEqual(budget.flooders(before), [], "nobody does now");
  const now = [connection(5, { received: 125 }), ...before.slice(1)];
  budget.look(now, 3050);
  assert.deepEqual(budget.flooders(now).map(({ descriptor }) => descriptor), [5, 6]);
  budget.look(now, 18_000);
  budget.look([connection(5, { received: 300_000 }), ...before.slice(1)], 18_050);
  assert.deepEqual(budget.flooders(now).map(({ descriptor }) => descriptor), [5], "that was long ago");
});

Deno.test("who was not looked at for long is not taken for one that has sent all of it now", () => {
  const budget = new PeerBudget(allowances);
  budget.look([connection(5), connection(6)], 0);
  const later = [connection(5, { received: 900 }), connection(6, { received: 1100 })];
  budget.look(later, 9000);
  assert.deepEqual(budget.flooders(later), [], "100 and 122 a second");
  const fast = later.map((one) => ({ ...one, received: one.received + 125 * 9 }));
  budget.look(fast, 18_000);
  assert.deepEqual(budget.flooders(fast), fast);
});

Deno.test("a subscriber that has acknowledged for a day is blamed after everybody else", () => {
  const day = 24 * 3600 * 1000;
  const honest = connection(5, { received: 20_000 * day / 1000 });
  assert.deepEqual(blame(day, honest, connection(6, { unsent: 5000 })), [6]);
  const budget = new PeerBudget(allowances);
  budget.look([honest], 0);
  // Both have sent what they may, one of them a second ago.
  const flooder = connection(6, { received: 1000 * 1000 });
  budget.look([honest, flooder], day);
  budget.look([honest, flooder], day + 5000);
  assert.equal(budget.toBlame([honest, flooder]), flooder);
});

Deno.test("who sends samples now is blamed before who has sent more long ago", () => {
  const budget = new PeerBudget(allowances);
  const [idle, busy] = [{ port: SAMPLES, received: 1e9 }, { port: SAMPLES, received: 2e6 }];
  budget.look([connection(5, idle), connection(6, { ...busy, received: 0 })], 0);
  const later = [connection(5, idle), connection(6, busy)];
  // However often it is looked: what was sent does not fade at once.
  for (let now = 10_000; now < 10_250; now += 5) budget.look(later, now);
  assert.equal(budget.toBlame(later)?.descriptor, 6);
  budget.look(later, 20_000);
  assert.equal(budget.toBlame(later)?.descriptor, 5);
});

Deno.test("addresses of the kernel are written as everywhere", () => {
  assert.equal(formatAddress(Uint8Array.of(2, 0, 0x9c, 0xb0, 192, 0, 2, 7)), "192.0.2.7:40112");
  const six = new Uint8Array(28);
  six.set([10, 0, 0x15, 0xb3]);
  six[23] = 1;
  assert.equal(formatAddress(six), "[0:0:0:0:0:0:0:1]:5555");
});
