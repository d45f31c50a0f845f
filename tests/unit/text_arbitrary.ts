/** Text of any code points. fast-check's own "binary" unit builds a table of all of them first, which takes seconds. */
import fc from "fast-check";

const codePoint = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0x80, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10ffff }),
);

/** Well-formed text, control characters and line ends included. */
export const anyText = fc.string({ unit: codePoint.map((point) => String.fromCodePoint(point)) });
