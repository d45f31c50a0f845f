/** Mismatches are told to the user once, though the broker repeats all that stand with every change. */
import { mismatchText } from "./match.ts";
import type { Mismatch } from "../wire/control.ts";

/** When more were told, those that no longer stand are forgotten: they are news if they come again. */
const MAX_TOLD = 1000;

/** Which mismatches were told. */
export class MismatchNotices {
  #told = new Set<string>();

  /** Those that are news, with their texts. @param mismatches all that stand. */
  fresh(mismatches: readonly Mismatch[]): { mismatch: Mismatch; text: string }[] {
    const standing = mismatches.map((mismatch) => ({ mismatch, text: mismatchText(mismatch) }));
    const notices = standing.filter(({ text }) => !this.#told.has(text));
    for (const { text } of notices) this.#told.add(text);
    if (notices.length > 0 && this.#told.size > MAX_TOLD) {
      this.#told = new Set(standing.map(({ text }) => text));
    }
    return notices;
  }
}
