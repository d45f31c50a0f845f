import assert from "node:assert/strict";
import { UsageError } from "../../../lib/base/errors.ts";
import { formatAddress, parseListenAddress } from "../../../lib/zookeeper_server/listen_address.ts";

Deno.test("HOST:PORT, [IPV6]:PORT and *:PORT are addresses", () => {
  assert.deepEqual(parseListenAddress("127.0.0.1:2181"), { hostname: "127.0.0.1", port: 2181 });
  assert.deepEqual(parseListenAddress("[::1]:0"), { hostname: "::1", port: 0 });
  assert.deepEqual(parseListenAddress("::1:2181"), { hostname: "::1", port: 2181 });
  assert.deepEqual(parseListenAddress("*:65535"), { hostname: "0.0.0.0", port: 65535 });
  assert.equal(formatAddress(parseListenAddress("[::1]:7")), "[::1]:7");
  assert.equal(formatAddress(parseListenAddress("localhost:7")), "localhost:7");
});

Deno.test("What is no address is refused, naming it", () => {
  for (
    const text of [
      "",
      "2181",
      ":2181",
      "host",
      "host:",
      "host:x",
      "host:65536",
      "::1",
      "[::1]",
      "[127.0.0.1]:1",
      "a b:1",
    ]
  ) {
    assert.throws(
      () => parseListenAddress(text),
      (error) => error instanceof UsageError && error.message.includes(text),
    );
  }
});
