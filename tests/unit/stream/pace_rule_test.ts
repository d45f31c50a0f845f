import assert from "node:assert/strict";
import { Flow } from "../../../lib/stream/flow.ts";
import { PaceRule } from "../../../lib/stream/pace_rule.ts";

/** A reader that acknowledges one sample each `everyMs` while a publisher waits with `inFlight` unacknowledged. */
function givenUpAfter(everyMs: number, inFlight: number, seconds: number): number | undefined {
  const flow = new Flow({ flow: "wait", maxInFlight: inFlight, slowMs: 5000 });
  flow.join("s", { reliable: true, delivered: 0 }, 0, 0);
  let delivered = 0;
  for (let now = 0; now < seconds * 1000; now += 100) {
    while ((delivered + 1) * everyMs <= now) {
      flow.acknowledge("s", ++delivered, delivered + inFlight, now);
      // A sample goes out, and the next one has to wait.
      flow.unblocked(now);
    }
    flow.blocked(now);
    if (flow.dropSlow(delivered + inFlight, now).length === 0) continue;
    assert.equal(flow.pace("s", now), everyMs < 5000 ? "is too slow" : "stands still");
    return now / 1000;
  }
  return undefined;
}

Deno.test("case 48: a reader that acknowledges one sample each 4 s is given up, as one that stands still is", () => {
  assert.equal(givenUpAfter(4000, 100, 60), 5);
  assert.equal(givenUpAfter(4000, 100_000, 60), 5);
  assert.equal(givenUpAfter(1e9, 100, 60), 5);
});

Deno.test("honest slow readers are waited for: a 32nd of what is in flight in 5 s is enough", () => {
  assert.equal(givenUpAfter(4000, 32, 600), undefined);
  assert.equal(givenUpAfter(1000, 100, 600), undefined);
  assert.equal(givenUpAfter(100, 1000, 600), undefined);
  assert.equal(givenUpAfter(1, 100_000, 60), undefined, "1,000 a second, of which the least is 625");
});

Deno.test("only time in which the publisher waits counts", () => {
  const rule = new PaceRule(5000);
  const progress = rule.begin(0);
  rule.blocked(0);
  assert.equal(rule.isTooSlow(progress, 0, 3200, 0), false);
  rule.unblocked(1000);
  assert.equal(rule.isTooSlow(progress, 99, 3200, 1e6), false);
  rule.blocked(1e6);
  assert.equal(rule.isTooSlow(progress, 99, 3200, 1e6 + 3999), false);
  assert.equal(rule.isTooSlow(progress, 99, 3200, 1e6 + 4000), true);
  assert.equal(rule.isTooSlow(progress, 100, 3200, 1e6 + 4000), false, "it has done its part");
});
