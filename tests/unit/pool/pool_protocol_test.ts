import assert from "node:assert/strict";
import fc from "fast-check";
import { parseNews, parseOrder } from "../../../lib/pool/pool_protocol.ts";

Deno.test("orders and news are one JSON object a line; anything else is none", () => {
  assert.deepEqual(parseOrder('{"do":"join","zone":3}'), { do: "join", zone: 3 });
  assert.deepEqual(parseOrder('{"do":"drain","on":false}'), { do: "drain", on: false });
  assert.deepEqual(parseNews('{"is":"drained","pinned":2}'), { is: "drained", pinned: 2 });
  for (const line of ["", "{", "null", "[]", '{"do":"join"}', '{"do":"join","zone":0}', '{"do":"die"}']) {
    assert.equal(parseOrder(line), undefined, line);
    assert.equal(parseNews(line), undefined, line);
  }
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
    parseOrder(line);
    parseNews(line);
  }));
});
