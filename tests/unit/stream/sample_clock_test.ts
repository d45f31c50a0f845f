import assert from "node:assert/strict";
import { SampleClock } from "../../../lib/stream/sample_clock.ts";

/** A clock that counts how often it is read. */
function fakeClock() {
  const fake = { now: 1000, reads: 0 };
  return { fake, clock: new SampleClock(() => (fake.reads++, fake.now)) };
}

Deno.test("samples that come one by one each have the time of their own", () => {
  const { fake, clock } = fakeClock();
  for (let i = 0; i < 500; i++) {
    fake.now += 0.05;
    assert.equal(clock.next(), fake.now);
  }
});

Deno.test("bursts of sixty samples after some work each have exact times", () => {
  const { fake, clock } = fakeClock();
  for (let burst = 0; burst < 20; burst++) {
    fake.now += 10;
    for (let i = 0; i < 60; i++) {
      fake.now += 0.0002;
      assert.equal(clock.next(), fake.now);
    }
  }
});

Deno.test("in a long fast run one reading serves for eight, and is never older than eight samples", () => {
  const { fake, clock } = fakeClock();
  for (let i = 0; i < 10_000; i++) {
    fake.now += 0.0002;
    assert.ok(fake.now - clock.next() < 8 * 0.0002);
  }
  assert.ok(fake.reads < 10_000 / 8 + 100, `${fake.reads} readings`);
});

Deno.test("after an interruption at most seven samples have a time from before it, none when it is told", () => {
  const { fake, clock } = fakeClock();
  const run = () => {
    for (let i = 0; i < 200; i++) {
      fake.now += 0.0002;
      clock.next();
    }
  };
  run();
  fake.now += 20;
  let early = 0;
  for (let i = 0; i < 50; i++) if (clock.next() < fake.now) early++;
  assert.ok(early <= 7, `${early} samples`);
  run();
  fake.now += 20;
  clock.interrupt();
  for (let i = 0; i < 50; i++) assert.equal(clock.next(), fake.now);
});
