import assert from "node:assert/strict";
import fc from "fast-check";
import { OPEN_ACL } from "../../../lib/zookeeper_server/acl.ts";
import { Op } from "../../../lib/zookeeper_server/protocol.ts";
import { apply, type TreeTxn } from "../../../lib/zookeeper_server/transactions.ts";
import { DataTree, NodeKind, type Undo, wireChildVersion } from "../../../lib/zookeeper_server/tree.ts";

function create(path: string, kind: number = NodeKind.persistent, owner = 0): TreeTxn {
  return { type: Op.create, path, data: new Uint8Array(3), acl: OPEN_ACL, kind, owner };
}

/** Everything a tree holds, comparable. */
function contents(tree: DataTree): unknown {
  const nodes = [...tree.nodes()].map(({ snapshot: _, children, ...rest }) => ({
    ...rest,
    children: children === null ? null : [...children].sort(),
  })).sort((a, b) => a.path < b.path ? -1 : 1);
  const ephemerals = [...tree.ephemerals()].map(([owner, paths]) => [owner, [...paths].sort()]).sort();
  return { nodes, ephemerals, bytes: tree.approximateBytes, count: tree.ephemeralCount };
}

Deno.test("A creation sets the node's statistics and the parent's pzxid and child version, nothing else", () => {
  const tree = new DataTree();
  apply(tree, create("/a"), 5, 100, null);
  apply(tree, create("/a/b"), 6, 200, null);
  const a = tree.get("/a")!;
  assert.deepEqual([a.czxid, a.mzxid, a.pzxid, a.ctime, a.mtime, a.version], [5, 5, 6, 100, 100, 0]);
  assert.equal(wireChildVersion(a), 1);
  const b = tree.get("/a/b")!;
  assert.deepEqual([b.czxid, b.mzxid, b.pzxid, b.ctime, b.mtime, b.owner], [6, 6, 6, 200, 200, 0]);
});

Deno.test("The child version counts creations and deletions; sequence numbers count creations only", () => {
  const tree = new DataTree();
  apply(tree, create("/a"), 1, 0, null);
  for (let i = 0; i < 3; i++) {
    apply(tree, create("/a/b"), 10 + i, 0, null);
    apply(tree, { type: Op.delete, path: "/a/b" }, 20 + i, 0, null);
  }
  const a = tree.get("/a")!;
  assert.equal(wireChildVersion(a), 6);
  assert.equal(a.created, 3);
  assert.equal(a.pzxid, 22);
  assert.equal(a.children, null);
});

Deno.test("A fresh root has Apache's statistics", () => {
  const tree = new DataTree();
  assert.equal(wireChildVersion(tree.get("/")!), -1);
  assert.equal(wireChildVersion(tree.get("/zookeeper")!), -2);
  assert.equal(tree.get("/zookeeper/config")!.aversion, -1);
  assert.equal(tree.size, 4);
});

Deno.test("Setting data raises the version; setting the list raises its own version only; -1 is skipped", () => {
  const tree = new DataTree();
  apply(tree, create("/a"), 1, 1, null);
  apply(tree, { type: Op.setData, path: "/a", data: null }, 2, 50, null);
  apply(tree, { type: Op.setAcl, path: "/a", acl: OPEN_ACL }, 3, 99, null);
  const a = tree.get("/a")!;
  assert.deepEqual([a.version, a.aversion, a.mzxid, a.mtime, a.czxid], [1, 1, 2, 50, 1]);
  a.version = -2;
  tree.setData(a, null, 4, 0);
  assert.equal(a.version, 0);
  a.version = 2 ** 31 - 1;
  tree.setData(a, null, 5, 0);
  assert.equal(a.version, -(2 ** 31));
});

Deno.test("Undoing gives back exactly what was there", () => {
  const names = ["/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/deep"];
  const step = fc.record({ path: fc.constantFrom(...names), kind: fc.nat(3), owner: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.array(step, { maxLength: 30 }), (before, within) => {
      const tree = new DataTree();
      let zxid = 0;
      const run = (steps: typeof before, undo: Undo[] | null) => {
        for (const { path, kind, owner } of steps) {
          const node = tree.get(path);
          const parent = tree.get(path.substring(0, path.lastIndexOf("/")) || "/");
          zxid++;
          if (kind <= 1) {
            if (node !== undefined || parent === undefined || parent.kind === NodeKind.ephemeral) continue;
            const leaf = owner > 0 ? create(path, NodeKind.ephemeral, owner) : create(path);
            apply(tree, leaf, zxid, zxid, undo);
          } else if (node === undefined) continue;
          else if (kind === 2 && node.children === null) {
            apply(tree, { type: Op.delete, path }, zxid, zxid, undo);
          } else if (kind === 3) {
            apply(tree, { type: Op.setData, path, data: new Uint8Array(zxid % 7) }, zxid, zxid, undo);
          }
        }
      };
      run(before, null);
      const was = structuredClone(contents(tree));
      const undo: Undo[] = [];
      run(within, undo);
      for (const back of undo.reverse()) back();
      assert.deepEqual(contents(tree), was);
    }),
  );
});

Deno.test("Ephemeral nodes are found by their session, and forgotten with it", () => {
  const tree = new DataTree();
  apply(tree, create("/e", NodeKind.ephemeral, 7), 1, 0, null);
  apply(tree, create("/f", NodeKind.ephemeral, 7), 2, 0, null);
  assert.deepEqual([...tree.ephemeralsOf(7)], ["/e", "/f"]);
  apply(tree, { type: Op.delete, path: "/e" }, 3, 0, null);
  apply(tree, { type: Op.delete, path: "/f" }, 4, 0, null);
  assert.equal(tree.ephemeralsOf(7).size, 0);
  assert.equal(tree.ephemerals().size, 0);
  assert.equal(tree.ephemeralCount, 0);
});

Deno.test("Containers are overdue once they had a child and have none; TTL nodes when nobody wrote them for that long", () => {
  const tree = new DataTree();
  apply(tree, create("/box", NodeKind.container), 1, 0, null);
  apply(tree, create("/brief", NodeKind.ttl, 1000), 2, 0, null);
  assert.deepEqual(tree.overdue(500), []);
  apply(tree, create("/box/x"), 3, 0, null);
  assert.deepEqual(tree.overdue(500), []);
  apply(tree, { type: Op.delete, path: "/box/x" }, 4, 0, null);
  assert.deepEqual(tree.overdue(500), ["/box"]);
  apply(tree, { type: Op.setData, path: "/brief", data: null }, 5, 800, null);
  assert.deepEqual(tree.overdue(1500), ["/box"]);
  assert.deepEqual(tree.overdue(1801), ["/box", "/brief"]);
  apply(tree, create("/brief/x"), 6, 0, null);
  assert.deepEqual(tree.overdue(1801), ["/box"]);
});
