/** `roles/zookeeper.ts`: prints the address, serves, stops when told, fails when it cannot start. */
import assert from "node:assert/strict";
import { PubsubError, UsageError } from "../../../lib/base/errors.ts";
import { runZooKeeper } from "../../../roles/zookeeper.ts";
import { within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { RawZooKeeper } from "../../harness/raw_zookeeper.ts";

Deno.test({
  name: title("The role prints the address it really bound, serves, and leaves when told"),
  ignore: !unrestricted,
  fn: async () => {
    const leaving = new AbortController();
    const printed = Promise.withResolvers<string>();
    const role = runZooKeeper({ listen: "127.0.0.1:0", tickTime: 100 }, {
      signal: leaving.signal,
      stdout: (line) => printed.resolve(line),
    });
    const address = /^zookeeper listening on (127\.0\.0\.1:\d+)$/.exec(await printed.promise)?.[1];
    assert.ok(address !== undefined);
    const client = await RawZooKeeper.connect(address, { timeout: 1 });
    assert.equal(client.session.timeout, 200, "two ticks");
    leaving.abort();
    await within("the role ends", role);
    await within("the connection is closed", client.closed);
    await client.close();
  },
});

Deno.test({
  name: title("A port that is taken and an address that is none are told in one line"),
  ignore: !unrestricted,
  fn: async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const context = { signal: new AbortController().signal, stdout: () => assert.fail("nothing is printed") };
    const taken = `127.0.0.1:${listener.addr.port}`;
    await assert.rejects(
      runZooKeeper({ listen: taken }, context),
      (error) => error instanceof PubsubError && error.message.startsWith(`Cannot listen on ${taken}: `),
    );
    await assert.rejects(runZooKeeper({ listen: "nowhere" }, context), UsageError);
  },
});

Deno.test({
  name: title("A role that is told to leave before it has started leaves"),
  ignore: !unrestricted,
  fn: async () => {
    await within(
      "it ends",
      runZooKeeper({ listen: "127.0.0.1:0" }, { signal: AbortSignal.abort(), stdout: () => {} }),
    );
  },
});
