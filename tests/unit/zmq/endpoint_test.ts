import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/errors.ts";
import { endpointError } from "../../../lib/zmq/endpoint.ts";

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
