import assert from "node:assert/strict";
import fc from "fast-check";
import { peersOf, personaOf } from "../../../lib/crowd/layout.ts";
import { MatchIndex } from "../../../lib/model/match_index.ts";

Deno.test("a simulated client waits for as many peers as the brokers will match it with", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 7 }),
      fc.boolean(),
      (count, fanOut, hot) => {
        const index = new MatchIndex();
        const crowd = Array.from({ length: count }, (_, i) => personaOf(i, { fanOut, hot }));
        for (const { role, info } of crowd) {
          if (role === "publisher") index.setPublisher(info);
          else index.setSubscriber(info);
        }
        assert.equal(index.publishers.size + index.subscribers.size, count, "every id is its own");
        for (const [i, persona] of crowd.entries()) {
          const matches = [...index.of(persona, false)];
          assert.ok(matches.every(({ mismatches }) => mismatches.length === 0));
          assert.equal(matches.length, peersOf(i, count, { fanOut, hot }));
        }
      },
    ),
  );
});
