import assert from "node:assert/strict";
import { warmUpFor } from "../../../lib/bench/pace.ts";

Deno.test("the warm-up lasts until each client may have had a core for a second", () => {
  assert.equal(warmUpFor(2, 2), 1);
  assert.equal(warmUpFor(2, 64), 1);
  assert.equal(warmUpFor(5, 2), 3);
  assert.equal(warmUpFor(33, 2), 17);
});
