import assert from "node:assert/strict";
import { outcomeOf, runsAlone } from "../../../scripts/run_tests/outcome.ts";

Deno.test("what deno test says is counted, with and without colours, steps and ignored tests", () => {
  const plain =
    "running 2 tests from ./a_test.ts\na ... ok (1ms)\n\nok | 2 passed (3 steps) | 0 failed | 1 ignored (5s)\n";
  assert.deepEqual(outcomeOf(plain), { passed: 2, failed: 0, ignored: 1, failures: [], files: [] });
  const coloured = "\x1b[0m\x1b[32mok\x1b[0m | 12 passed | 0 failed \x1b[0m\x1b[38;5;245m(38s)\x1b[0m\n";
  assert.deepEqual(outcomeOf(coloured), { passed: 12, failed: 0, ignored: 0, failures: [], files: [] });
});

Deno.test("the tests that failed are named", () => {
  const output = [
    "one ... FAILED (2ms)",
    " ERRORS ",
    "",
    "one => ./tests/a_test.ts:58:6",
    "error: AssertionError: no => yes",
    "",
    " FAILURES ",
    "",
    "one => ./tests/a_test.ts:58:6",
    "two: a => b => ./tests/a_test.ts:60:6",
    "",
    "FAILED | 7 passed | 2 failed (66ms)",
    "",
    "error: Test failed",
  ].join("\n");
  const failures = ["one", "two: a => b"];
  const files = ["./tests/a_test.ts"];
  assert.deepEqual(outcomeOf(output), { passed: 7, failed: 2, ignored: 0, failures, files });
});

Deno.test("a file that fails outside of its tests is named, too", () => {
  const output = [
    " FAILURES ",
    "",
    "one => ./tests/a_test.ts:58:6",
    "./tests/b_test.ts (uncaught error)",
    "",
    "FAILED | 7 passed | 2 failed (66ms)",
  ].join("\n");
  const { failures, files } = outcomeOf(output)!;
  assert.deepEqual(failures, ["one", "./tests/b_test.ts (uncaught error)"]);
  assert.deepEqual(files, ["./tests/a_test.ts", "./tests/b_test.ts"]);
});

Deno.test("a process that ended before its summary has no outcome", () => {
  assert.equal(outcomeOf("running 2 tests\n"), undefined);
  assert.equal(outcomeOf("a test prints ok | 1 passed | 0 failed\n"), undefined);
});

Deno.test("only the first comment of a file asks for the machine", () => {
  assert.equal(runsAlone("/** Case 1.\n *\n * Runs alone: it measures speed.\n */\nimport x;"), true);
  assert.equal(runsAlone("/** Case 1. */\n/** Runs alone: no. */"), false);
  assert.equal(runsAlone("import x;\n/** Runs alone: no. */"), false);
});
