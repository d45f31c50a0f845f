import assert from "node:assert/strict";
import { Rhythm } from "../../../lib/zmq/rhythm.ts";

Deno.test("one message, or messages with pauses, are not waited for on this thread", () => {
  const rhythm = new Rhythm();
  assert.equal(rhythm.fast(0), false);
  for (let time = 0; time < 100; time += 3) {
    rhythm.beat(time);
    assert.equal(rhythm.fast(time + 0.1), false, `at ${time}`);
  }
});

Deno.test("messages that follow each other fast are, until they stop for two milliseconds", () => {
  const rhythm = new Rhythm();
  for (let time = 10; time <= 11; time += 0.1) rhythm.beat(time);
  assert.equal(rhythm.fast(11.5), true);
  assert.equal(rhythm.fast(12.9), true);
  assert.equal(rhythm.fast(13.1), false);
  rhythm.beat(13.1);
  assert.equal(rhythm.fast(13.2), false, "the first one after a pause says nothing yet");
  rhythm.beat(13.3);
  assert.equal(rhythm.fast(13.4), true);
});

Deno.test("an event loop that has work is not held up", () => {
  const rhythm = new Rhythm();
  assert.ok(rhythm.wait(0.01) > 0);
  assert.ok(rhythm.wait(0.01) < 1000, "and never for a millisecond");
  assert.equal(rhythm.wait(0.2), 0);
});
