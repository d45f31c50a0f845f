import assert from "node:assert/strict";
import { judge, LifeAccount, Printed, type PublisherAccount, tells } from "../../chaos/stdin/account.ts";
import { planOf } from "../../chaos/stdin/plan.ts";

function publisher(more: Partial<PublisherAccount> = {}): PublisherAccount {
  return { id: "p", given: 10, awaited: true, killed: false, code: 0, errors: [], ...more };
}

function life(numbers: readonly number[], summary = "summary received=1 lost=0", number = 1): LifeAccount {
  const account = new LifeAccount("r-1", number);
  account.ready = true;
  account.summary = summary;
  for (const one of numbers) account.take(`p ${one} ...`);
  return account;
}

const TO_TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

Deno.test("what is not printed is missing: before, between and behind", () => {
  const printed = new Printed();
  assert.deepEqual(printed.missing(1, 3), [[1, 3]]);
  for (const number of [3, 4, 7]) printed.take(number);
  assert.deepEqual(printed.missing(1, 9), [[1, 2], [5, 6], [8, 9]]);
  assert.deepEqual(printed.missing(3, 5), [[5, 5]]);
  printed.take(7);
  printed.take(5);
  assert.equal(printed.disorder, 2);
});

Deno.test("everything printed once and in order is no violation", () => {
  const { violations, doubts, missing } = judge([life(TO_TEN)], [publisher()]);
  assert.deepEqual([violations, doubts, missing], [[], [], []]);
});

Deno.test("what is missing and told by nobody is a violation", () => {
  const { violations, hope } = judge([life([1, 2, 5, 6, 7, 8])], [publisher()]);
  assert.equal(violations.length, 1);
  assert.match(violations[0]!, /r-1 misses 4 of 10 of p \(3–4, 9–10\), and p ended with 0/);
  assert.ok(hope);
});

Deno.test("what is missing is told by the exit code with the reader's name, or is lost or fenced if there is none", () => {
  const eight = TO_TEN.slice(0, 8);
  const told = publisher({ code: 1, errors: ["T ERROR publisher: p: r-1 has lost 2 samples"] });
  assert.equal(judge([life(eight)], [told]).violations.length, 0);
  const other = publisher({ code: 1, errors: ["T ERROR publisher: p: r-11 has lost 2 samples"] });
  assert.ok(!tells(other, "r-1"));
  const another = new LifeAccount("r-2", 1);
  another.summary = "summary lost=0";
  for (const one of TO_TEN) another.take(`p ${one}`);
  const misses = (summary: string, by = other) =>
    judge([life(eight, summary), another], [by]).violations.length;
  assert.equal(misses("summary lost=1 fenced=1"), 0);
  assert.equal(misses("summary lost=1 fenced=0"), 1);
  assert.equal(misses("summary lost=2", publisher()), 1, "ended with 0");
});

Deno.test("what is told of although nothing is missing is a remark", () => {
  const verdict = judge([life(TO_TEN, "summary lost=3")], [publisher({ code: 1, errors: ["r-1"] })]);
  assert.deepEqual([verdict.violations.length, verdict.remarks.length], [0, 2]);
});

Deno.test("printed again, out of order, never given, or no line at all is a violation", () => {
  for (const more of ["p 10", "p 3", "p 11", "nonsense"]) {
    const account = life(TO_TEN);
    account.take(more);
    assert.equal(judge([account], [publisher()]).violations.length, 1, more);
  }
});

Deno.test("of a publisher that was killed nothing is owed; one that ended otherwise is a violation", () => {
  assert.equal(judge([life([1])], [publisher({ killed: true, code: undefined })]).violations.length, 0);
  assert.equal(judge([life(TO_TEN)], [publisher({ code: 134 })]).violations.length, 1);
  assert.equal(judge([life(TO_TEN)], [publisher({ code: undefined })]).violations.length, 1);
  assert.equal(judge([life(TO_TEN)], [publisher({ code: 1 })]).violations.length, 1);
});

Deno.test("a reader that was killed is judged by the exit code", () => {
  const killed = (numbers: readonly number[]) => {
    const account = life(numbers);
    account.killed = true;
    account.summary = undefined;
    return account;
  };
  assert.match(judge([killed([1, 2, 3])], [publisher()]).violations[0]!, /killed, misses 7 of 10/);
  assert.equal(judge([killed(TO_TEN)], [publisher()]).violations.length, 0);
  const told = publisher({ code: 1, errors: ["r-1"] });
  assert.equal(judge([killed([1, 2, 3])], [told]).violations.length, 0);
  const { violations, doubts } = judge([killed([])], [publisher()]);
  assert.deepEqual([violations.length, doubts.length], [0, 1]);
  const lives = [killed([1, 2, 3]), life([5, 6, 7, 8, 9, 10], undefined, 2)];
  assert.match(judge(lives, [publisher()]).violations[0]!, /killed, misses 1 of 4/);
  assert.equal(judge([killed([1, 2, 3, 4]), lives[1]!], [publisher()]).violations.length, 0);
});

Deno.test("a later life owes what came after its first line", () => {
  assert.equal(judge([life([5, 6, 7, 8, 9, 10], undefined, 2)], [publisher()]).violations.length, 0);
  assert.equal(judge([life([5, 6, 7, 8, 9], undefined, 2)], [publisher()]).violations.length, 1);
  assert.equal(judge([life([], undefined, 2)], [publisher()]).violations.length, 0);
});

Deno.test("a reader that has left without a summary is a violation", () => {
  const account = life(TO_TEN);
  account.summary = undefined;
  assert.equal(judge([account], [publisher()]).violations.length, 1);
});

Deno.test("the same seed plans the same round, another one another", () => {
  assert.deepEqual(planOf(7), planOf(7));
  assert.notDeepEqual(planOf(7), planOf(8));
  for (let seed = 0; seed < 500; seed++) {
    const { faults, readers, publishers, brokers } = planOf(seed);
    assert.ok(faults.length >= 1 && faults.length <= 3);
    assert.ok(readers.length >= 1 && publishers.length >= 1 && brokers >= 1);
    for (const { phases } of publishers) assert.ok(phases.every(({ lines }) => lines > 0));
  }
});
