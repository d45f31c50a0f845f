import assert from "node:assert/strict";
import { LEAST_CREDIT, MOST_IN_FLIGHT } from "../../../lib/stream/budget.ts";
import { Credit } from "../../../lib/stream/credit.ts";

Deno.test("all publishers together get no more than the whole, as long as a share is worth having", () => {
  for (let publishers = 1; publishers <= 128; publishers++) {
    const credit = new Credit();
    credit.divide(publishers);
    const { bytes, messages } = credit.share;
    assert.ok(bytes * publishers <= MOST_IN_FLIGHT.bytes, `${publishers} × ${bytes}`);
    assert.ok(messages * publishers <= MOST_IN_FLIGHT.messages, `${publishers} × ${messages}`);
    assert.ok(bytes * publishers * 2 > MOST_IN_FLIGHT.bytes, "at least half of it");
  }
  const credit = new Credit();
  credit.divide(10_000);
  assert.deepEqual(credit.share, LEAST_CREDIT);
});

Deno.test("shares change seldom while publishers come", () => {
  const credit = new Credit();
  let changes = 0;
  for (let publishers = 0; publishers <= 1000; publishers++) if (credit.divide(publishers)) changes++;
  assert.equal(changes, 10);
  assert.equal(credit.divide(1), true);
  assert.deepEqual(credit.share, MOST_IN_FLIGHT);
});
