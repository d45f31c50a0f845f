/**
 * In which pieces a user gets what came in one message, so that one who takes slowly is seen to make progress: what has
 * been taken is acknowledged piece by piece. Pure: the caller measures.
 */

/** A piece is to take so long, milliseconds: short against the time for which a publisher waits for a slow reader. */
const PIECE_MS = 250;

/** Samples of the next piece, by how long the last one took. */
export class PieceSize {
  #samples = 1;

  /** At most so many. */
  get samples(): number {
    return this.#samples;
  }

  /** A piece of so many samples was taken in so many milliseconds. */
  took(samples: number, ms: number): void {
    this.#samples = ms > 0 ? Math.max(1, Math.floor(samples * PIECE_MS / ms)) : Infinity;
  }
}
