import assert from "node:assert/strict";
import { Answers } from "../../../lib/client/answers.ts";
import { until } from "../../harness/condition.ts";

const KIB64 = 64 * 1024;

/** Messages of 64 KiB whose first byte is `mark`. */
function* messages(mark: number, count: number): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(KIB64).fill(mark, 0, 1);
}

/** The bytes sent by whom, in runs: "1 8" is 8 messages of the answer marked 1. */
function recording(clock = () => performance.now()) {
  const sent: number[] = [];
  const answers = new Answers((message) => sent.push(message[0]!), clock);
  return { sent, answers, [Symbol.dispose]: () => answers.close() };
}

Deno.test("a small answer goes out at once, a large one in slices, and others have their turns", async () => {
  using recorded = recording();
  const { answers, sent } = recorded;
  answers.put("a", "a", messages(1, 2));
  assert.deepEqual(sent, [1, 1]);
  answers.put("b", "b", messages(2, 100));
  answers.put("c", "c", messages(3, 3));
  assert.equal(sent.length, 8, "512 KiB in a row");
  await until("all is sent", () => answers.size === 0);
  assert.equal(sent.length, 105);
  assert.ok(sent.indexOf(3) < sent.lastIndexOf(2));
});

Deno.test("one answer a reader is under way, the newest, and its cost stays bounded over time", async () => {
  let now = 0;
  using recorded = recording(() => now);
  const { answers, sent } = recorded;
  for (let i = 0; i < 300; i++) {
    answers.put("a", "a", messages(1, 250));
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.equal(answers.size, 1);
  await until("its balance is used up", () => sent.length >= 512);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(sent.length, 512, "32 MiB");
  answers.put("b", "b", messages(2, 20));
  await until("another one gets its answer", () => sent.filter((mark) => mark === 2).length === 20);
  now += 1000;
  answers.put("a", "a", messages(1, 20));
  await until("it earns more", () => answers.size === 0);
});

Deno.test("after the end nothing is sent", async () => {
  using recorded = recording();
  const { answers, sent } = recorded;
  answers.put("a", "a", messages(1, 20));
  answers.close();
  answers.put("b", "b", messages(1, 20));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(sent.length, 8);
});
