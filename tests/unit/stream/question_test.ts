import assert from "node:assert/strict";
import { Question } from "../../../lib/stream/question.ts";

const WANTED = { request: 7, from: 3, to: 9, depth: 0 };

Deno.test("A question is asked again after pauses that double up to a second", () => {
  const question = new Question(WANTED, 3, 0, 0);
  const pauses: number[] = [];
  for (let request = 8; request < 15; request++) {
    pauses.push(question.pause);
    question.again(request, 3, 9, question.retryAt);
  }
  assert.deepEqual(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
});

Deno.test("Answers to any of the times that it was asked are answers to it, others are not", () => {
  const question = new Question(WANTED, 3, 0, 0);
  question.again(9, 4, 9, 50);
  assert.deepEqual([question.from, question.to], [4, 9]);
  assert.deepEqual([6, 7, 9, 10].map((request) => question.isAnsweredBy(request)), [
    false,
    true,
    true,
    false,
  ]);
});

Deno.test("While its answer comes it is not asked again", () => {
  const question = new Question(WANTED, 3, 0, 200);
  question.heard(150);
  assert.equal(question.retryAt, 350);
});

Deno.test("What could not be asked as there was no room is looked at in a second, and begins anew then", () => {
  const question = new Question(WANTED, 3, 0, 800);
  question.defer(10);
  assert(question.deferred);
  assert.equal(question.retryAt, 1010);
  question.again(8, 4, 9, 500);
  assert(!question.deferred);
  assert.equal(question.pause, 50);
});
