/** Mismatches are told to the user once, though the broker repeats them with every change. */
import { mismatchText } from "./match.ts";
import type { Mismatch } from "./wire/control.ts";

/** More than so many different ones are not remembered: what was told long ago is told again. */
const MAX_TOLD = 1000;

/** Which mismatches were told. */
export class MismatchNotices {
  readonly #told = new Set<string>();

  /** Those that are news, with their texts. */
  fresh(mismatches: readonly Mismatch[]): { mismatch: Mismatch; text: string }[] {
    const notices = mismatches.map((mismatch) => ({ mismatch, text: mismatchText(mismatch) }))
      .filter(({ text }) => !this.#told.has(text));
    if (this.#told.size + notices.length > MAX_TOLD) this.#told.clear();
    for (const { text } of notices) this.#told.add(text);
    return notices;
  }
}
