/**
 * Case 50: whoever was named as a publisher got some hundred connections a second from subscribers, for ever.
 *
 * Runs alone: the library goes on connecting until this process has its turn, so beside others there are more.
 */
import assert from "node:assert/strict";
import { Link } from "../../lib/client/link.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import { delay, until } from "../harness/condition.ts";
import { title, unrestricted } from "../harness/permissions.ts";
import { ZmtpPeer } from "../harness/zmtp_peer.ts";

const HEARTBEATS = { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 300 };
const HANDLER = { onMessages: () => {}, onUp: () => {}, onDown: () => {} };

for (const manners of ["closes", "answers as a web server", "shakes hands and closes"]) {
  const sentence = `case 50: who takes connections and ${manners} is left alone for longer each time`;
  Deno.test({
    name: title(sentence),
    ignore: !unrestricted,
    fn: async () => {
      let connections = 0;
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const serving = (async () => {
        for await (const connection of listener) {
          connections++;
          if (manners === "shakes hands and closes") {
            // It may have been given up in the middle.
            const peer = await ZmtpPeer.on(connection, { type: "XPUB" }).catch(() => undefined);
            await delay(50);
            peer?.close();
            continue;
          }
          if (manners !== "closes") {
            await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")).catch(
              () => {},
            );
          }
          connection.close();
        }
      })();
      const link = new Link(`tcp://127.0.0.1:${listener.addr.port}`, HANDLER, HEARTBEATS);
      await until("it tries", () => connections >= 3);
      await delay(4000);
      assert.ok(connections <= 12, `${connections} connections in 4 s`);
      listener.close();
      await serving;
      // A publisher that comes there is found.
      await using publisher = new Socket("xpub");
      publisher.bind(`tcp://127.0.0.1:${listener.addr.port}`);
      await until("it is connected", () => link.up, 10_000);
      await link[Symbol.asyncDispose]();
    },
  });
}
