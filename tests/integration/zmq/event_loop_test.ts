/** Waiting on the event loop's own thread must end when that loop has something to do. */
import assert from "node:assert/strict";
import { within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { startChild } from "./support.ts";

Deno.test({
  // A process of its own: under `deno test` the event loop runs on a second thread, and has another descriptor.
  name: title("the descriptor that is waited on besides the sockets' is the event loop's"),
  ignore: !unrestricted || Deno.build.os !== "linux",
  fn: async () => {
    await using child = startChild(["loop"]);
    const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let told = "";
    const line = async (index: number) => {
      while (told.split("\n").length <= index + 1) {
        const { value, done } = await within(`line ${index}`, lines.next(), 30_000);
        if (done) throw new Error(`ended after: ${told}`);
        told += value;
      }
      return told.split("\n")[index];
    };
    assert.equal(await line(0), "idle");
    const port = Number(await line(1));
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    assert.equal(await line(2), "woken");
    assert.equal((await child.status).code, 0);
    await child.stderr.cancel();
    while (!(await lines.next()).done);
  },
});
