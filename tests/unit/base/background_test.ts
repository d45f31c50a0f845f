import assert from "node:assert/strict";
import { Background } from "../../../lib/base/background.ts";

Deno.test("the first failure of a task is the client's, unless it is leaving", async () => {
  const leaving = new AbortController();
  const background = new Background(leaving.signal);
  background.own(Promise.reject(new Error("first")));
  await assert.rejects(background.failed, /first/);
  await background.ended();

  const other = new Background(leaving.signal);
  leaving.abort();
  other.own(Promise.reject(new Error("late")));
  await other.ended();
  assert.equal(await Promise.race([other.failed, Promise.resolve("goes on")]), "goes on");
});

Deno.test("a start that is aborted takes no further step", async () => {
  const background = new Background(new AbortController().signal);
  const abort = new AbortController();
  const steps: number[] = [];
  const started = background.start(abort.signal, async (step) => {
    steps.push(1);
    await step(new Promise(() => {}));
    steps.push(2);
  });
  abort.abort(new Error("enough"));
  await assert.rejects(started, /enough/);
  assert.deepEqual(steps, [1]);
  await assert.rejects(background.start(abort.signal, () => Promise.resolve()), /enough/);
});

Deno.test("a start ends with the client's failure", async () => {
  const background = new Background(new AbortController().signal);
  const started = background.start(undefined, async (step) => await step(new Promise(() => {})));
  background.own(Promise.reject(new Error("broken")));
  await assert.rejects(started, /broken/);
});
