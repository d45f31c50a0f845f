/** Plans, their shrinking, and the list of planted faults. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { title, unrestricted } from "../../harness/permissions.ts";
import { MUTANTS } from "../../simulation/mutants.ts";
import { type Plan, planOf } from "../../simulation/plan.ts";
import { SCENARIOS } from "../../simulation/scenarios.ts";
import { shrink } from "../../simulation/shrink.ts";

const LIB = fileURLToPath(new URL("../../../lib/", import.meta.url));

Deno.test("a seed always has the same plan, and every scenario has plans", () => {
  for (const scenario of Object.keys(SCENARIOS)) {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      const plan = planOf(seed, scenario);
      assert.deepEqual(plan, planOf(seed, scenario));
      const ids = new Set(plan.roles.map(({ id }) => id));
      assert.equal(ids.size, plan.roles.length, "two have one id");
      for (const { at, what, who, other } of plan.faults) {
        kinds.add(what);
        assert.ok(who === "zookeeper" || ids.has(who), who);
        assert.ok(other === undefined || other === "zookeeper" || ids.has(other), `${other}`);
        assert.ok(at < plan.quietAt);
      }
    }
    const planned = new Set(SCENARIOS[scenario]!.faults.map(([what]) => what));
    assert.deepEqual(kinds, planned, scenario);
  }
  assert.notDeepEqual(planOf(1, "mixed"), planOf(2, "mixed"));
});

Deno.test("of a plan that fails what has no part in it is left out", async () => {
  const plan = planOf(7, "mixed");
  const [first, , third] = plan.faults;
  const owner = plan.roles.at(-1)!;
  let runs = 0;
  const breaks = (smaller: Plan) => {
    runs++;
    const has = smaller.faults.includes(first!) && smaller.faults.includes(third!);
    return Promise.resolve(has && smaller.roles.includes(owner));
  };
  const small = await shrink(plan, breaks);
  assert.deepEqual(small.faults, [first, third]);
  assert.deepEqual(small.roles, [owner]);
  assert.ok(runs < 200, `${runs} runs`);
});

Deno.test({
  name: title("each planted fault stands in the code as it is, once"),
  ignore: !unrestricted,
  async fn() {
    assert.ok(MUTANTS.length >= 40);
    assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
    for (const { name, file, text, instead } of MUTANTS) {
      const source = await Deno.readTextFile(LIB + file);
      assert.equal(source.split(text).length, 2, `${name}: in ${file} there is not once ${text}`);
      assert.notEqual(text, instead, name);
    }
  },
});
