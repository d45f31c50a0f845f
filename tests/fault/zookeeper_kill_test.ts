/** The embedded server under kill -9: see `zookeeper_kill_loop.ts`, which can run many more rounds. */
import assert from "node:assert/strict";
import { title, unrestricted } from "../harness/permissions.ts";
import { killLoop } from "./zookeeper_kill_loop.ts";

Deno.test({
  name: title("Twenty kills at random moments lose no acknowledged write and revive no ended session"),
  ignore: !unrestricted,
  fn: async () => {
    const seed = Number(Deno.env.get("PUBSUB_TEST_SEED") ?? Date.now() % 1_000_000);
    const dir = await Deno.makeTempDir({ prefix: "zookeeper-kill-" });
    try {
      const result = await killLoop({ rounds: 20, seed, dir });
      assert.ok(result.acknowledged > 1000, `only ${result.acknowledged} writes (seed ${seed})`);
      assert.ok(result.sessionsKept > 0 && result.sessionsEnded > 0, `sessions (seed ${seed})`);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
