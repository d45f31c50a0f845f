import assert from "node:assert/strict";
import { completeOptions } from "../../../lib/zmq/options.ts";

Deno.test("subscriptions are never dropped: an xsub sends without a limit, an xpub receives without one", () => {
  assert.equal(completeOptions("xsub", {}).sendHighWaterMark, 0);
  assert.equal(completeOptions("xpub", {}).receiveHighWaterMark, 0);
});

Deno.test("a subscriber that pauses keeps its connection: an xsub receives without a limit", () => {
  assert.equal(completeOptions("xsub", {}).receiveHighWaterMark, 0);
});

Deno.test("what is sent to a peer that does not read is bounded", () => {
  for (const kind of ["xpub", "router", "dealer"] as const) {
    assert.equal(completeOptions(kind, {}).sendHighWaterMark, 1000);
  }
});

Deno.test("nothing is waited for at close, and a silent peer is noticed, unless told otherwise", () => {
  const options = completeOptions("dealer", {});
  assert.equal(options.linger, 0);
  assert.equal(options.heartbeatIntervalMs, 100);
  assert.equal(options.heartbeatTimeoutMs, 300);
  assert.equal(completeOptions("dealer", { linger: 5, heartbeatIntervalMs: 0 }).heartbeatIntervalMs, 0);
});
