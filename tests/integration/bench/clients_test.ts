/** `pubsub bench-clients` as a user runs it: a crowd in one process and in several costs the same kind of figures. */
import assert from "node:assert/strict";
import type { StageFigures } from "../../../lib/crowd/figures.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;

async function benchClients(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, "bench-clients", "--rest", "0.2", ...args],
    stdin: "null",
    env: { PUBSUB_ZOOKEEPER: "" },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

for (const processes of [1, 3]) {
  Deno.test({
    name: title(`everybody of a crowd in ${processes} processes registers and is matched`),
    ignore: !unrestricted,
    async fn() {
      const { code, out, err } = await benchClients(
        ...["--clients", "7,20", "--brokers", "2", "--processes", String(processes), "--json"],
      );
      assert.equal(code, 0, err);
      const stages = out.trim().split("\n").map((line) => JSON.parse(line) as StageFigures);
      assert.deepEqual(stages.map(({ clients }) => clients), [7, 20]);
      assert.deepEqual(stages.map(({ registrations }) => registrations), [7, 13]);
      for (const { clientOperations, clientCpuMs, matchKilobytes } of stages) {
        assert.ok(clientOperations >= 4 && clientOperations < 40, out);
        assert.ok(clientCpuMs > 0 && matchKilobytes > 0, out);
      }
    },
  });
}
