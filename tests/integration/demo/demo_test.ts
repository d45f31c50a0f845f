import assert from "node:assert/strict";
import { pubsub } from "../../harness/process.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

Deno.test({
  name: title("the demonstration keeps its promises, tells them, and leaves no process behind"),
  ignore: !unrestricted,
  fn: async () => {
    const out = await Deno.makeTempDir({ prefix: "pubsub-demo-test-" });
    try {
      await using demo = pubsub(["demo", "--out", out], { zookeeper: "127.0.0.1:1" });
      assert.equal(await demo.exit(90_000), 0, [...demo.stdout, ...demo.stderr].join("\n"));
      assert.equal(demo.stdout.filter((line) => line.startsWith("  kept")).length, 6);
      assert.ok(demo.stdout.some((line) => /samples were back after +\d+ ms/.test(line)));
      for (const name of ["sub-direct.csv", "sub-centralized.csv", "sub-late.csv"]) {
        assert.ok(Deno.statSync(`${out}/${name}`).size > 1000);
      }
      // Every child had this directory in its arguments or wrote there.
      const left = new TextDecoder().decode(
        (await new Deno.Command("ps", { args: ["-eo", "args"] }).output()).stdout,
      );
      assert.ok(!left.split("\n").some((line) => line.includes(out)), "a process is left");
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});

Deno.test({
  name: title("a demonstration that is stopped says so in one line"),
  ignore: !unrestricted,
  fn: async () => {
    const out = await Deno.makeTempDir({ prefix: "pubsub-demo-test-" });
    try {
      await using demo = pubsub(["demo", "--out", out], { zookeeper: "127.0.0.1:1" });
      await demo.says(/\d s {2}/);
      assert.equal(await demo.interrupt(), 1);
      assert.equal(demo.stderr.at(-1), "stopped before it was done");
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});
