import assert from "node:assert/strict";
import { connect } from "node:net";
import { refuseConnections } from "../../../lib/zmq/connections.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

const ignore = !unrestricted || Deno.build.os !== "linux";

/** Whether a connection from this address is taken. */
async function taken(port: number, localAddress: string): Promise<boolean> {
  const socket = connect({ host: localAddress.includes(":") ? "::1" : "127.0.0.1", port, localAddress });
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise((resolve) => {
      socket.on("connect", () => resolve(true));
      socket.on("error", () => resolve(false));
      timer = setTimeout(() => resolve(false), 500);
    });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

for (const hostname of ["127.0.0.1", "::"]) {
  Deno.test({
    name: title(`connections from some addresses are not taken, those that stand go on (${hostname})`),
    ignore,
    async fn() {
      using listener = Deno.listen({ hostname, port: 0 });
      const { port } = listener.addr;
      using before = await Deno.connect({ hostname: "127.0.0.1", port });
      using accepted = await listener.accept();
      assert.ok(refuseConnections(port, ["127.0.0.1", "127.0.0.9", "0:0:0:0"]));
      assert.equal(await taken(port, "127.0.0.1"), false);
      assert.equal(await taken(port, "127.0.0.9"), false);
      assert.equal(await taken(port, "127.0.0.8"), true);
      if (hostname === "::") assert.equal(await taken(port, "::1"), false);
      await before.write(Uint8Array.of(7));
      assert.equal(await accepted.read(new Uint8Array(1)), 1);
      assert.ok(refuseConnections(port, []));
      assert.equal(await taken(port, "127.0.0.1"), true);
    },
  });
}
