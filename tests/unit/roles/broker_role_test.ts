import assert from "node:assert/strict";
import { StuckError } from "../../../lib/base/errors.ts";
import type { RoleContext } from "../../../roles/context.ts";
import { serve } from "../../../roles/broker.ts";

/** Runs a broker that fails like this, and tells what it did. */
async function failing(error: Error, context: Partial<RoleContext>): Promise<string[]> {
  const done: string[] = [];
  const broker = {
    id: "b1",
    failed: Promise.reject(error),
    start: () => Promise.resolve(),
    close: () => {
      done.push("left");
      return Promise.resolve();
    },
  };
  await serve(broker, {
    ...{
      signal: new AbortController().signal,
      out: () => {},
      outBytes: () => Promise.resolve(),
      note: () => {},
    },
    ...context,
  }).catch((reason) => {
    assert.equal(reason, error);
    done.push("failed");
  });
  return done;
}

Deno.test("a broker whose data plane is stuck leaves, and the program begins anew", async () => {
  const done: string[] = [];
  const beginAnew = () => void done.push("anew");
  assert.deepEqual(await failing(new StuckError("stuck"), { beginAnew }), ["left"]);
  assert.deepEqual(done, ["anew"]);
});

Deno.test("it fails where that cannot be, and for any other reason", async () => {
  assert.deepEqual(await failing(new StuckError("stuck"), {}), ["left", "failed"]);
  const beginAnew = () => assert.fail("no reason to begin anew");
  assert.deepEqual(await failing(new Error("its id is another's"), { beginAnew }), ["left", "failed"]);
});
