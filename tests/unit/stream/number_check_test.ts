import assert from "node:assert/strict";
import { NumberCheck } from "../../../lib/stream/number_check.ts";

Deno.test("case 49: a number that the publisher cannot have reached is refused and counted, others never", () => {
  const check = new NumberCheck();
  assert.equal(check.admits(1e12, 0, 0), true, "one that joins an old stream");
  assert.equal(check.admits(2 ** 53 - 10, 0, 0), false);
  assert.equal(check.admits(3487, 3487, 0), true);
  assert.equal(check.admits(2 ** 53 - 10, 3487, 0), false);
  assert.equal(check.admits(2 ** 31, 3487, 1000), false);
  assert.equal(check.admits(3487 + 1e9, 3487, 0), true, "a thousand seconds behind a fast publisher");
  assert.equal(check.admits(1, 3487, 0), true, "what came before");
  assert.equal(check.refused, 3);
  // A week out of sight at 100,000 a second, and the clock stood still for it: admitted in a minute or so.
  assert.equal(check.admits(6.1e10, 3487, 1000), false);
  assert.equal(check.admits(6.1e10, 3487, 610_000), true);
});
