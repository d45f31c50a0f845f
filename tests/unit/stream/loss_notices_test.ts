import assert from "node:assert/strict";
import { type Loss, LossNotices } from "../../../lib/stream/loss_notices.ts";

function notices() {
  const said: string[] = [];
  const losses: Loss[] = [];
  const told = new LossNotices((text, loss) => {
    said.push(text);
    if (loss) losses.push(loss);
  });
  const lose = (from: number, to: number, now: number, topic = "T", type: Loss["type"] = "lost") =>
    told.add({ type, topic, publisher: "p", reason: "r", from, to, count: to - from + 1 }, now);
  return { said, losses, told, lose };
}

Deno.test("a loss that stands alone is told at once and once", () => {
  const { said, told, lose } = notices();
  lose(5, 9, 0);
  for (let now = 0; now < 10_000; now += 250) told.look(now);
  assert.deepEqual(said, ["lost samples 5 to 9 of p on topic T: r"]);
});

Deno.test("case 36: a flood of losses is told when it begins, once a second, and when it ends; the counts add up", () => {
  const { said, losses, told, lose } = notices();
  for (let i = 0; i < 5000; i++) {
    lose(1 + i * 60, 30 + i * 60, i);
    if (i % 250 === 0) told.look(i);
  }
  for (let now = 5000; now < 10_000; now += 250) told.look(now);
  assert.equal(said.length, 7);
  assert.equal(said[0], "lost samples 1 to 30 of p on topic T: r");
  assert.match(said[1]!, /^lost \d+ more samples, 61 to \d+, of p on topic T: r$/);
  assert.equal(said.at(-1), "lost 150000 samples in all of p on topic T: r; no more now");
  assert.equal(losses.reduce((sum, { count }) => sum + count, 0), 150_000);
  lose(1, 1, 20_000);
  assert.equal(said.at(-1), "lost samples 1 to 1 of p on topic T: r", "what comes later begins anew");
});

Deno.test("lives of a publisher, which each begin with number 1, are told apart", () => {
  const { losses, told } = notices();
  const loss = { type: "fenced", topic: "T", publisher: "p", reason: "r", count: 1 } as const;
  for (const [from, life] of [[480, 1], [490, 1], [3, 2], [500, 1], [4, 2]] as const) {
    told.add({ ...loss, from, to: from }, 0, life);
  }
  told.settle(0);
  assert.deepEqual(losses.map(({ from, to, count }) => [from, to, count]), [
    ...[[480, 480, 1], [3, 3, 1]],
    ...[[490, 500, 2], [4, 4, 1]],
  ]);
});

Deno.test("streams, reasons and kinds are told apart; at the end everything is told", () => {
  const { said, losses, told, lose } = notices();
  for (const topic of ["A", "B"]) for (let i = 1; i < 4; i++) lose(i, i, 10, topic, "fenced");
  told.settle(20);
  assert.deepEqual(said, [
    "dropped samples 1 to 1 of p on topic A: r",
    "dropped samples 1 to 1 of p on topic B: r",
    "dropped 2 more samples, 2 to 3, of p on topic A: r",
    "dropped 3 samples in all of p on topic A: r; no more now",
    "dropped 2 more samples, 2 to 3, of p on topic B: r",
    "dropped 3 samples in all of p on topic B: r; no more now",
  ]);
  assert.equal(losses.length, 4);
});
