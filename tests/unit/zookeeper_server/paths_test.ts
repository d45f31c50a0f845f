import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isBuiltIn,
  isValidPath,
  nameOf,
  parentOf,
  sequenceSuffix,
} from "../../../lib/zookeeper_server/paths.ts";

Deno.test("Paths are valid by Apache's rules", () => {
  for (const path of ["/", "/a", "/a/b", "/a.b", "/.a", "/a./b", "/...", "/é", "/a b", "/\u4e2d"]) {
    assert.equal(isValidPath(path), true, path);
  }
  const bad = ["", "a", "a/b", "/a/", "//", "/a//b", "/.", "/..", "/a/.", "/a/..", "/./a", "/../a", "/a/./b"];
  bad.push(
    "/a\0",
    "/a\u0001",
    "/\u001f",
    "/\u007f",
    "/\u009f",
    "/\ud83d\ude00",
    "/\ue000",
    "/\uf8ff",
    "/\ufff0",
  );
  for (const path of bad) assert.equal(isValidPath(path), false, JSON.stringify(path));
});

Deno.test("A path is its parent, a slash and its name", () => {
  const name = fc.stringMatching(/^[a-z0-9._-]{1,8}$/).filter((text) => text !== "." && text !== "..");
  fc.assert(fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), (names) => {
    const path = "/" + names.join("/");
    assert.ok(isValidPath(path));
    assert.equal(nameOf(path), names.at(-1));
    assert.equal(parentOf(path), names.length === 1 ? "/" : "/" + names.slice(0, -1).join("/"));
  }));
});

Deno.test("A path without a slash, or with NUL, has no parent", () => {
  assert.equal(parentOf("abc"), null);
  assert.equal(parentOf(""), null);
  assert.equal(parentOf("/a\0/b"), null);
});

Deno.test("The built-in nodes are exactly four", () => {
  for (const path of ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]) assert.ok(isBuiltIn(path));
  for (const path of ["/zookeeper/other", "/zookeeper/quota/x", "/a"]) assert.ok(!isBuiltIn(path));
});

Deno.test("Sequence numbers are printed as Java's %010d", () => {
  assert.equal(sequenceSuffix(0), "0000000000");
  assert.equal(sequenceSuffix(42), "0000000042");
  assert.equal(sequenceSuffix(2 ** 31 - 1), "2147483647");
  assert.equal(sequenceSuffix(-5), "-000000005");
});
