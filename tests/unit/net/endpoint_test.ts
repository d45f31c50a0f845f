import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/base/errors.ts";
import { checkEndpoint, endpointError, tcpParts } from "../../../lib/net/endpoint.ts";

Deno.test("an endpoint that cannot be used is told in one line: what, which, why", () => {
  const error = endpointError("listen on", "tcp://127.0.0.1:80", "permission denied");
  assert.ok(error instanceof PubsubError);
  assert.equal(error.message, "Cannot listen on tcp://127.0.0.1:80: permission denied");
});

Deno.test("the library's reasons are put in the words of an endpoint", () => {
  assert.equal(
    endpointError("connect to", "nonsense", "invalid argument").message,
    "Cannot connect to nonsense: not a valid endpoint, expected tcp://host:port",
  );
  assert.match(endpointError("listen on", "tcp://nowhere:1", "no such device").message, /no such host/);
});

Deno.test("a port that does not exist is refused, and so is a missing one", () => {
  for (
    const endpoint of [
      "tcp://127.0.0.1:65536",
      "tcp://127.0.0.1:99999",
      "tcp://127.0.0.1",
      "tcp://h:-1",
      "tcp://:5",
    ]
  ) {
    assert.throws(() => checkEndpoint("listen on", endpoint), /expected tcp:\/\/host:port/, endpoint);
  }
});

Deno.test("hosts, interfaces, wildcards and IPv6 addresses are endpoints", () => {
  for (
    const endpoint of [
      "tcp://127.0.0.1:0",
      "tcp://*:5555",
      "tcp://eth0:*",
      "tcp://[::1]:65535",
      "inproc://x",
      "ipc:///x",
    ]
  ) {
    checkEndpoint("listen on", endpoint, (name) => name === "*" || name === "eth0");
  }
});

Deno.test("a name is refused before the library would look it up", () => {
  for (const endpoint of ["tcp://host:1", "tcp://localhost:1", "tcp://*:1", "tcp://127.1:1", "tcp://::1:1"]) {
    assert.throws(
      () => checkEndpoint("connect to", endpoint),
      /must be an address, not a name|not a valid/,
      endpoint,
    );
  }
  for (const endpoint of ["tcp://127.0.0.1:1", "tcp://[::1]:1", "tcp://[fe80::1%eth0]:1"]) {
    checkEndpoint("connect to", endpoint);
  }
});

Deno.test("an endpoint is taken apart", () => {
  assert.deepEqual(tcpParts("tcp://[fe80::1%eth0]:12"), { host: "fe80::1%eth0", port: "12" });
  assert.deepEqual(tcpParts("tcp://h:*"), { host: "h", port: "*" });
  for (const text of ["tcp://h:65536", "tcp://h", "inproc://h:1"]) {
    assert.equal(tcpParts(text), undefined, text);
  }
});
