import assert from "node:assert/strict";
import fc from "fast-check";
import { mismatchesOf, mismatchText } from "../../../lib/model/match.ts";
import { publisherInfo, subscriberInfo } from "./match_fixture.ts";

const ownership = fc.constantFrom("exclusive" as const, "shared" as const);
const depth = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

Deno.test("a pair matches when enough is offered and both have the same ownership, and every failure is named", () => {
  fc.assert(fc.property(depth, depth, ownership, ownership, (offered, requested, one, other) => {
    const found = mismatchesOf(
      "A",
      publisherInfo({ offered, ownership: one }),
      subscriberInfo({ requested, ownership: other }),
    );
    assert.deepEqual(found.map(({ policy }) => policy), [
      ...(offered < requested ? ["history"] : []),
      ...(one === other ? [] : ["ownership"]),
    ]);
  }));
});

Deno.test("the flag that is named mends the mismatch, on either side", () => {
  fc.assert(fc.property(depth, depth, ownership, ownership, (offered, requested, one, other) => {
    const publisher = publisherInfo({ offered, ownership: one });
    const subscriber = subscriberInfo({ requested, ownership: other });
    const found = mismatchesOf("A", publisher, subscriber);
    for (const side of ["publisher", "subscriber"] as const) {
      const mended = { publisher: { ...publisher }, subscriber: { ...subscriber } };
      for (const { policy, fix } of found) {
        const [, flag, value] = new RegExp(`the ${side} with --(\\w+) (\\w+)`).exec(fix)!;
        assert.equal(flag, policy);
        if (policy === "ownership") mended[side].ownership = value as "exclusive" | "shared";
        else if (side === "publisher") mended.publisher.offered = Number(value);
        else mended.subscriber.requested = Number(value);
      }
      assert.deepEqual(mismatchesOf("A", mended.publisher, mended.subscriber), []);
    }
  }));
});

Deno.test("strength, address and centralized are no reason not to match", () => {
  const publisher = publisherInfo({ strength: -5, centralized: true, address: "" });
  assert.deepEqual(mismatchesOf("A", publisher, subscriberInfo({ centralized: false })), []);
});

Deno.test("a mismatch is one line with both values and both ways out", () => {
  const [mismatch] = mismatchesOf("A", publisherInfo({ offered: 5 }), subscriberInfo({ requested: 20 }));
  assert.equal(
    mismatchText(mismatch!),
    "no match on topic A: publisher p offers history 5, subscriber s requests history 20; " +
      "start the publisher with --history 20 or more, or the subscriber with --history 5 or less",
  );
});
