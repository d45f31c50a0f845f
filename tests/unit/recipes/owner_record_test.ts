import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatContender,
  formatOwner,
  parseContender,
  parseOwner,
  writerOf,
} from "../../../lib/recipes/owner_record.ts";
import type { Stat } from "../../../lib/zk/requests.ts";

const encoder = new TextEncoder();
const stat = (mzxid: bigint): Stat => ({
  czxid: 1n,
  mzxid,
  pzxid: 1n,
  ctime: 0,
  mtime: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
});

Deno.test("an owner's record is read back, with the node's mzxid as epoch", () => {
  const contender = fc.record({ publisher: fc.string(), strength: fc.integer() }, { noNullPrototype: true });
  fc.assert(
    fc.property(contender, fc.string(), fc.bigInt({ min: 1n, max: 2n ** 62n }), (given, name, mzxid) => {
      const data = encoder.encode(formatOwner(given, name));
      assert.deepEqual(parseOwner(data, stat(mzxid)), { ...given, epoch: mzxid });
      assert.equal(writerOf(data), name);
      assert.deepEqual(parseContender(encoder.encode(formatContender(given))), given);
    }),
  );
});

Deno.test("any bytes give a record or nothing", () => {
  fc.assert(fc.property(fc.uint8Array(), (data) => {
    parseOwner(data, stat(1n));
    writerOf(data);
  }));
  const texts = [
    "",
    "null",
    "[]",
    "1",
    '{"publisher":1,"strength":0}',
    '{"publisher":"p"}',
    '{"publisher":"p","strength":"9"}',
  ];
  for (const text of texts) {
    assert.equal(parseOwner(encoder.encode(text), stat(1n)), undefined, text);
    assert.equal(parseContender(encoder.encode(text)), undefined, text);
  }
});
