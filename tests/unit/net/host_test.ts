import assert from "node:assert/strict";
import { UsageError } from "../../../lib/base/errors.ts";
import { checkHost, isAddress, parseHost, splitHostPort } from "../../../lib/net/host.ts";

Deno.test("a host is a name, or an address; one of IPv6 with or without brackets", () => {
  for (const text of ["h", "h-1.example.org", "10.0.0.1", "a_b", "::1", "fe80::1%eth0", "::ffff:10.0.0.1"]) {
    assert.equal(parseHost(text), text);
  }
  assert.equal(parseHost("[::1]"), "::1");
  assert.equal(parseHost("[fe80::1%eth0]"), "fe80::1%eth0");
  for (
    const text of [
      "",
      "[h]",
      "[10.0.0.1]",
      "[[::1]]",
      "[::1",
      "h:1",
      "[::1]:1",
      "a b",
      "-h",
      ":::",
      "h\n",
      "*",
    ]
  ) {
    assert.equal(parseHost(text), undefined, text);
  }
  assert.ok(isAddress("[::1]") && isAddress("10.0.0.1") && !isAddress("127.1") && !isAddress("h"));
});

Deno.test("what is no host is refused, naming option, value and rule", () => {
  assert.equal(checkHost("address", "[::1]"), "::1");
  assert.throws(() => checkHost("bind address", "h:1"), (error: unknown) => {
    assert.ok(error instanceof UsageError);
    assert.equal(error.message, 'Invalid bind address "h:1": must be a host name or address without a port');
    return true;
  });
});

Deno.test("host and port are told apart, brackets or not, unless that can be read in two ways", () => {
  const may = (text: string) => splitHostPort(text, { port: "may" });
  const must = (text: string) => splitHostPort(text, { port: "must" });
  assert.deepEqual(may("h"), { host: "h", port: undefined });
  assert.deepEqual(may("h:1"), { host: "h", port: "1" });
  assert.deepEqual(may("[::1]:1"), { host: "::1", port: "1" });
  assert.deepEqual(may("[::1]"), { host: "::1", port: undefined });
  assert.deepEqual(may("::1"), { host: "::1", port: undefined });
  assert.equal(may("::1:2181"), "ambiguous");
  assert.equal(may("h:1:2"), undefined);
  assert.deepEqual(must("::1:2181"), { host: "::1", port: "2181" });
  assert.deepEqual(must("h:1"), { host: "h", port: "1" });
  assert.equal(must("h"), undefined);
  assert.equal(must("::1"), undefined);
  assert.equal(must("[::1]"), undefined);
});
