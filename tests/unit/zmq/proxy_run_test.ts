import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/base/errors.ts";
import { EndWatch, keepRunning } from "../../../lib/zmq/proxy_run.ts";

/** A proxy whose runs last as long as `lasts` says, in a time of its own. */
function fakeProxy(lasts: (run: number) => number, told: (run: number) => boolean = () => false) {
  let time = 0;
  let runs = 0;
  return {
    run: () => {
      time += lasts(runs);
      return Promise.resolve(told(runs++));
    },
    now: () => time,
    get runs() {
      return runs;
    },
  };
}

Deno.test("a proxy that was told to end is not started again", async () => {
  const proxy = fakeProxy(() => 1000, () => true);
  await keepRunning(proxy.run, () => false, proxy.now);
  assert.equal(proxy.runs, 1);
});

Deno.test("a proxy interrupted while it is closed is not started again", async () => {
  const proxy = fakeProxy(() => 1000);
  await keepRunning(proxy.run, () => true, proxy.now);
  assert.equal(proxy.runs, 1);
});

Deno.test("a proxy that signals interrupt every two milliseconds is started again for ever", async () => {
  const proxy = fakeProxy(() => 2.1, (run) => run === 50_000);
  await keepRunning(proxy.run, () => false, proxy.now);
  assert.equal(proxy.runs, 50_001);
});

Deno.test("a proxy that keeps ending at once is given up, and that is an error", async () => {
  for (const lasts of [0, 0.05, 1]) {
    const proxy = fakeProxy(() => lasts);
    await assert.rejects(keepRunning(proxy.run, () => false, proxy.now), (error) => {
      assert.ok(error instanceof PubsubError);
      assert.match(error.message, /The forwarder stopped/);
      return true;
    });
    assert.ok(proxy.runs <= 10_000);
  }
});

const STUCK = {
  name: "StuckError",
  message: "The forwarder is stuck: its proxy has not ended within 0.001 s of being told to",
};

Deno.test("a proxy that is told to end and does not is stuck, however often it is told", async () => {
  const watch = new EndWatch(1);
  watch.told();
  watch.told();
  await assert.rejects(watch.stuck, STUCK);
});

Deno.test("a proxy that has ended is not stuck, and the next one has its time again", async () => {
  const watch = new EndWatch(1);
  watch.told();
  watch.ended();
  const quiet = new Promise((resolve) => setTimeout(resolve, 20, "quiet"));
  assert.equal(await Promise.race([watch.stuck, quiet]), "quiet");
  watch.told();
  await assert.rejects(watch.stuck, STUCK);
});
