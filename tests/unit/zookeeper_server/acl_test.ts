import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Acl,
  addressBytes,
  digestOf,
  effectiveAcl,
  ipMatches,
  isGranted,
  OPEN_ACL,
  withoutHashes,
} from "../../../lib/zookeeper_server/acl.ts";
import { Err, Perm, Refusal } from "../../../lib/zookeeper_server/protocol.ts";

const ip = (id: string) => ({ scheme: "ip", id });
const refusesAsInvalid = (action: () => unknown) =>
  assert.throws(action, (error) => error instanceof Refusal && error.code === Err.invalidAcl);

Deno.test("A digest is user and base64 of the SHA-1 of user:password", () => {
  // The example of ZooKeeper's own documentation for super:superpw.
  assert.equal(digestOf("super:superpw"), "super:g9oN2HttPfn8MMWJZ2r45Np/LIA=");
  assert.equal(digestOf(new TextEncoder().encode("super:superpw")), "super:g9oN2HttPfn8MMWJZ2r45Np/LIA=");
});

Deno.test("An address is matched by itself and by ranges that hold it", () => {
  assert.ok(ipMatches("127.0.0.1", "127.0.0.1"));
  assert.ok(ipMatches("127.0.0.1", "127.0.0.0/8"));
  assert.ok(ipMatches("10.1.2.3", "10.1.2.0/23"));
  assert.ok(!ipMatches("10.1.4.3", "10.1.2.0/23"));
  assert.ok(ipMatches("1.2.3.4", "0.0.0.0/0"));
  assert.ok(ipMatches("::1", "::1"));
  assert.ok(ipMatches("2001:db8::5", "2001:db8::/32"));
  assert.ok(!ipMatches("2001:db9::5", "2001:db8::/32"));
  assert.ok(ipMatches("::ffff:127.0.0.1", "127.0.0.1"));
  assert.ok(!ipMatches("127.0.0.1", "::1"));
});

Deno.test("What is no address is none", () => {
  for (
    const text of ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", ":::", "1::2::3", "12345::", "::1%eth0"]
  ) {
    assert.equal(addressBytes(text), null, text);
  }
  assert.deepEqual(addressBytes("::"), new Uint8Array(16));
});

Deno.test("Reading an address is total", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."0123456789abcf:./%") }), (text) => {
    const bytes = addressBytes(text);
    assert.ok(bytes === null || bytes.length === 4 || bytes.length === 16);
  }));
});

Deno.test("Duplicates go, and auth becomes the digest identities of the client", () => {
  const wanted: Acl = [
    { perms: 31, scheme: "world", id: "anyone" },
    { perms: 31, scheme: "world", id: "anyone" },
    { perms: 1, scheme: "auth", id: "" },
  ];
  const identities = [ip("127.0.0.1"), { scheme: "digest", id: "ann:h" }, { scheme: "digest", id: "bob:h" }];
  assert.deepEqual(effectiveAcl(wanted, identities), [
    { perms: 31, scheme: "world", id: "anyone" },
    { perms: 1, scheme: "digest", id: "ann:h" },
    { perms: 1, scheme: "digest", id: "bob:h" },
  ]);
});

Deno.test("Empty, unknown and malformed lists are refused as invalid", () => {
  const bad: Acl[] = [
    [],
    [{ perms: 31, scheme: "world", id: "somebody" }],
    [{ perms: 31, scheme: "nonsense", id: "x" }],
    [{ perms: 31, scheme: "digest", id: "nohash" }],
    [{ perms: 31, scheme: "digest", id: "a:b:c" }],
    [{ perms: 31, scheme: "ip", id: "1.2.3.4/33" }],
    [{ perms: 31, scheme: "ip", id: "host" }],
    [{ perms: 31, scheme: "auth", id: "" }],
  ];
  for (const acl of bad) refusesAsInvalid(() => effectiveAcl(acl, [ip("127.0.0.1")]));
});

Deno.test("A permission is granted by any entry that has the bit and names the client", () => {
  const acl: Acl = [
    { perms: Perm.read, scheme: "world", id: "anyone" },
    { perms: Perm.write, scheme: "digest", id: "ann:h" },
    { perms: Perm.admin, scheme: "ip", id: "10.0.0.0/8" },
  ];
  const ann = [ip("127.0.0.1"), { scheme: "digest", id: "ann:h" }];
  assert.ok(isGranted(acl, Perm.read, []));
  assert.ok(!isGranted(acl, Perm.write, [ip("127.0.0.1")]));
  assert.ok(isGranted(acl, Perm.write, ann));
  assert.ok(!isGranted(acl, Perm.admin, ann));
  assert.ok(isGranted(acl, Perm.admin, [ip("10.9.8.7")]));
  assert.ok(isGranted(acl, Perm.read | Perm.admin, []), "either bit is enough");
  assert.ok(isGranted(OPEN_ACL, Perm.admin, []));
});

Deno.test("Hashes are hidden, everything else is shown", () => {
  const acl: Acl = [{ perms: 1, scheme: "digest", id: "ann:secret" }, {
    perms: 1,
    scheme: "world",
    id: "anyone",
  }];
  assert.deepEqual(withoutHashes(acl), [
    { perms: 1, scheme: "digest", id: "ann:x" },
    { perms: 1, scheme: "world", id: "anyone" },
  ]);
});
