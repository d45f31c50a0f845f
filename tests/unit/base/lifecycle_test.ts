import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/base/errors.ts";
import { Lifecycle } from "../../../lib/base/lifecycle.ts";

const nothing = () => Promise.resolve();
const forEver = () => new Promise<void>(() => {});

/** Everything that is due has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("the first failure of a task is the object's, unless it is leaving", async () => {
  const life = new Lifecycle("Thing t1");
  life.own(Promise.reject(new Error("first")));
  life.own(Promise.reject(new Error("second")));
  await assert.rejects(life.failed, /first/);

  const other = new Lifecycle("Thing t2");
  const late = Promise.withResolvers<void>();
  other.own(late.promise);
  const closed = other.close(nothing, nothing);
  late.reject(new Error("late"));
  await closed;
  assert.equal(await Promise.race([other.failed, Promise.resolve("goes on")]), "goes on");
});

Deno.test("started twice it starts once; before and after that it may not be used", async () => {
  const life = new Lifecycle("Thing t1");
  assert.throws(() => life.check(), /^PubsubError: Thing t1 has not started: await its start\(\) first$/);
  let starts = 0;
  const work = async () => {
    starts++;
    await settled();
    assert.throws(() => life.check(), /has not started/);
  };
  const first = life.start(undefined, work);
  assert.equal(life.start(undefined, work), first);
  await first;
  await life.start(undefined, work);
  assert.equal(starts, 1);
  life.check();
  await life.close(nothing, nothing);
  assert.throws(() => life.check(), /^PubsubError: Thing t1 is closed$/);
  await assert.rejects(life.start(undefined, work), /^PubsubError: Thing t1 is closed$/);
});

Deno.test("a start that is given up, or whose object fails, takes no further step", async () => {
  const abort = new AbortController();
  const life = new Lifecycle("Thing t1");
  const steps: number[] = [];
  const started = life.start(abort.signal, async (step, stop) => {
    steps.push(1);
    await assert.rejects(step(forEver()), /enough/);
    assert.equal(stop.aborted, true);
    await step(forEver());
    steps.push(2);
  });
  abort.abort(new Error("enough"));
  await assert.rejects(started, /enough/);
  assert.deepEqual(steps, [1]);
  assert.throws(() => life.check(), /has not started/);

  const broken = new Lifecycle("Thing t2");
  const breaking = broken.start(undefined, async (step) => await step(forEver()));
  broken.own(Promise.reject(new Error("broken")));
  await assert.rejects(breaking, /broken/);
});

Deno.test("a start with a signal that is aborted already is none, and may be tried again", async () => {
  const life = new Lifecycle("Thing t1");
  await assert.rejects(life.start(AbortSignal.abort(new Error("enough")), nothing), /enough/);
  await life.start(undefined, nothing);
  life.check();
});

Deno.test("closed while it starts: the start rejects, and what it made meanwhile is taken down, after it", async () => {
  const life = new Lifecycle("Thing t1");
  const events: string[] = [];
  const making = Promise.withResolvers<void>();
  const started = life.start(undefined, async (step, stop) => {
    // Does not hear of the signal until it is done, as a library might.
    await making.promise;
    events.push(`made, ${stop.aborted ? "to be given up" : "to be used"}`);
    await step(forEver());
  });
  const closed = life.close(() => Promise.reject(new Error("no farewell")), () => {
    events.push("taken down");
    return Promise.resolve();
  });
  await settled();
  assert.deepEqual(events, []);
  making.resolve();
  await closed;
  assert.deepEqual(events, ["made, to be given up", "taken down"]);
  await assert.rejects(started, /^PubsubError: Thing t1 was closed before it had started$/);
});

Deno.test("a start that has made everything when it is closed does not count as one", async () => {
  const life = new Lifecycle("Thing t1");
  const started = life.start(undefined, async () => await settled());
  const closed = life.close(nothing, nothing);
  await assert.rejects(started, PubsubError);
  await closed;
  assert.equal(life.running, false);
});

Deno.test("a close before the start, and one that is asked for twice", async () => {
  const life = new Lifecycle("Thing t1");
  let times = 0;
  const takeDown = () => Promise.resolve(void times++);
  const closed = life.close(nothing, takeDown);
  assert.equal(life.close(nothing, takeDown), closed);
  await closed;
  assert.equal(times, 1);
});

Deno.test("a close waits for work and tasks; its farewell comes before it leaves", async () => {
  const life = new Lifecycle("Thing t1");
  await life.start(undefined, nothing);
  const events: string[] = [];
  life.own((async () => {
    await new Promise<void>((resolve) => life.leaving.addEventListener("abort", () => resolve()));
    await settled();
    events.push("task ended");
  })());
  const work = life.run(undefined, async (step) => {
    await step(forEver()).catch(() => events.push("work given up"));
  });
  await life.close(
    () => Promise.resolve(void events.push(`farewell${life.leaving.aborted ? " too late" : ""}`)),
    () => Promise.resolve(void events.push("taken down")),
  );
  await work;
  assert.deepEqual(events, ["farewell", "work given up", "taken down", "task ended"]);
});

Deno.test("a farewell that fails does not keep anything from being taken down", async () => {
  const life = new Lifecycle("Thing t1");
  await life.start(undefined, nothing);
  let down = false;
  const takeDown = () => Promise.resolve(void (down = true));
  await assert.rejects(life.close(() => Promise.reject(new Error("bad")), takeDown), /bad/);
  assert.equal(down && life.leaving.aborted, true);
});

Deno.test("a start that throws at once rejects, and so does one asked for after that", async () => {
  const life = new Lifecycle("Thing t1");
  const broken = () => {
    throw new Error("at once");
  };
  await assert.rejects(life.start(undefined, broken), /at once/);
  await assert.rejects(life.start(undefined, nothing), /at once/);
  await life.close(nothing, nothing);
});
