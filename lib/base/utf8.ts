/**
 * Bytes that are text, exactly: what is no UTF-8 is refused instead of read as something else (two names that differ
 * would fall together), and a byte order mark is a character like every other (it would vanish from a name). Pure.
 */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text; undefined when the bytes are no UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
