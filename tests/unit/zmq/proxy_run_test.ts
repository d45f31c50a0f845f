import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/errors.ts";
import { keepRunning } from "../../../lib/zmq/proxy_run.ts";

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

Deno.test("a proxy that signals interrupt now and then is started again for ever", async () => {
  const proxy = fakeProxy((run) => run % 40 === 39 ? 1000 : 0, (run) => run === 10_000);
  await keepRunning(proxy.run, () => false, proxy.now);
  assert.equal(proxy.runs, 10_001);
});

Deno.test("a proxy that keeps ending at once is given up, and that is an error", async () => {
  const proxy = fakeProxy(() => 0);
  await assert.rejects(keepRunning(proxy.run, () => false, proxy.now), (error) => {
    assert.ok(error instanceof PubsubError);
    assert.match(error.message, /The forwarder stopped/);
    return true;
  });
  assert.ok(proxy.runs < 100);
});
