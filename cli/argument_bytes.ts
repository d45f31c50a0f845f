/**
 * Arguments that are no UTF-8. The runtime hands them over with U+FFFD for what it could not read, so two that differ
 * may look the same: they are refused by their bytes. Pure.
 */
import { UsageError } from "../lib/base/errors.ts";

/** Bytes of an argument that are shown. */
const SHOWN = 32;

/**
 * @param args as the runtime hands them over.
 * @param readCommandLine the bytes of the process's command line, each word with a NUL behind it; its last words are
 * the arguments. Asked only when an argument has U+FFFD; undefined where the system does not tell.
 * @throws {UsageError} naming the argument that is no UTF-8.
 */
export function checkArgumentBytes(
  args: readonly string[],
  readCommandLine: () => Uint8Array | undefined,
): void {
  if (!args.some((arg) => arg.includes("\ufffd"))) return;
  const line = readCommandLine();
  if (line === undefined) return;
  const words = wordsOf(line).slice(-args.length);
  for (const [i, word] of words.entries()) {
    if (isUtf8(word)) continue;
    throw new UsageError(
      `argument ${i + 1} is not UTF-8: its bytes are ${word.subarray(0, SHOWN).toHex()}` +
        (word.length > SHOWN ? "…" : ""),
    );
  }
}

function wordsOf(line: Uint8Array): Uint8Array[] {
  const words: Uint8Array[] = [];
  for (let at = 0; at < line.length;) {
    const end = line.indexOf(0, at);
    const stop = end < 0 ? line.length : end;
    words.push(line.subarray(at, stop));
    at = stop + 1;
  }
  return words;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
