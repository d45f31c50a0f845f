import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../lib/base/errors.ts";
import { formatZkAddress, parseZkAddress } from "../../../lib/zk/address.ts";

Deno.test("one server, several, with and without port and chroot", () => {
  assert.deepEqual(parseZkAddress("h"), { hosts: [{ host: "h", port: 2181 }], chroot: "" });
  assert.deepEqual(parseZkAddress("h1:1,h2:65535/a/b"), {
    hosts: [{ host: "h1", port: 1 }, { host: "h2", port: 65535 }],
    chroot: "/a/b",
  });
  assert.deepEqual(parseZkAddress(" 10.0.0.1:2181 / ".replaceAll(" ", "")).chroot, "");
  assert.equal(parseZkAddress("h:1/a/").chroot, "/a");
});

Deno.test("an IPv6 address is taken in brackets, without them when it has no port, and never silently read as something else", () => {
  assert.deepEqual(parseZkAddress("[::1]:2182,[fe80::1%eth0]").hosts, [
    { host: "::1", port: 2182 },
    { host: "fe80::1%eth0", port: 2181 },
  ]);
  for (const host of ["::1", "fe80::1", "1:2:3:4:5:6:7:8"]) {
    assert.deepEqual(parseZkAddress(host).hosts, [{ host, port: 2181 }]);
  }
  // Each is an address as it is, and one with a port.
  for (const text of ["::1:2181", "fe80::1:2181"]) {
    assert.throws(() => parseZkAddress(text), /write an IPv6 address in brackets/);
  }
});

Deno.test("what is no address is refused, naming the value and the rule", () => {
  const wrong = [
    "",
    ",",
    "h:",
    "h:0",
    "h:65536",
    "h:x",
    "h:1.5",
    "h:-1",
    "h,",
    "/a",
    "h//a",
    "h/a//b",
    "h/./b",
    "h/../b",
  ];
  for (const text of [...wrong, "h h", "h/a,h2", "zk://h:1", "h:1:2", "[::1", "[x]:1", "user@h"]) {
    assert.throws(() => parseZkAddress(text), (error) => {
      assert.ok(error instanceof UsageError, text);
      assert.ok(
        error.message.includes(JSON.stringify(text)) && error.message.includes("must be"),
        error.message,
      );
      return true;
    });
  }
});

Deno.test("an address is read back from its text", () => {
  const host = fc.constantFrom("localhost", "zk-1.example.org", "10.0.0.1", "::1", "fe80::2%lo");
  const plain = { noNullPrototype: true };
  const server = fc.record({ host, port: fc.integer({ min: 1, max: 65535 }) }, plain);
  const chroot = fc.constantFrom("", "/a", "/a/b-c/d_e");
  const address = fc.record({ hosts: fc.array(server, { minLength: 1, maxLength: 4 }), chroot }, plain);
  fc.assert(fc.property(address, (value) => assert.deepEqual(parseZkAddress(formatZkAddress(value)), value)));
});

Deno.test("any text gives an address or a UsageError", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    try {
      parseZkAddress(text);
    } catch (error) {
      assert.ok(error instanceof UsageError);
    }
  }));
});
