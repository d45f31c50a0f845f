import assert from "node:assert/strict";
import { type Acl, OPEN_ACL } from "../../../lib/zookeeper_server/acl.ts";
import { Err, Op, Perm, Refusal } from "../../../lib/zookeeper_server/protocol.ts";
import {
  apply,
  checkNode,
  prepareCreate,
  prepareDelete,
  prepareSetAcl,
  prepareSetData,
} from "../../../lib/zookeeper_server/transactions.ts";
import { DataTree, NodeKind } from "../../../lib/zookeeper_server/tree.ts";

const STRANGER = [{ scheme: "ip", id: "10.0.0.1" }];
const BAD_ACL: Acl = [{ perms: 31, scheme: "nonsense", id: "x" }];

function only(perms: number): Acl {
  return [{ perms, scheme: "world", id: "anyone" }];
}

/** A tree with one node of every kind that refuses something. */
function tree(): DataTree {
  const made = new DataTree();
  const create = (path: string, acl = OPEN_ACL, kind: number = NodeKind.persistent, owner = 0) =>
    apply(made, { type: Op.create, path, data: null, acl, kind, owner }, 1, 1, null);
  create("/a");
  create("/a/x");
  create("/e", OPEN_ACL, NodeKind.ephemeral, 7);
  create("/locked", only(Perm.read));
  create("/dead", only(0));
  return made;
}

const code = (action: () => unknown): number => {
  try {
    action();
    return Err.ok;
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.code;
  }
};

Deno.test("A create is checked in Apache's order: flags, slash, list, parent, permission, path, exists, ephemeral parent", () => {
  const create = (path: string, acl: Acl = OPEN_ACL, flags = 0) =>
    code(() => prepareCreate(tree(), { op: Op.create, path, data: null, acl, flags, ttl: 0 }, STRANGER, 1));
  assert.equal(create("nothing", BAD_ACL, 9), Err.badArguments, "flags before all");
  assert.equal(create("no-slash", BAD_ACL), Err.badArguments, "slash before list");
  assert.equal(create("/missing/x", BAD_ACL), Err.invalidAcl, "list before parent");
  assert.equal(create("/missing//x"), Err.noNode, "parent before path");
  assert.equal(create("/locked/.."), Err.noAuth, "permission before path");
  assert.equal(create("/a/.."), Err.badArguments);
  assert.equal(create("/e/.."), Err.badArguments, "path before ephemeral parent");
  assert.equal(create("/a/x"), Err.nodeExists);
  assert.equal(create("/e/x"), Err.noChildrenForEphemerals);
  assert.equal(create("/"), Err.nodeExists);
  assert.equal(create("/a/y"), Err.ok);
  assert.equal(create("/a/", OPEN_ACL, 2), Err.ok, "a sequence number makes a name");
  assert.equal(create("/a/"), Err.badArguments);
});

Deno.test("A delete is checked in Apache's order: built in, parent, permission of the parent, node, version, children", () => {
  const remove = (path: string, version = -1) => code(() => prepareDelete(tree(), path, version, STRANGER));
  for (const path of ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "no-slash"]) {
    assert.equal(remove(path), Err.badArguments, path);
  }
  assert.equal(remove("/missing/x"), Err.noNode);
  assert.equal(remove("/locked/missing"), Err.noAuth, "permission before node");
  assert.equal(remove("/missing", 5), Err.noNode);
  assert.equal(remove("/a", 5), Err.badVersion, "version before children");
  assert.equal(remove("/a"), Err.notEmpty);
  assert.equal(remove("/dead"), Err.ok, "the node's own list is not asked");
});

Deno.test("setData, setACL and check are checked in Apache's order", () => {
  const set = (path: string, version = -1) =>
    code(() => prepareSetData(tree(), path, null, version, STRANGER));
  assert.equal(set("/bad//path"), Err.badArguments);
  assert.equal(set("/missing", 5), Err.noNode);
  assert.equal(set("/locked", 5), Err.noAuth, "permission before version");
  assert.equal(set("/a", 5), Err.badVersion);
  assert.equal(set("/a", 0), Err.ok);
  const acl = (path: string, list: Acl, version = -1) =>
    code(() => prepareSetAcl(tree(), path, list, version, STRANGER));
  assert.equal(acl("/missing", BAD_ACL), Err.invalidAcl, "list before node");
  assert.equal(acl("/missing", OPEN_ACL), Err.noNode);
  assert.equal(acl("/locked", OPEN_ACL, 5), Err.noAuth);
  assert.equal(acl("/a", OPEN_ACL, 5), Err.badVersion);
  assert.equal(acl("/a", OPEN_ACL, 0), Err.ok);
  const check = (path: string, version = -1) => code(() => checkNode(tree(), path, version, STRANGER));
  assert.equal(check("/missing", 5), Err.noNode);
  assert.equal(check("/dead", 5), Err.noAuth);
  assert.equal(check("/locked", 5), Err.badVersion);
  assert.equal(check("/locked", 0), Err.ok);
});

Deno.test("TTL nodes need a time to live, containers their operation", () => {
  const create = (op: number, flags: number, ttl = 0) =>
    code(() => prepareCreate(tree(), { op, path: "/n", data: null, acl: OPEN_ACL, flags, ttl }, STRANGER, 1));
  assert.equal(create(Op.createTtl, 5, 1000), Err.ok);
  assert.equal(create(Op.createTtl, 6, 1000), Err.ok);
  for (const ttl of [0, -1, 2 ** 40]) assert.equal(create(Op.createTtl, 5, ttl), Err.badArguments);
  assert.equal(create(Op.createTtl, 0, 1000), Err.badArguments);
  assert.equal(create(Op.createContainer, 4), Err.ok);
  assert.equal(create(Op.createContainer, 1), Err.badArguments);
  for (const flags of [-1, 4, 5, 6, 7]) assert.equal(create(Op.create, flags), Err.badArguments);
});
