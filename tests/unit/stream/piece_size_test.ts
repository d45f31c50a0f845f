import assert from "node:assert/strict";
import { PieceSize } from "../../../lib/stream/piece_size.ts";

/** What one gets of a message of so many samples who takes each in so many milliseconds: the sizes of the pieces. */
function pieces(samples: number, msEach: number): number[] {
  const size = new PieceSize();
  const sizes: number[] = [];
  for (let left = samples; left > 0;) {
    const piece = Math.min(left, size.samples);
    sizes.push(piece);
    size.took(piece, piece * msEach);
    left -= piece;
  }
  return sizes;
}

Deno.test("case 48: who takes slowly gets pieces of a quarter of a second, who is fast gets it whole", () => {
  assert.deepEqual(pieces(5, 2000), [1, 1, 1, 1, 1]);
  assert.deepEqual(pieces(30, 25), [1, 10, 10, 9]);
  assert.deepEqual(pieces(900, 0.001), [1, 899]);
  assert.deepEqual(pieces(900, 0), [1, 899]);
});

Deno.test("a stall makes one piece small, and the next one tells how fast it really is", () => {
  const size = new PieceSize();
  size.took(1000, 1);
  size.took(1000, 2500);
  assert.equal(size.samples, 100);
  size.took(100, 0.1);
  assert.equal(size.samples, 250_000);
});
