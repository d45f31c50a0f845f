/**
 * Text that somebody else chose, made fit for a terminal, a log or an error line. Pure.
 *
 * Guarantee: one line in which nothing acts on the terminal: control characters (a terminal's escape sequences begin
 * with one), line breaks, characters that turn the writing direction, invisible format characters and halves of
 * surrogate pairs are shown as `\n`, `\u001b`, `\u202e`; and it is no longer than the limit. JSON output has escapes of
 * its own and does not pass here.
 */

/** Characters of one line of a log or an error, at most. */
const LINE = 4096;

// Controls (Cc), line and paragraph separators, lone surrogates, format characters (Cf: writing direction, zero width,
// byte order mark) without the two joiners that several scripts are written with.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|(?![\u200c\u200d])\p{Cf}/u;
const EVERY_UNPRINTABLE = new RegExp(UNPRINTABLE, "gu");

/** `text` on one line, escaped, cut after `limit` characters with a note of how many are left out. */
export function printable(text: string, limit: number = LINE): string {
  let left = "";
  if (text.length > limit) {
    left = `… (${text.length - limit} more characters)`;
    text = text.slice(0, limit);
  }
  return (UNPRINTABLE.test(text) ? text.replace(EVERY_UNPRINTABLE, escaped) : text) + left;
}

function escaped(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  const code = character.codePointAt(0)!.toString(16);
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`;
}
