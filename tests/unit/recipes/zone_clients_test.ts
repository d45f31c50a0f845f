import assert from "node:assert/strict";
import fc from "fast-check";
import { formatZoneCount, parseZoneCount } from "../../../lib/recipes/zone_clients.ts";

Deno.test("a zone's count is decimal text, with those who stay behind it", () => {
  assert.equal(formatZoneCount({ clients: 12, pinned: 0 }), "12");
  assert.equal(formatZoneCount({ clients: 12, pinned: 3 }), "12 3");
  fc.assert(fc.property(fc.nat(1e6), fc.nat(1e6), (clients, part) => {
    const count = { clients, pinned: Math.min(clients, part) };
    assert.deepEqual(parseZoneCount(formatZoneCount(count)), count);
  }));
  for (const text of ["", "x", "-1", "1.5", "3 4", "1 ", " 1", "1 1 1", "9999999999"]) {
    assert.equal(parseZoneCount(text), undefined, text);
  }
});
