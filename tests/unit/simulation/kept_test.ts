/** Plans that once broke a promise: they keep it now. */
import assert from "node:assert/strict";
import { title, unrestricted } from "../../harness/permissions.ts";
import type { Plan } from "../../simulation/plan.ts";
import { runPlan } from "../../simulation/run_plan.ts";

const KEPT = new URL("../../simulation/kept/", import.meta.url);
const names = unrestricted ? [...Deno.readDirSync(KEPT)].map(({ name }) => name).toSorted() : ["all"];

for (const name of names) {
  Deno.test({
    name: title(`kept: ${name.replace(".json", "").replaceAll("_", " ")}`),
    ignore: !unrestricted,
    async fn() {
      const plan: Plan = JSON.parse(await Deno.readTextFile(new URL(name, KEPT)));
      const { broken } = await runPlan(plan);
      assert.deepEqual(broken, []);
    },
  });
}
