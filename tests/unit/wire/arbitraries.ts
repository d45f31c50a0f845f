/** Names as the wire carries them, for property tests: short ones that are prefixes of each other come often. */
import fc from "fast-check";
import { isTopic } from "../../../lib/base/names.ts";

/** Ids: often of two letters, so that one begins with another. */
export const id: fc.Arbitrary<string> = fc.oneof(
  fc.stringMatching(/^[ab]{1,4}$/),
  fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
);

/** Topics, some of them strange. */
export const topic: fc.Arbitrary<string> = fc.oneof(
  fc.stringMatching(/^[AB]{1,4}$/),
  fc.constantFrom("\ufeffA", "A/B", "€".repeat(85), "L", "R", "aL", " "),
  fc.string({ unit: "binary", minLength: 1, maxLength: 100 }).filter(isTopic),
);

export const u32 = fc.oneof(fc.nat(10), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

/** Numbers of samples, around the places where their encoding has seams. */
export const sequence: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.integer({ min: 2 ** 32 - 10, max: 2 ** 32 + 10 }),
  fc.integer({ min: 2 ** 53 - 2000, max: 2 ** 53 - 1000 }),
);

/** Bytes with some of them changed, cut off, or added. */
export function mangled(whole: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const change = fc.record({ at: fc.nat(600), value: fc.integer({ min: 0, max: 255 }) });
  return fc.tuple(whole, fc.array(change, { maxLength: 4 }), fc.nat(40), fc.uint8Array({ maxLength: 20 }))
    .map(
      ([bytes, changes, cut, more]) => {
        const result = new Uint8Array([...bytes.subarray(0, Math.max(0, bytes.length - cut)), ...more]);
        for (const { at, value } of changes) if (result.length > 0) result[at % result.length] = value;
        return result;
      },
    );
}
