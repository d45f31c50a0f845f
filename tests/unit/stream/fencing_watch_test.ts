import assert from "node:assert/strict";
import { FencedRun, FencingWatch } from "../../../lib/stream/fencing_watch.ts";

Deno.test("a stream that is fenced off for long is told of once, and again after samples came in between", () => {
  const watch = new FencingWatch(5000);
  assert.equal(watch.look({ delivered: 0, fenced: 0 }, 0), false);
  assert.equal(watch.look({ delivered: 3, fenced: 1 }, 1000), false, "what came counts as well");
  assert.equal(watch.look({ delivered: 3, fenced: 2 }, 2000), false);
  assert.equal(watch.look({ delivered: 3, fenced: 5 }, 6900), false);
  assert.equal(watch.look({ delivered: 3, fenced: 9 }, 7000), true);
  assert.equal(watch.look({ delivered: 3, fenced: 12 }, 60_000), false);
  assert.equal(watch.look({ delivered: 4, fenced: 12 }, 61_000), false);
  assert.equal(watch.look({ delivered: 4, fenced: 13 }, 62_000), false);
  assert.equal(watch.look({ delivered: 4, fenced: 14 }, 67_000), true);
});

Deno.test("samples fenced at a change of owner are nothing to tell of", () => {
  const watch = new FencingWatch(5000);
  for (let now = 0; now < 60_000; now += 250) {
    const fenced = now < 500 ? 0 : 20;
    assert.equal(watch.look({ delivered: 10, fenced }, now), false);
  }
});

Deno.test("fenced samples between those of an owner are nothing to tell of", () => {
  const watch = new FencingWatch(5000);
  for (let now = 0; now < 60_000; now += 250) {
    assert.equal(
      watch.look({ delivered: Math.floor(now / 1000), fenced: Math.floor(now / 500) }, now),
      false,
    );
  }
});

Deno.test("two changes of owner with a long time between them are nothing to tell of", () => {
  const watch = new FencingWatch(5000);
  for (const now of [1000, 2000, 60_000, 61_000]) {
    assert.equal(watch.look({ delivered: 0, fenced: now }, now), false);
  }
});

Deno.test("case 34: owners in a row that are each there for a moment are told of, when it goes on for too long", () => {
  const topic = new FencedRun(5000);
  const told: string[] = [];
  let now = 0;
  for (const name of ["first", "second", "third"]) {
    const watch = new FencingWatch(5000, topic);
    for (let fenced = 1; fenced <= 4; fenced++, now += 1000) {
      if (watch.look({ delivered: 0, fenced }, now)) told.push(`${name} at ${now}`);
    }
  }
  assert.deepEqual(told, ["second at 5000", "third at 8000"]);
});

Deno.test("a former owner that goes on beside the one that is heard is told of once it has been there for long", () => {
  const topic = new FencedRun(5000);
  const [former, owner] = [new FencingWatch(5000, topic), new FencingWatch(5000, topic)];
  const told: string[] = [];
  let next = new FencingWatch(5000, topic);
  for (let now = 500; now <= 6000; now += 500) {
    assert.equal(owner.look({ delivered: now, fenced: 0 }, now), false);
    if (former.look({ delivered: 0, fenced: now }, now)) told.push(`former at ${now}`);
    // Others beside them that are there for a moment only are none.
    if (now % 2000 === 0) next = new FencingWatch(5000, topic);
    if (next.look({ delivered: 0, fenced: now }, now)) told.push(`next at ${now}`);
  }
  assert.deepEqual(told, ["former at 5500"]);
});
