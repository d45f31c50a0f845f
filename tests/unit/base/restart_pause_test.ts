import assert from "node:assert/strict";
import { RestartPause } from "../../../lib/base/restart_pause.ts";

Deno.test("pauses double up to half a minute, and begin again after a long life", () => {
  const pause = new RestartPause();
  assert.deepEqual(Array.from({ length: 10 }, () => pause.ended(100)), [
    ...[250, 500, 1000, 2000, 4000, 8000, 16_000],
    ...[30_000, 30_000, 30_000],
  ]);
  assert.equal(pause.failures, 10);
  assert.equal(pause.ended(30_000), 250);
  assert.equal(pause.failures, 1);
});
