import assert from "node:assert/strict";
import { joinAddresses } from "../../../cli/zookeeper_addresses.ts";
import { UsageError } from "../../../lib/base/errors.ts";

Deno.test("repeated addresses become one list with one chroot", () => {
  assert.equal(joinAddresses(["a:1"]), "a:1");
  assert.equal(joinAddresses(["a:1", "b:2,c:3"]), "a:1,b:2,c:3");
  assert.equal(joinAddresses(["a:1/chat", "b:2"]), "a:1,b:2/chat");
  assert.equal(joinAddresses(["a:1/chat", "b:2/chat/"]), "a:1,b:2/chat");
  assert.equal(joinAddresses(["a:1", "a:1"]), "a:1");
});

Deno.test("two chroots, or an empty entry, are refused", () => {
  assert.throws(() => joinAddresses(["a:1/x", "b:2/y"]), UsageError);
  assert.throws(() => joinAddresses(["a:1,"]), /got "a:1,"/);
  assert.throws(() => joinAddresses([""]), UsageError);
});
