import assert from "node:assert/strict";
import { FencingWatch } from "../../lib/fencing_watch.ts";

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
