import assert from "node:assert/strict";
import fc from "fast-check";
import { SystemClock } from "../../../lib/base/system_clock.ts";

const BEGIN = 1_700_000_000_000.25;
const HOUR = 3_600_000;

/** A machine: time that passes, and a clock that is set. Each reading takes a microsecond. */
class Machine {
  steady = 5;
  set = BEGIN;
  readings = 0;
  readonly told: number[] = [];
  readonly steps: number[] = [];
  readonly clock: SystemClock = new SystemClock(
    {
      date: () => (this.readings++, Math.floor(this.set + (this.steady += 0.001))),
      steady: () => this.steady += 0.001,
    },
    BEGIN,
    (ms, steps) => {
      this.told.push(Math.round(ms));
      this.steps.push(steps);
    },
  );

  /** What is told now, and how far that is from the truth. */
  error(): number {
    return this.clock.at(this.steady) - (this.set + this.steady);
  }
}

Deno.test("as long as nobody sets the clock, time has microseconds and costs no reading", () => {
  const machine = new Machine();
  assert.ok(Math.abs(machine.error()) < 0.01);
  const before = machine.readings;
  for (let i = 0; i < 1000; i++) {
    machine.steady += 0.05;
    assert.ok(Math.abs(machine.error()) < 0.01);
  }
  assert.equal(machine.readings, before);
  assert.deepEqual(machine.told, []);
});

Deno.test("a clock that is set is followed within a tenth of a second, to the microsecond, and said once", () => {
  const machine = new Machine();
  machine.error();
  for (const step of [HOUR, -HOUR, -2.5 * HOUR]) {
    machine.set += step;
    machine.steady += 100;
    machine.error();
    assert.ok(Math.abs(machine.error()) < 0.02, `${machine.error()} ms wrong`);
    machine.steady += 10_000;
    machine.error();
  }
  assert.deepEqual(machine.told, [HOUR, -HOUR, -2.5 * HOUR]);
});

Deno.test("a clock that is set again and again is said once in ten seconds, with the sum", () => {
  const machine = new Machine();
  for (let i = 0; i < 25; i++) {
    machine.error();
    machine.set += 200;
    machine.steady += 1000;
  }
  assert.deepEqual(machine.told, [200, 2000, 2000]);
});

Deno.test("case 15: the last of several steps is said though no other one follows", () => {
  const machine = new Machine();
  machine.error();
  for (const step of [HOUR, -HOUR, -3 * HOUR]) {
    machine.set += step;
    machine.steady += 2000;
    machine.error();
  }
  assert.deepEqual(machine.told, [HOUR]);
  for (let i = 0; i < 200; i++) {
    machine.steady += 100;
    machine.error();
  }
  assert.deepEqual(machine.told, [HOUR, -4 * HOUR]);
  assert.deepEqual(machine.steps, [1, 2]);
});

Deno.test("case 15: steps that take each other back are said, too", () => {
  const machine = new Machine();
  machine.error();
  for (const step of [50_000, 30_000, -30_000]) {
    machine.set += step;
    machine.steady += 2000;
    machine.error();
  }
  machine.steady += 10_000;
  machine.error();
  assert.deepEqual([machine.told, machine.steps], [[50_000, 0], [1, 2]]);
});

Deno.test("small steps are followed without a word", () => {
  const machine = new Machine();
  machine.error();
  machine.set -= 20;
  machine.steady += 100;
  machine.error();
  assert.ok(Math.abs(machine.error()) < 0.02);
  assert.deepEqual(machine.told, []);
});

Deno.test("a clock that stands still ends no process", () => {
  let steady = 0;
  const clock = new SystemClock({ date: () => 42, steady: () => steady += 0.1 }, 1e12, () => {});
  assert.ok(Math.abs(clock.at(steady) - 42) < 5);
});

Deno.test("whatever happens to the clock, what is told soon after is right to a millisecond or two", () => {
  const step = fc.oneof(fc.integer({ min: -1e7, max: 1e7 }), fc.double({ min: -3, max: 3, noNaN: true }));
  const steps = fc.array(fc.tuple(step, fc.double({ min: 100, max: 1e6, noNaN: true })), { maxLength: 20 });
  fc.assert(fc.property(steps, (all) => {
    const machine = new Machine();
    for (const [set, passed] of all) {
      machine.set += set;
      machine.steady += passed;
      machine.error();
      assert.ok(Math.abs(machine.error()) < 2.1);
    }
  }));
});
