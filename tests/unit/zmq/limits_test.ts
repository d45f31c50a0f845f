import assert from "node:assert/strict";
import { leavesReserve, parseDescriptorLimit } from "../../../lib/zmq/limits.ts";

Deno.test("the limit of open files is the soft one", () => {
  const text = "Max processes             96352                96352                processes\n" +
    "Max open files            1024                 524288               files     \n";
  assert.equal(parseDescriptorLimit(text), 1024);
});

Deno.test("no limit, or one that is not told, is no limit", () => {
  assert.equal(
    parseDescriptorLimit("Max open files            unlimited            unlimited            files"),
    Infinity,
  );
  assert.equal(parseDescriptorLimit(""), Infinity);
  assert.ok(leavesReserve(1_000_000, Infinity));
});

Deno.test("the last 64 descriptors are kept back, and of few descriptors an eighth", () => {
  assert.ok(leavesReserve(959, 1024));
  assert.ok(!leavesReserve(960, 1024));
  assert.ok(leavesReserve(69, 80));
  assert.ok(!leavesReserve(70, 80));
});
