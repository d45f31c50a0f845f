import assert from "node:assert/strict";
import { type Finding, LIMIT_BYTES, MemoryPressure } from "../../../lib/zmq/memory_pressure.ts";

const MIB = 1024 * 1024;
const START = 100 * MIB;
const MUCH = START + LIMIT_BYTES + MIB;

/** What is found at these milliseconds, memory staying the same. */
function looks(
  pressure: MemoryPressure,
  memory: number,
  from: number,
  to: number,
): (Finding & { at: number })[] {
  const findings = [];
  for (let at = from; at < to; at += 50) findings.push({ at, ...pressure.look(memory, at) });
  return findings;
}

/** When something was found. */
function times(findings: (Finding & { at: number })[], what: "blame" | "exhausted" | "resigned"): number[] {
  return findings.filter((finding) => finding[what]).map(({ at }) => at);
}

Deno.test("up to the limit nobody is blamed, however fast memory grows", () => {
  const pressure = new MemoryPressure(START);
  assert.deepEqual(pressure.look(START + LIMIT_BYTES, 0), {
    above: LIMIT_BYTES,
    jumped: true,
    exceeded: false,
    short: false,
    blame: false,
    exhausted: false,
    resigned: false,
  });
  assert.equal(pressure.look(START + LIMIT_BYTES + 1, 50).jumped, false);
});

Deno.test("the moment in which it is exceeded is told once, until it is no longer", () => {
  const pressure = new MemoryPressure(START);
  const memory = [START, MUCH, MUCH, MUCH, START, START, MUCH];
  const exceeded = memory.map((bytes, look) => pressure.look(bytes, 50 * look).exceeded);
  assert.deepEqual(exceeded, [false, true, false, false, false, false, true]);
});

Deno.test("above it there is time to give back what is free, then somebody is blamed every quarter of a second", () => {
  const pressure = new MemoryPressure(START);
  const blamed: number[] = [];
  for (let now = 0; now < 1000; now += 50) {
    if (!pressure.look(MUCH, now).blame) continue;
    blamed.push(now);
    pressure.wait(now);
  }
  assert.deepEqual(blamed, [250, 500, 750]);
});

Deno.test("after three seconds everything is given up, and after half a minute more it is normal", () => {
  const pressure = new MemoryPressure(START);
  const findings = looks(pressure, MUCH, 0, 40_000);
  assert.deepEqual(times(findings, "exhausted"), [3000]);
  assert.deepEqual(times(findings, "resigned"), [33_000]);
  // Who stays away until everything is given up is blamed for nothing; who is there afterwards is.
  const blamed = times(findings, "blame");
  assert.deepEqual(blamed.filter((at) => at >= 3000 && at < 6000), []);
  assert.ok(blamed.includes(6000));
  assert.equal(findings.at(-1)!.above, 0);
});

Deno.test("a flood whose peers are cut again and again does not put that off", () => {
  const pressure = new MemoryPressure(START);
  const exhausted: number[] = [];
  for (let now = 0; now < 5000; now += 50) {
    if (pressure.look(MUCH + now, now).exhausted) exhausted.push(now);
    pressure.wait(now);
    pressure.alarm(now);
  }
  assert.deepEqual(exhausted, [3000]);
});

Deno.test("the time in which nobody looked counts little", () => {
  const pressure = new MemoryPressure(START);
  pressure.look(MUCH, 0);
  // Held up, or stopped, for a minute.
  const late = pressure.look(MUCH, 60_000);
  assert.deepEqual([late.short, late.blame, late.exhausted], [true, true, false]);
  assert.deepEqual(times(looks(pressure, MUCH, 60_050, 64_000), "exhausted"), [62_750]);
});

Deno.test("memory that comes back and is short again begins anew", () => {
  const pressure = new MemoryPressure(START);
  assert.deepEqual(times(looks(pressure, MUCH, 0, 2950), "exhausted"), []);
  pressure.look(START, 2950);
  assert.deepEqual(times(looks(pressure, MUCH, 3000, 7000), "exhausted"), [6000]);
  pressure.look(START, 7000);
  const again = looks(pressure, MUCH, 8000, 12_000);
  assert.deepEqual([times(again, "exhausted"), times(again, "resigned")], [[11_000], []]);
});

Deno.test("what was taken for normal is not any more when it is gone", () => {
  const pressure = new MemoryPressure(START);
  looks(pressure, MUCH, 0, 40_000);
  assert.equal(pressure.look(START - MIB, 40_000).above, -MIB);
  assert.equal(pressure.look(MUCH, 40_050).above, MUCH - START);
});

Deno.test("for ten seconds after somebody sent too much, the next one is expected", () => {
  const pressure = new MemoryPressure(START);
  assert.equal(pressure.alert(0), false);
  pressure.alarm(100);
  assert.equal(pressure.alert(10_099), true);
  assert.equal(pressure.alert(10_100), false);
});
