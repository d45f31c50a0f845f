/** A program that begins anew within its process: what stays and what goes. */
import assert from "node:assert/strict";
import { title, unrestricted } from "../../harness/permissions.ts";

const FIXTURE = new URL("fixture/begins_anew.ts", import.meta.url).pathname;

for (const hangUp of ["ignored", "not ignored"]) {
  Deno.test({
    name: title(`a program begins anew in its process, whatever its threads do; SIGHUP is ${hangUp}`),
    ignore: !unrestricted,
    async fn() {
      const file = Deno.makeTempFileSync();
      try {
        const trap = hangUp === "ignored" ? "trap '' HUP; " : "";
        const run = `${trap}exec "$0" run -A --no-check --node-modules-dir=manual "$@"`;
        const { code, stderr } = await new Deno.Command("sh", {
          args: ["-c", run, Deno.execPath(), FIXTURE, file, hangUp, "", "an ärgument"],
          env: { BEGINS_ANEW: "kept" },
        }).output();
        assert.equal(code, 7, new TextDecoder().decode(stderr));
        const lives = Deno.readTextFileSync(file).trim().split("\n").map((line) => JSON.parse(line));
        assert.equal(lives.length, 3);
        assert.deepEqual(lives[0].args, [file, hangUp, "", "an ärgument"]);
        assert.equal(lives[0].variable, "kept");
        assert.equal(lives[0].hangUpIgnored, hangUp === "ignored");
        // The same process, and the port was free again.
        for (const life of lives) assert.deepEqual(life, lives[0]);
      } finally {
        Deno.removeSync(file);
      }
    },
  });
}
