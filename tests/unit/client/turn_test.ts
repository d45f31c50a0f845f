import assert from "node:assert/strict";
import { Turn } from "../../../lib/client/turn.ts";

function recording() {
  const log: string[] = [];
  const turn = new Turn(() => log.push("flush"), () => log.push("begin"));
  return { log, turn };
}

Deno.test("the first touch is flushed before the next task, the others at the end of the turn", async () => {
  const { log, turn } = recording();
  turn.touch();
  turn.touch();
  assert.deepEqual(log, ["begin"]);
  await Promise.resolve();
  assert.deepEqual(log, ["begin", "flush"]);
  turn.touch();
  assert.deepEqual(log, ["begin", "flush"], "the same turn");
  await turn.ended();
  assert.deepEqual(log, ["begin", "flush", "flush"]);
});

Deno.test("a turn ends also when nothing was added, and the next one begins anew", async () => {
  const { log, turn } = recording();
  await turn.ended();
  assert.deepEqual(log, ["begin", "flush", "flush"]);
  await Promise.all([turn.ended(), turn.ended()]);
  assert.deepEqual(log, ["begin", "flush", "flush", "begin", "flush", "flush"]);
});

Deno.test("who waits for the end of a turn within one gets the same end, who waits after it the next", async () => {
  const { log, turn } = recording();
  turn.touch();
  await turn.ended();
  const turns = log.filter((entry) => entry === "begin").length;
  assert.equal(turns, 1);
  await turn.ended();
  assert.equal(log.filter((entry) => entry === "begin").length, 2);
});
