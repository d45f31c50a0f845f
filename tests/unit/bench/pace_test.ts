import assert from "node:assert/strict";
import { warmUpFor } from "../../../lib/bench/pace.ts";

Deno.test("the warm-up lasts until each client may have had a core for three seconds", () => {
  assert.equal(warmUpFor(2, 2), 3);
  assert.equal(warmUpFor(2, 64), 3);
  assert.equal(warmUpFor(5, 2), 8);
  assert.equal(warmUpFor(33, 2), 50);
});
