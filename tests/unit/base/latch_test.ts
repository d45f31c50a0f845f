import assert from "node:assert/strict";
import { Latch } from "../../../lib/base/latch.ts";

Deno.test("what was set before anybody waited is not lost, and counts once", async () => {
  const latch = new Latch();
  latch.set();
  latch.set();
  await latch.wait();
  assert.equal(latch.isSet, false);
});

Deno.test("a waiter goes when the latch is set", async () => {
  const latch = new Latch();
  let gone = false;
  const waiting = latch.wait().then(() => gone = true);
  await Promise.resolve();
  assert.equal(gone, false);
  latch.set();
  await waiting;
});

Deno.test("a waiter goes when a signal aborts, and leaves no listener behind", async () => {
  const latch = new Latch();
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...given: Parameters<typeof add>) => (listeners++, add(...given));
  signal.removeEventListener = (...given: Parameters<typeof remove>) => (listeners--, remove(...given));
  const first = latch.wait(signal);
  assert.equal(listeners, 1);
  latch.set();
  await first;
  assert.equal(listeners, 0);
  const second = latch.wait(signal);
  controller.abort();
  await second;
  assert.equal(listeners, 0);
  await latch.wait(signal); // aborted already: does not wait
});
