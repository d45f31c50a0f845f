/** Case 16: `status` showed standbys by the alphabet and not who is next, and ids as 1, 10, 11, 2. */
import assert from "node:assert/strict";
import { until } from "../harness/condition.ts";
import { type System, systemTest } from "../harness/system.ts";

async function linesOf(system: System): Promise<string[]> {
  const status = system.start(["status"]);
  assert.equal(await status.exit(), 0);
  return status.stdout;
}

systemTest(
  "case 16: standbys are in the order of succession, clients in that of their numbers",
  async (system) => {
    const first = await system.broker("--id", "m");
    for (const id of ["z", "a", "q"]) await system.broker("--id", id);
    const clients = system.start(["subscriber", "-t", "A", "--count", "11", "--id", "s"]);
    await until(
      "all are registered",
      () => clients.stderr.filter((line) => /: registered/.test(line)).length === 11,
    );
    const before = await until("all are shown", async () => {
      const lines = await linesOf(system);
      return lines.filter((line) => / subscriber /.test(line)).length === 11 ? lines : undefined;
    });
    assert.match(before.find((line) => /^1 /.test(line))!, / m .* z, a, q /);
    const ids = before.filter((line) => / subscriber /.test(line)).map((line) => line.split(" ")[0]);
    assert.deepEqual(ids, Array.from({ length: 11 }, (_, i) => `s-${i + 1}`));
    assert.equal(await first.interrupt(), 0);
    await until(
      "the next one leads",
      async () => (await linesOf(system)).some((line) => /^1 +z .* a, q /.test(line)),
    );
  },
);
